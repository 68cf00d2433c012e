import { expect, it } from 'vitest';
import { withMergedChanges } from '../../../src/diagnose/ecs/merged-changes.ts';
import type { Finding } from '../../../src/diagnose/finding.ts';

it('makes one revision and one deployment, which are the same in each finding', () => {
  const redeploy = { kind: 'redeploy-service', cluster: 'demo', service: 'web' } as const;
  const register = { kind: 'register-task-definition', taskDefinition: 'web:3' } as const;
  const container = { taskDefinition: 'web:3', container: 'app' };
  const findings: readonly Finding[] = [
    {
      id: 'readonly-root-filesystem',
      severity: 'blocking',
      evidence: container,
      fixes: [
        [
          { ...register, changes: { containers: [{ name: 'app', readonlyRoot: false }] } },
          { ...redeploy, family: 'web' },
        ],
      ],
    },
    {
      id: 'exec-not-enabled',
      severity: 'blocking',
      evidence: { cluster: 'demo', task: '1', container: 'app', service: 'web', serviceEnabled: false },
      fixes: [[{ ...redeploy, enableExecuteCommand: true }]],
    },
    {
      id: 'init-process-off',
      severity: 'warning',
      evidence: { taskDefinition: 'web:3', containers: ['app'] },
      fixes: [
        [
          { ...register, changes: { containers: [{ name: 'app', initProcess: true }] } },
          { ...redeploy, family: 'web' },
        ],
      ],
    },
  ];
  const changes = withMergedChanges(findings).flatMap(({ fixes }) => fixes[0] ?? []);
  expect(
    [...new Set(changes.map((change) => JSON.stringify(change)))].map((text) => JSON.parse(text) as unknown),
  ).toEqual([
    { ...register, changes: { containers: [{ name: 'app', readonlyRoot: false, initProcess: true }] } },
    { ...redeploy, family: 'web', enableExecuteCommand: true },
  ]);
});
