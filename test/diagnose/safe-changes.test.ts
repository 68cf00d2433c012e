import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/diagnose/change.ts';
import type { Finding } from '../../src/diagnose/finding.ts';
import { safeChangesOf } from '../../src/diagnose/safe-changes.ts';

const ROLE = 'arn:aws:iam::111122223333:role/orders-task';
const allowFor = (principal: string, policy: 'identity' | 'permissions-boundary' = 'identity'): Change => ({
  kind: 'allow-actions',
  principal,
  policy,
  statement: 'Channels',
  actions: ['ssmmessages:OpenDataChannel'],
  resources: ['*'],
  when: [],
});
const redeploy = (more: object = {}): Change => ({
  kind: 'redeploy-service',
  cluster: 'shop',
  service: 'orders-api',
  ...more,
});
const lacking = (...fixes: readonly (readonly Change[])[]): Finding => ({
  id: 'action-not-granted',
  severity: 'blocking',
  evidence: { principal: ROLE, actions: ['ssmmessages:OpenDataChannel'] },
  fixes,
});
const readOnlyRoot: Finding = {
  id: 'readonly-root-filesystem',
  severity: 'blocking',
  evidence: { container: 'app', taskDefinition: 'orders-api:1' },
  fixes: [[{ kind: 'register-task-definition', taskDefinition: 'orders-api:1', changes: {} }, redeploy()]],
};

describe('the changes that are made without a person', () => {
  it('are a statement of the task role, and the deployment that it needs', () => {
    expect(safeChangesOf([lacking([allowFor(ROLE), redeploy()])], ROLE)).toMatchObject({
      changes: [{ kind: 'attach-statement', role: 'orders-task' }],
      removes: ['action-not-granted'],
      deployment: { cluster: 'shop', service: 'orders-api' },
      stopsNewTasks: [],
    });
  });

  it.each([
    ['another principal', allowFor('arn:aws:iam::111122223333:user/ann')],
    ['a permissions boundary', allowFor(ROLE, 'permissions-boundary')],
    ['a denial', { ...allowFor(ROLE), kind: 'withdraw-denial' } as Change],
    [
      'a rule of a bastion that does not exist yet',
      { kind: 'admit', group: 'sg-1', port: 1, from: 'own-group' },
    ],
    ['a stopped database', { kind: 'start-database', database: 'orders' }],
  ] as const)('are not: %s', (_, change) => {
    expect(safeChangesOf([lacking([change])], ROLE).changes).toEqual([]);
  });

  it('are those of the first alternative that has no other', () => {
    const account = { account: '111122223333', region: 'eu-west-1', partition: 'aws' };
    const newRole: Change = { kind: 'create-task-role', role: 'new', ...account };
    const { changes } = safeChangesOf([lacking([newRole, allowFor(ROLE)], [allowFor(ROLE)])], ROLE);
    expect(changes).toHaveLength(1);
  });

  it('are made once, if several findings need the same', () => {
    const rule: Change = { kind: 'admit', group: 'sg-1', port: 443, from: ['10.0.0.0/16'] };
    expect(safeChangesOf([lacking([rule]), lacking([rule])], ROLE).changes).toEqual([
      { kind: 'add-rule', direction: 'ingress', group: 'sg-1', port: 443, peers: ['10.0.0.0/16'] },
    ]);
  });

  it('contain no deployment by another controller, or of another platform version', () => {
    const of = (more: object) => safeChangesOf([lacking([redeploy(more)])], ROLE).deployment;
    expect(of({ controller: 'CODE_DEPLOY' })).toBeUndefined();
    expect(of({ platformVersion: 'LATEST' })).toBeUndefined();
    expect(of({ enableExecuteCommand: true })).toBeDefined();
  });

  it('name what would stop the new tasks, too', () => {
    const { deployment, stopsNewTasks } = safeChangesOf(
      [lacking([allowFor(ROLE), redeploy()]), readOnlyRoot],
      ROLE,
    );
    expect(deployment).toBeDefined();
    expect(stopsNewTasks.map(({ id }) => id)).toEqual(['readonly-root-filesystem']);
  });
});
