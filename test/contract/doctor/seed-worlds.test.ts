import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { loadWorld } from '../../../src/sandbox/world/load-world.ts';
import { cli } from '../../support/cli-in-process.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/**
 * The stacks of real accounts as world files that are shipped (docs/worlds): `doctor` reports the same of each as of the
 * stack of the built-in world.
 */

const FOLDER = 'docs/worlds';
const builtIn = testSandbox();

const STACKS = [
  {
    file: 'flask-api-gateway.yaml',
    service: 'ecs-service',
    cluster: 'ecs-cluster',
    findings: ['action-not-granted', 'exec-not-enabled', 'task-role-is-execution-role', 'init-process-off'],
  },
  {
    file: 'nginx-load-balancer.yaml',
    service: 'example-app-api',
    cluster: 'example-app-cluster',
    findings: ['action-not-granted', 'exec-not-enabled', 'init-process-off'],
  },
  {
    file: 'service-connect-without-task-role.yaml',
    service: 'backend-flask',
    cluster: 'cruddur',
    findings: ['task-role-missing', 'aws-keys-in-container', 'init-process-off'],
  },
  {
    file: 'shared-execution-role.yaml',
    service: 'node-aws-ecs',
    cluster: 'node-aws-ecs',
    findings: ['action-not-granted', 'task-role-is-execution-role', 'init-process-off'],
  },
] as const;

interface ReportedFinding {
  readonly id: string;
  readonly severity: string;
  readonly message: string;
}

/** Identifiers of tasks differ between the worlds, and their ages do. */
const withoutIds = (text: string): string => text.replaceAll(/\b[0-9a-f]{32}\b/g, 'TASK');

async function reported(
  sandbox: Sandbox,
  { service, cluster }: (typeof STACKS)[number],
): Promise<readonly ReportedFinding[]> {
  const { stdout, stderr } = await cli(['doctor', service, '--cluster', cluster, '--json'], {
    env: sandbox.env,
  });
  if (stdout === '') throw new Error(stderr);
  const { findings } = JSON.parse(stdout) as { readonly findings: readonly ReportedFinding[] };
  return findings.map(({ id, severity, message }) => ({ id, severity, message: withoutIds(message) }));
}

describe.each(STACKS)('$file', (stack) => {
  const seed = loadWorld({ file: `${FOLDER}/${stack.file}`, services: 0, tasks: 0 });

  it('has this stack alone', () => {
    expect(seed.services.map(({ name, cluster }) => [cluster, name])).toEqual([
      [stack.cluster, stack.service],
    ]);
    expect(seed.clusters.map(({ name }) => name)).toEqual([stack.cluster]);
  });

  it('gets the findings of the stack in the built-in world', async () => {
    const sandbox = await startSandbox({ seed });
    try {
      const [here, there] = await Promise.all([reported(sandbox, stack), reported(builtIn(), stack)]);
      expect(here.map(({ id }) => id)).toEqual(stack.findings);
      expect(here).toEqual(there);
    } finally {
      await sandbox.close();
    }
  });
});

it('are all the shipped worlds, besides the bastion of Terraform', () => {
  expect(readdirSync(FOLDER).toSorted()).toEqual(
    [...STACKS.map(({ file }) => file), 'terraform-bastion.yaml'].toSorted(),
  );
});
