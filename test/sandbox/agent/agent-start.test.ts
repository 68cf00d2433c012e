import { describe, expect, it } from 'vitest';
import { AgentRole } from '../../../src/sandbox/agent/agent-role.ts';
import { startInstanceAgent } from '../../../src/sandbox/agent/agent-start.ts';

const ROLE = 'arn:aws:sts::111122223333:assumed-role/ops/i-1';

/** Starts the agent of an instance whose role may do everything except `denied`. */
function start(
  denied: string | undefined,
  over: {
    readonly reaches?: boolean;
    readonly role?: string | undefined;
    readonly untrustedRole?: string;
  } = {},
) {
  const access = {
    refusalOf: (
      _role: string,
      _session: string,
      check: { readonly action: string; readonly resource: string },
    ) =>
      check.action === denied
        ? `User: ${ROLE} is not authorized to perform: ${check.action} on resource: ${check.resource} because …`
        : undefined,
  };
  const roleName = 'role' in over ? over.role : 'ops';
  return startInstanceAgent({
    role: new AgentRole(access, roleName, 'i-1'),
    untrustedRole: over.untrustedRole,
    instanceId: 'i-1',
    region: 'eu-west-1',
    accountId: '111122223333',
    reachesSessionManager: over.reaches ?? true,
  });
}

describe('the start of an instance’s agent', () => {
  it('opens a control channel', () => {
    const { isOnline, hasControlChannel, log } = start(undefined);
    expect([isOnline, hasControlChannel]).toEqual([true, true]);
    expect(log.at(-1)?.text).toContain('Set up control channel successfully');
  });

  it.each([
    [
      'ssm:UpdateInstanceInformation',
      'WARN',
      'arn:aws:ec2:eu-west-1:111122223333:instance/i-1',
      false,
      'Sleeping for',
    ],
    ['ssmmessages:CreateControlChannel', 'ERROR', 'arn:aws:ssmmessages:eu-west-1:111122223333:*', true, ''],
  ])('without permission for %s, the log names the action', (action, level, resource, online, last) => {
    const { isOnline, hasControlChannel, log } = start(action);
    expect([isOnline, hasControlChannel]).toEqual([online, false]);
    expect(log).toContainEqual({
      level,
      text: expect.stringContaining(
        `User: ${ROLE} is not authorized to perform: ${action} on resource: ${resource}`,
      ) as string,
    });
    expect(log.at(-1)?.text).toContain(last);
  });

  it('without permission for ssmmessages:OpenControlChannel, the log holds only the status of the upgrade', () => {
    const { isOnline, hasControlChannel, log } = start('ssmmessages:OpenControlChannel');
    expect([isOnline, hasControlChannel]).toEqual([true, false]);
    expect(log.at(-1)).toEqual({
      level: 'WARN',
      text: expect.stringContaining('Failed to dial websocket, status: 403 Forbidden') as string,
    });
    expect(JSON.stringify(log)).not.toContain('OpenControlChannel');
  });

  it.each([
    ['without a route to AWS', { reaches: false }, 'RequestError: send request failed'],
    ['without a role', { role: undefined }, 'no EC2 instance role found'],
    [
      'with a role that EC2 may not assume',
      { role: undefined, untrustedRole: 'ops' },
      'AssumeRoleUnauthorizedAccess: EC2 cannot assume the role ops.  Please see',
    ],
  ])('%s the agent sleeps', (_, over, reason) => {
    const { isOnline, log } = start(undefined, over);
    expect(isOnline).toBe(false);
    expect(JSON.stringify(log)).toContain(reason);
  });
});
