import type { Clock } from '../../src/core/clock.ts';
import type { Timing } from '../../src/sandbox/contracts.ts';
import type { ApiFault, ApiFaultKind } from '../../src/sandbox/api-faults.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { cli, type CliOutcome, hurried } from '../support/cli-in-process.ts';

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

export const MISHAPS: readonly Mishap[] = [
  'killed before',
  'killed after',
  'throttled',
  'server error',
  'access denied',
  'not found yet',
];

export const UP = ['up', '--cluster', 'demo', '--yes', '--allow-db', 'billing-db'] as const;
export const DOWN = ['down', '--yes'] as const;

/** The boot of an instance keeps its real duration; the delays of the account are shortened. */
export const QUICK: Partial<Timing> = {
  instancePendingMs: 10,
  instanceShutdownMs: 10,
  profilePropagationMs: 15,
};

/**
 * `up` polls while an instance boots, which takes real time; `down` only waits for changes that the sandbox makes at
 * once.
 */
const clockFor = (args: readonly string[]): Clock => hurried(args[0] === 'down' ? 300 : 30);

/** Runs one command with a mishap at call k, without retries, which would hide the mishap. */
export async function withMishap(
  sandbox: Sandbox,
  args: readonly string[],
  mishap: Mishap,
  k: number,
): Promise<CliOutcome> {
  for (const fault of faultsOf(mishap, k)) sandbox.faults.inject(fault);
  try {
    return await cli(args, { env: sandbox.env, clock: clockFor(args), retries: false });
  } finally {
    sandbox.faults.clear();
  }
}

export const calm = (sandbox: Sandbox, args: readonly string[]): Promise<CliOutcome> =>
  cli(args, { env: sandbox.env, clock: clockFor(args) });

/** How many API calls an undisturbed run makes. */
export async function callsOf(sandbox: Sandbox, args: readonly string[]): Promise<readonly string[]> {
  const before = sandbox.calls.length;
  const outcome = await calm(sandbox, args);
  if (outcome.status !== 0) throw new Error(outcome.stderr);
  return sandbox.calls.slice(before).map((call) => call.action);
}
