import { afterEach, expect, it } from 'vitest';

import { cli, type CliOutcome, hurried } from '../../support/cli-in-process.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** EC2 removes a fleet some days after its end but still lists its tags: no command may fail because of that. */

const sandbox = testSandbox({ randomSeed: 17 });
const run = (...args: readonly string[]): Promise<CliOutcome> =>
  cli(args, { env: sandbox().env, clock: hurried(10), retries: false });

afterEach(async () => {
  await run('down', '--all', '--yes', '--force');
});

it('up, status and down work, and leave the account as it was', async () => {
  const before = sandbox().snapshot();
  expect((await run('up', '--cluster', 'demo', '--yes')).status).toBe(0);
  sandbox().faults.forgetFleets();
  // One fleet that EC2 still describes, beside one that it does not.
  for (const args of [
    ['up', '--cluster', 'demo', '--yes', '--name', 'other'],
    ['up', '--cluster', 'demo', '--yes'],
    ['status'],
  ]) {
    const outcome = await run(...args);
    expect([args, outcome.status, outcome.stderr]).toEqual([args, 0, outcome.stderr]);
  }
  for (const args of [
    ['down', '--yes', '--force'],
    ['down', '--name', 'other', '--yes'],
  ]) {
    const outcome = await run(...args);
    expect([args, outcome.status, outcome.stderr]).toEqual([args, 0, outcome.stderr]);
  }
  expect(sandbox().snapshot()).toBe(before);
});
