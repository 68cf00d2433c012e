import { DescribeInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { systemClock } from '../../../src/core/clock.ts';
import { cli, type CliOutcome, hurried } from '../../support/cli-in-process.ts';
import { reportedBoots } from '../../support/reported-boots.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/**
 * `run --ephemeral`: the account is as before after the command, after a failure, and after a kill at any API call once
 * the lease is over and another command has run.
 */

/** Answers PostgreSQL's SSLRequest as a server with TLS does. */
const database = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.once('data', () => socket.write('S'));
});
beforeAll(() => new Promise<void>((resolve) => void database.listen(0, '127.0.0.1', resolve)));
afterAll(() => void database.close());

/** The instances of the sandbox boot without programs, and every connection of theirs leads to `database`. */
const sandbox = testSandbox({
  timing: { instancePendingMs: 10, instanceShutdownMs: 10, profilePropagationMs: 15 },
  machines: {
    instanceHost: reportedBoots(async () => {
      const socket = connect((database.address() as AddressInfo).port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    }),
  },
});

const LEASE_AND_MARGIN_MS = 20 * 60_000;
const POINTS = 40;

/** In-process, so that its API calls can be cut off. */
const killable = (
  retries: boolean,
  more: readonly string[] = [],
  command: readonly string[] = ['true'],
): Promise<CliOutcome> =>
  cli(
    ['run', '--cluster', 'demo', '--ephemeral', '--allow-db', ...more, '-L', '0:orders-db', '--', ...command],
    {
      env: { ...sandbox().env, PATH: process.env['PATH'] ?? '' },
      clock: hurried(300),
      retries,
    },
  );

const calm = (args: readonly string[], afterMs = 0): Promise<CliOutcome> => {
  const clock = hurried(300);
  const later = { now: () => clock.now() + afterMs, timer: clock.timer.bind(clock) };
  return cli(args, { env: sandbox().env, clock: later });
};

/** What lease.sh does at the end of the lease (test/sandbox/machines/instance-host.test.ts runs it). */
async function endByLease(): Promise<readonly string[]> {
  const { ec2 } = sandboxClients(sandbox().env);
  const { Reservations = [] } = await ec2.send(
    new DescribeInstancesCommand({
      Filters: [
        { Name: 'tag-key', Values: ['fargate-connect:bastion'] },
        { Name: 'instance-state-name', Values: ['pending', 'running'] },
      ],
    }),
  );
  const running = Reservations.flatMap(({ Instances = [] }) => Instances);
  const over = running.filter(({ Tags = [] }) => {
    const end = Tags.find(({ Key }) => Key === 'fargate-connect:expires-at')?.Value ?? '';
    return Date.parse(end) <= systemClock.now() + LEASE_AND_MARGIN_MS;
  });
  const ids = over.flatMap(({ InstanceId }) => (InstanceId === undefined ? [] : [InstanceId]));
  if (ids.length > 0) await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  return running.filter((each) => !over.includes(each)).map(({ InstanceId }) => InstanceId ?? '');
}

it(`killed at ${POINTS} of its API calls: no instance after the lease, and nothing after the next command`, async () => {
  const before = sandbox().snapshot();
  const first = sandbox().calls.length;
  await killable(true);
  expect(sandbox().snapshot()).toBe(before);
  const calls = sandbox().calls.length - first;
  const bad: string[] = [];
  let changed = 0;
  for (let point = 0; point < POINTS; point++) {
    const k = 1 + Math.floor((point * calls) / POINTS);
    // The process dies before this call reaches AWS, or after it took effect.
    if (point % 2 === 0) sandbox().faults.inject({ kind: 'drop-before', at: k, times: Infinity });
    else {
      sandbox().faults.inject({ kind: 'drop-after', at: k });
      sandbox().faults.inject({ kind: 'drop-before', at: k + 1, times: Infinity });
    }
    await killable(false);
    sandbox().faults.clear();
    if (sandbox().snapshot() !== before) changed++;
    const running = await endByLease();
    if (running.length > 0) bad.push(`call ${k}: ${running.join()} runs after the lease`);
    // Without a change there is nothing to delete.
    if (sandbox().snapshot() === before) continue;
    const down = await calm(['down', '--yes'], LEASE_AND_MARGIN_MS);
    if (sandbox().snapshot() !== before) bad.push(`call ${k} of ${calls} left something: ${down.stderr}`);
  }
  expect(bad).toEqual([]);
  expect(changed).toBeGreaterThan(POINTS / 3);
}, 240_000);

/** Sends PostgreSQL's SSLRequest to the first -L and prints the answer. */
const POSTGRES = `
const socket = require('node:net').connect(Number(process.env.FARGATE_CONNECT_PORT_1), '127.0.0.1', () =>
  socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
socket.once('data', (answer) => { console.log(answer.toString()); socket.destroy(); process.exitCode = 7; });`;

it('the command reaches the database, its status is that of run, and the account is as before', async () => {
  const before = sandbox().snapshot();
  const outcome = await killable(true, [], [process.execPath, '-e', POSTGRES]);
  expect([outcome.status, outcome.stdout], outcome.stderr).toEqual([7, 'S\n']);
  expect(outcome.stderr).toMatch(/✓ delete bastion run-\d{12}-[0-9a-f]{6}/);
  expect(sandbox().snapshot()).toBe(before);
}, 120_000);

it('--reuse takes the bastion that runs, and leaves it', async () => {
  expect((await calm(['up', '--cluster', 'demo', '--yes'])).status).toBe(0);
  const up = sandbox().snapshot();
  const outcome = await killable(true, ['--reuse']);
  expect(outcome.stderr).toContain('using bastion default, which runs already and stays');
  expect(sandbox().snapshot()).toBe(up);
  expect((await calm(['down', '--yes'])).status).toBe(0);
}, 120_000);

it.each([
  [['--reuse', '-L', '0:orders-db'], 'are about --ephemeral'],
  [['--ephemeral', '--via', 'task', '-L', '0:orders-db'], '--via task uses none'],
  [['--ephemeral', '--name', 'x', '-L', '0:orders-db'], '--name x names one that exists'],
  [['--ephemeral', '-L', '0:8080'], 'is reached through the task'],
])('%j is refused', async (args, message) => {
  const outcome = await calm(['run', '--cluster', 'demo', ...args, '--', 'true']);
  expect([outcome.status, outcome.stderr]).toEqual([2, expect.stringContaining(message)]);
});
