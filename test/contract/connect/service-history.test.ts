import { expect, it } from 'vitest';

import { cli } from '../../support/cli-in-process.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** Tests `ls tasks --stopped` and `ls events` through the real SDK against the sandbox. */

const sandbox = testSandbox();
const ls = (...args: readonly string[]) => cli(['ls', ...args, '--cluster', 'demo'], { env: sandbox().env });

it('ls tasks --stopped lists the most recent task first, with reasons and exit codes', async () => {
  const { stdout } = await ls('tasks', '--stopped', '--json');
  expect(JSON.parse(stdout)).toMatchObject([
    { service: 'payments-api', stopCode: 'TaskFailedToStart', outOfMemory: false },
    {
      service: 'nightly-reports',
      outOfMemory: true,
      why: 'Essential container in task exited: reports exit 137 (out of memory)',
      containers: [
        { name: 'reports', exitCode: 137, reason: expect.stringContaining('OutOfMemoryError') as string },
      ],
    },
  ]);
  const table = await ls('tasks', 'nightly-reports', '--stopped');
  expect(table.stdout).toMatch(
    /^7e1f2a3b4c5d46e7f8091a2b3c4d5e6f {2}nightly-reports {2}\S+ ago +Essential .*$/m,
  );
  expect(table.stdout).not.toContain('payments-api');
});

it('ls events lists the service events of ECS, newest first', async () => {
  const { stdout } = await ls('events', 'payments-api', '--json');
  const events = JSON.parse(stdout) as { at: string; service: string; message: string }[];
  expect(events.map(({ at }) => at)).toEqual(
    events
      .map(({ at }) => at)
      .sort()
      .reverse(),
  );
  expect(events.map(({ message }) => message).join('\n')).toContain('unable to consistently start tasks');
  expect((await ls('events', 'payments')).stderr).toContain('did you mean payments-api?');
});

it('ls events without a service says how to name one, and --stopped is valid for tasks only', async () => {
  const none = await ls('events');
  expect(none.status).toBe(2);
  expect(none.stderr).toContain('fargate-connect ls events SERVICE');
  expect((await ls('services', '--stopped')).status).toBe(2);
});

it('ls tasks shows what a pending task is waiting for', async () => {
  const { stdout } = await ls('tasks', 'payments-api', '--json');
  expect(JSON.parse(stdout)).toMatchObject([
    { status: 'PENDING', waitsFor: expect.stringContaining('images') as string },
  ]);
});
