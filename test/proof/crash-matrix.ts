import type { Timing } from '../../src/sandbox/contracts.ts';
import type { ApiFault, ApiFaultKind } from '../../src/sandbox/api-faults.ts';
import { afterAll, describe, expect, it } from 'vitest';

import type { Sandbox, SandboxOptions } from '../../src/sandbox/sandbox.ts';
import { cli, type CliOutcome, hurried } from '../support/cli-in-process.ts';
import { until } from '../support/eventually.ts';
import { reportedBoots } from '../support/reported-boots.ts';
import { testSandbox } from '../support/test-sandbox.ts';

/** What happens at API call k. */
export type Mishap =
  /** The process dies: this call and all later ones never reach AWS. */
  | 'killed before'
  /** The process dies after the call took effect. */
  | 'killed after'
  | 'throttled'
  | 'server error'
  | 'access denied'
  | 'not found yet';

const SINGLE: Readonly<Record<Exclude<Mishap, 'killed before' | 'killed after'>, ApiFaultKind>> = {
  throttled: 'throttle',
  'server error': 'server-error',
  'access denied': 'access-denied',
  'not found yet': 'not-found',
};

function faultsOf(mishap: Mishap, k: number): readonly ApiFault[] {
  if (mishap === 'killed before') return [{ kind: 'drop-before', at: k, times: Infinity }];
  if (mishap === 'killed after') {
    return [
      { kind: 'drop-after', at: k },
      { kind: 'drop-before', at: k + 1, times: Infinity },
    ];
  }
  return [{ kind: SINGLE[mishap], at: k }];
}

const UP = ['up', '--cluster', 'demo', '--yes', '--allow-db', 'billing-db', '--egress-port', '6379'] as const;
const DOWN = ['down', '--yes'] as const;

const QUICK: Partial<Timing> = {
  instancePendingMs: 10,
  instanceShutdownMs: 10,
  profilePropagationMs: 15,
};

/** An account with short delays, whose instances have no programs. */
export const quickAccount = (options: Pick<SandboxOptions, 'randomSeed'> = {}): (() => Sandbox) =>
  testSandbox({ ...options, timing: QUICK, machines: { instanceHost: reportedBoots() } });

/** The sandbox makes the changes that a command waits for within milliseconds. */
const FACTOR = 300;

/** Runs one command with a mishap at call k, without retries, which would hide the mishap. */
async function withMishap(
  sandbox: Sandbox,
  args: readonly string[],
  mishap: Mishap,
  k: number,
): Promise<CliOutcome> {
  for (const fault of faultsOf(mishap, k)) sandbox.faults.inject(fault);
  try {
    return await cli(args, { env: sandbox.env, clock: hurried(FACTOR), retries: false });
  } finally {
    sandbox.faults.clear();
  }
}

const calm = (sandbox: Sandbox, args: readonly string[]): Promise<CliOutcome> =>
  cli(args, { env: sandbox.env, clock: hurried(FACTOR) });

/** The API calls of an undisturbed run. */
async function callsOf(sandbox: Sandbox, args: readonly string[]): Promise<readonly string[]> {
  const before = sandbox.calls.length;
  const outcome = await calm(sandbox, args);
  if (outcome.status !== 0) throw new Error(outcome.stderr);
  return sandbox.calls.slice(before).map((call) => call.action);
}

const LAUNCH = [...UP, '--no-wait'];

interface Outcome {
  readonly cases: number;
  /** A line for each case after which the account was not as before. */
  readonly bad: readonly string[];
}

/**
 * `up` with the mishap at each of its API calls in turn, and a `down` after each. No `down` runs where `up` had changed
 * nothing, because it would only repeat the first one. Polling makes the number of calls vary a little; a mishap after
 * the last call of a run has no effect.
 */
async function crashesOfUp(sandbox: Sandbox, mishap: Mishap): Promise<Outcome> {
  const before = sandbox.snapshot();
  const calls = await callsOf(sandbox, UP);
  const bad = await badEnd(sandbox, before, 'no mishap');
  if ((await calm(sandbox, DOWN)).status !== 0) bad.push('down of an empty account');
  for (const [index, call] of calls.entries()) {
    await withMishap(sandbox, UP, mishap, index + 1);
    if (sandbox.snapshot() === before) continue;
    const end = await badEnd(sandbox, before, `${mishap} at ${index + 1} (${call})`);
    bad.push(...end);
    if (sandbox.snapshot() !== before) break;
  }
  return { cases: calls.length, bad };
}

/**
 * `down` with the mishap at each of its API calls in turn, and a second `down` after each. Where the first one had
 * changed nothing, the next case begins with the same bastion.
 */
async function crashesOfDown(sandbox: Sandbox, mishap: Mishap): Promise<Outcome> {
  const before = sandbox.snapshot();
  await calm(sandbox, LAUNCH);
  const calls = await callsOf(sandbox, DOWN);
  const bad = sandbox.snapshot() === before ? [] : ['no mishap'];
  let launched = before;
  for (const [index, call] of calls.entries()) {
    if (launched === before) {
      const up = await calm(sandbox, LAUNCH);
      if (up.status !== 0) throw new Error(up.stderr);
      launched = await settled(sandbox);
    }
    await withMishap(sandbox, DOWN, mishap, index + 1);
    if (sandbox.snapshot() === launched) continue;
    bad.push(...(await badEnd(sandbox, before, `${mishap} at ${index + 1} (${call})`)));
    if (sandbox.snapshot() !== before) return { cases: calls.length, bad };
    launched = before;
  }
  return { cases: calls.length, bad: [...bad, ...(await badEnd(sandbox, before, 'the last bastion'))] };
}

/** Runs `down`; empty if it succeeded and the account is as before. */
async function badEnd(sandbox: Sandbox, before: string, what: string): Promise<string[]> {
  const down = await calm(sandbox, DOWN);
  const isSame = sandbox.snapshot() === before;
  if (isSame && down.status === 0) return [];
  return [`${what}: down ${down.status}, ${isSame ? 'same' : 'left'}: ${down.stderr.slice(-300)}`];
}

/** The account once the launched instance runs. */
async function settled(sandbox: Sandbox): Promise<string> {
  await until(() => !sandbox.snapshot().includes('"pending"'));
  return sandbox.snapshot();
}

const COMMANDS = { up: crashesOfUp, down: crashesOfDown };

/**
 * Defines the tests of a command with these mishaps. Each mishap has an account of its own, because an account keeps
 * terminated instances and each listing of them takes longer. A file has few mishaps, so that two workers are busy until
 * the end.
 */
export function testCrashes(command: keyof typeof COMMANDS, mishaps: readonly Mishap[]): void {
  let tried = 0;
  let left = 0;
  afterAll(
    () =>
      void process.stdout.write(
        `crash matrix of ${command} (${mishaps.join(', ')}): ${tried} cases, ${left} left something\n`,
      ),
  );
  describe.each(mishaps)('%s', (mishap) => {
    const sandbox = quickAccount();
    it(`after a mishap at any API call of ${command}, a fresh down leaves the account as it was`, async () => {
      const { cases, bad } = await COMMANDS[command](sandbox(), mishap);
      tried += cases;
      left += bad.length;
      expect(bad).toEqual([]);
      expect(cases).toBeGreaterThan(30);
    });
  });
}
