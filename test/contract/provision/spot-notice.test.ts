import { afterAll, beforeAll, expect, it } from 'vitest';

import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome } from './cli-in-process.ts';

/** The two minutes between notice and end, for those who cannot move: they are told. */

const sandbox = testSandbox({ randomSeed: 12, timing: { spotNoticeMs: 60_000 } });
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });
let instanceId = '';

beforeAll(async () => {
  const outcome = await run('up', '--cluster', 'demo', '--yes', '--json');
  expect([outcome.status, outcome.stderr]).toEqual([0, outcome.stderr]);
  ({ instanceId } = JSON.parse(outcome.stdout) as { instanceId: string });
  expect(sandbox().faults.interruptSpotInstance(instanceId)).toBe(true);
});
afterAll(() => run('down', '--all', '--yes', '--force'));

it('shell: before anything is typed', async () => {
  const outcome = await run('shell', '--', 'echo', 'still here');
  expect([outcome.status, outcome.stdout]).toEqual([0, 'still here\n']);
  expect(outcome.stderr).toContain(
    `bastion ${instanceId} is being taken back by EC2: this session ends within two minutes`,
  );
});

it('up: instead of adopting it in silence', async () => {
  const since = sandbox().calls.length;
  const outcome = await run('up', '--cluster', 'demo', '--yes');
  expect(outcome.status).toBe(0);
  expect(outcome.stderr).toContain(
    `bastion ${instanceId} is being taken back by EC2: run up again in two minutes`,
  );
  const launches = sandbox()
    .calls.slice(since)
    .filter((call) => call.action === 'CreateFleet');
  expect(launches).toEqual([]);
});
