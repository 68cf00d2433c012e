import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { AwsAccount } from '../../../src/aws/account.ts';
import { failed } from '../../../src/core/errors.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome, hurried } from '../../support/cli-in-process.ts';
import { shippedDocument } from '../../support/grants.ts';

/**
 * The two minutes between the spot interruption notice and the end: which commands warn, and which of two bastions a
 * new session uses.
 */

const sandbox = testSandbox({ randomSeed: 12, timing: { spotNoticeMs: 90_000 } });
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });
const HOST = 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';
let instanceId = '';

beforeAll(async () => {
  const outcome = await run('up', '--cluster', 'demo', '--db', 'orders-db', '--yes', '--json');
  expect([outcome.status, outcome.stderr]).toEqual([0, outcome.stderr]);
  ({ instanceId } = JSON.parse(outcome.stdout) as { instanceId: string });
});
afterAll(() => run('down', '--all', '--yes', '--force'));

interface Row {
  readonly instanceId: string;
  readonly state: string;
  readonly interrupted: boolean | null;
  readonly replaces: string | null;
  readonly agent: string | null;
}
async function rows(): Promise<readonly Row[]> {
  const { stdout } = await run('status', '--json');
  return (JSON.parse(stdout) as { readonly bastions: readonly Row[] }).bastions;
}

it('before the notice there is no warning', async () => {
  expect(await rows()).toMatchObject([{ instanceId, state: 'running', interrupted: false, replaces: null }]);
  expect((await run('status')).stderr).not.toContain('interrupts');
  expect(sandbox().faults.interruptSpotInstance(instanceId)).toBe(true);
});

it('shell warns before anything is typed', async () => {
  const outcome = await run('shell', '--', 'echo', 'still here');
  expect([outcome.status, outcome.stdout]).toEqual([0, 'still here\n']);
  expect(outcome.stderr).toContain(
    `EC2 interrupts bastion ${instanceId}: this session ends within two minutes`,
  );
});

it('up warns when it adopts the bastion', async () => {
  const since = sandbox().calls.length;
  const outcome = await run('up', '--cluster', 'demo', '--yes');
  expect(outcome.status).toBe(0);
  expect(outcome.stderr).toContain(
    `EC2 interrupts bastion ${instanceId} within two minutes\n  fargate-connect up --cluster demo   # `,
  );
  const launches = sandbox()
    .calls.slice(since)
    .filter((call) => call.action === 'CreateFleet');
  expect(launches).toEqual([]);
});

it('status: as a table, as plain lines and as JSON', async () => {
  const note = `EC2 interrupts ${instanceId} within two minutes: a running forward replaces it fargate-connect up # in two minutes, for another one`;
  const tty = { stdout: true, stderr: true, columns: 80 };
  for (const world of [{ env: sandbox().env }, { env: sandbox().env, tty }]) {
    const shown = await cli(['status', '--no-color'], world);
    expect(shown.stdout).toMatch(new RegExp(`^default +${instanceId} +interrupted `, 'm'));
    const columns = Math.max(...shown.stdout.split('\n').map((line) => line.length));
    if ('tty' in world) expect(columns).toBeLessThanOrEqual(80);
    expect(shown.stderr.replace(/\s+/g, ' ')).toContain(note);
  }
  expect(await rows()).toMatchObject([{ instanceId, state: 'running', interrupted: true, agent: 'Online' }]);
});

/** Returns the bastion that the session of a new client uses. */
async function target(env = sandbox().env): Promise<string> {
  const signals = new FakeSignals();
  const outcome = await cli(
    ['forward', '-L', `0:${HOST}:5432`, '--via', 'bastion', '--no-replace', '--json'],
    {
      env,
      signals,
      onStdout: (text) => {
        if (text.includes('forward-ready')) signals.raise('SIGINT');
      },
    },
  );
  // The command is stopped as soon as it is ready.
  expect([[0, 130].includes(outcome.status), outcome.stderr]).toEqual([true, outcome.stderr]);
  return (JSON.parse(outcome.stdout.split('\n')[0] ?? '') as { readonly target: string }).target;
}

