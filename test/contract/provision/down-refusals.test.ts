import { DescribeInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { afterEach, describe, expect, it } from 'vitest';

import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** `down` for users who may not read everything: it deletes what it sees, and reports what it could not read. */

const sandbox = testSandbox();
const admin = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });
afterEach(() => admin('down', '--all', '--yes', '--force'));

let people = 0;
const allBut = (...Action: readonly string[]): Readonly<Record<string, string>> =>
  sandbox().createPrincipal({
    userName: `deletes-${++people}`,
    policies: [
      {
        Version: '2012-10-17',
        Statement: [
          { Effect: 'Allow', Action: '*', Resource: '*' },
          { Effect: 'Deny', Action, Resource: '*' },
        ],
      },
    ],
  });

const up = async (): Promise<void> => {
  const outcome = await admin('up', '--cluster', 'demo', '--yes', '--json');
  if (outcome.status !== 0) throw new Error(outcome.stderr);
};

it.each([
  { action: 'ec2:DescribeFleets', args: ['--name', 'default'] },
  { action: 'ec2:DescribeSecurityGroupRules', args: ['--name', 'default'] },
  { action: 'iam:ListRoles', args: ['--all'] },
])('without $action it deletes the rest, and exits with 4', async ({ action, args }) => {
  const before = sandbox().snapshot();
  await up();
  const outcome = await cli(['down', ...args, '--yes', '--json'], { env: allBut(action) });
  expect([outcome.status, outcome.stderr]).toEqual([4, expect.stringContaining(action)]);
  expect(JSON.parse(outcome.stdout)).toMatchObject({
    bastions: [{ name: 'default' }],
    notAllowed: [action],
  });
  // The fleet is left where it could not be seen; everything else is deleted.
  if (action !== 'ec2:DescribeFleets') expect(sandbox().snapshot()).toBe(before);
  const { instances } = JSON.parse(sandbox().snapshot()).ec2['eu-west-1'] as {
    instances?: readonly unknown[];
  };
  expect(instances ?? []).toEqual([]);
});

it('names before the question what it may not read', async () => {
  await up();
  const outcome = await cli(['down', '--no-input'], {
    env: allBut('ssm:DescribeSessions', 'ec2:DescribeFleets'),
  });
  expect(outcome.status).toBe(2);
  expect(outcome.stderr).toContain(
    'warning: not allowed to call ec2:DescribeFleets: what only these show is not deleted',
  );
  expect(outcome.stderr).toContain(
    'warning: not allowed to call ssm:DescribeSessions: other people may be connected, and would be cut off',
  );
});

it('stopped by Ctrl-C names what is deleted and what is not, and the command that goes on', async () => {
  const before = sandbox().snapshot();
  await up();
  const signals = new FakeSignals();
  const outcome = await cli(['down', '--yes'], {
    env: sandbox().env,
    signals,
    onStderr: (text) => {
      if (text.includes('delete instance')) signals.raise('SIGINT');
    },
  });
  expect([outcome.status, outcome.stderr]).toEqual([
    130,
    expect.stringMatching(
      /bastion default is not deleted completely: \d of \d+ resources are deleted; not yet: .*role/,
    ),
  ]);
  expect(outcome.stderr).toContain('fargate-connect down   # goes on');
  expect((await admin('down', '--yes')).status).toBe(0);
  expect(sandbox().snapshot()).toBe(before);
});

describe('a user who may not see the sessions of others', () => {
  const withoutSessions = (...args: readonly string[]): Promise<CliOutcome> => {
    const Statement = [{ Effect: 'Allow', NotAction: 'ssm:DescribeSessions', Resource: '*' }];
    const policies = [{ Version: '2012-10-17', Statement }];
    const env = sandbox().createPrincipal({ userName: `deletes-${++people}`, policies });
    return cli(['down', ...args], { env });
  };

  it('deletes nothing with --yes and learns what helps, and everything with --force', async () => {
    const before = sandbox().snapshot();
    await up();
    const standing = sandbox().snapshot();
    for (const args of [[], ['--all']]) {
      const refused = await withoutSessions(...args, '--yes', '--json');
      expect([refused.status, refused.stdout]).toEqual([4, '']);
      const { error } = JSON.parse(refused.stderr.trim().split('\n').at(-1) ?? '') as {
        error: { code: string; message: string; hints: readonly string[] };
      };
      expect(error.code).toBe('sessions-unknown');
      expect(error.message).toContain('not allowed to call ssm:DescribeSessions');
      expect(error.hints.map((hint) => hint.split('   #')[0])).toEqual([
        'fargate-connect policy operator',
        ['fargate-connect down', ...args, '--force --yes'].join(' '),
      ]);
      expect(sandbox().snapshot()).toBe(standing);
    }
    const forced = await withoutSessions('--yes', '--force');
    expect([forced.status, forced.stderr]).toEqual([0, expect.stringContaining('none is left')]);
    expect(sandbox().snapshot()).toBe(before);
  });

  it('deletes what remains of a bastion that no longer runs', async () => {
    const before = sandbox().snapshot();
    await up();
    const { ec2 } = sandboxClients(sandbox().env);
    const running = { Filters: [{ Name: 'instance-state-name', Values: ['running'] }] };
    const { Reservations } = await ec2.send(new DescribeInstancesCommand(running));
    const InstanceIds = Reservations!.flatMap(({ Instances }) => Instances!.map((each) => each.InstanceId!));
    await ec2.send(new TerminateInstancesCommand({ InstanceIds }));
    const outcome = await withoutSessions('--yes');
    expect([outcome.status, outcome.stderr]).toEqual([0, expect.stringContaining('none is left')]);
    expect(sandbox().snapshot()).toBe(before);
  });
});

it('never reports that nothing exists when it could not look', async () => {
  await up();
  const env = allBut('ec2:Describe*', 'iam:Get*');
  const outcome = await cli(['down', '--yes'], { env });
  expect(outcome.status).toBe(4);
  expect(outcome.stderr).not.toContain('nothing of bastion');
});

it('a resource that remains and a list that could not be read are both named', async () => {
  await up();
  const env = allBut('ec2:DescribeFleets', 'iam:DeleteInstanceProfile');
  const outcome = await cli(['down', '--yes'], { env });
  expect(outcome.status).toBe(4);
  expect(outcome.stderr).toContain('iam:DeleteInstanceProfile');
  expect(outcome.stderr).toContain('not allowed to call ec2:DescribeFleets, so it is not verified');
});