/** Starts a forward that brings up the replacement; it ends when `seen` returns true. */
async function whileReplacing(seen: (row: Row) => boolean, work: (row: Row) => Promise<void>): Promise<void> {
  const signals = new FakeSignals();
  const first = cli(['forward', '-L', `0:${HOST}:5432`, '--via', 'bastion', '--json'], {
    env: sandbox().env,
    signals,
  });
  try {
    for (;;) {
      const row = (await rows()).find((each) => each.replaces === instanceId && seen(each));
      if (row === undefined) continue;
      await work(row);
      return;
    }
  } finally {
    signals.raise('SIGINT');
    await first;
  }
}

describe("another client's first session", () => {
  it('uses the old bastion while the agent of the replacement does not answer', async () => {
    sandbox().faults.boot.add('hang');
    try {
      await whileReplacing(
        (row) => row.state === 'running',
        async (row) => {
          expect(row.agent).toBeNull();
          expect(await target()).toBe(instanceId);
          const { stderr } = await run('status');
          expect(stderr).toContain(
            `EC2 interrupts ${instanceId} within two minutes: ${row.instanceId} takes its place`,
          );
          const InstanceIds = [row.instanceId];
          await sandboxClients(sandbox().env).ec2.send(new TerminateInstancesCommand({ InstanceIds }));
        },
      );
    } finally {
      sandbox().faults.boot.clear();
    }
  }, 300_000);

  it('uses the replacement as soon as its agent answers, if the user may query the agent', async () => {
    await whileReplacing(
      (row) => row.agent === 'Online',
      async (row) => {
        expect(await target()).toBe(row.instanceId);
        const policy = shippedDocument('forward-bastion', { bastion: '*' });
        const Statement = [
          ...policy.Statement,
          { Sid: 'Blind', Effect: 'Deny', Action: 'ssm:DescribeInstanceInformation', Resource: '*' },
        ];
        const env = sandbox().createPrincipal({ userName: 'unasked', policies: [{ ...policy, Statement }] });
        expect(await target(env)).toBe(instanceId);
      },
    );
  }, 300_000);
});

describe('a bastion that was launched a moment ago', () => {
  const clock = hurried(60);
  /** The real account, except that the first `times` sessions find no agent. */
  const shy =
    (times: number) =>
    (account: AwsAccount): AwsAccount => ({
      ...account,
      ssm: async () => {
        const ssm = await account.ssm();
        let left = times;
        return {
          ...ssm,
          startSession: (request) =>
            left-- > 0
              ? Promise.reject(
                  failed('target-not-connected', 'the agent is not connected', {
                    details: { target: 'i-1' },
                  }),
                )
              : ssm.startSession(request),
        };
      },
    });

  it.each([
    ['shell -- CMD', ['shell', '--', 'echo', 'here'], 'here\n'],
    ['forward', ['forward', '-L', `0:${HOST}:5432`, '--via', 'bastion', '--json'], 'forward-ready'],
  ] as const)('%s waits for its agent, and says so once', async (_what, args, out) => {
    const signals = new FakeSignals();
    const outcome = await cli(args, {
      env: sandbox().env,
      clock: hurried(20),
      signals,
      account: shy(3),
      onStdout: (text) => {
        if (text.includes('forward-ready')) signals.raise('SIGINT');
      },
    });
    expect([[0, 130].includes(outcome.status), outcome.stdout]).toEqual([true, expect.stringContaining(out)]);
    expect(outcome.stderr.match(/was launched a moment ago; waiting until it can be used/g)).toHaveLength(1);
  });

  it('that never becomes ready: shell stops waiting and fails', async () => {
    const outcome = await cli(['shell', '--', 'true'], { env: sandbox().env, clock, account: shy(10_000) });
    expect([outcome.status, outcome.stderr]).toEqual([1, expect.stringContaining('is not connected')]);
  });

  it('that is not running yet: shell waits until it runs', async () => {
    let looks = 3;
    const starting = (account: AwsAccount): AwsAccount => ({
      ...account,
      ec2: async () => {
        const ec2 = await account.ec2();
        return {
          ...ec2,
          instances: async (filter) => {
            const found = (await ec2.instances(filter)).slice(0, 1);
            if (looks-- <= 0) return found;
            return found.map((each) => ({
              ...each,
              state: 'pending' as const,
            }));
          },
        };
      },
    });
    const outcome = await cli(['shell', '--', 'echo', 'here'], {
      env: sandbox().env,
      clock: hurried(20),
      account: starting,
    });
    expect([outcome.status, outcome.stdout]).toEqual([0, 'here\n']);
    expect(outcome.stderr).toContain('was launched a moment ago; waiting until it can be used');
  });
});
