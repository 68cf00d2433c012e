import { retry } from '../../core/backoff.ts';
import { textFact } from '../../core/error-facts.ts';
import { failed, ToolError } from '../../core/errors.ts';
import type { LaunchDeps } from '../capacity/launch.ts';
import { TAG } from '../bastion/names.ts';
import type { IamPort } from '../ports/iam.ts';
import type { Tags } from '../ports/tags.ts';

/** What every creation has in common: it may be seen late, and somebody else may have been faster. */

export interface ApplyDeps extends LaunchDeps {
  readonly iam: IamPort;
  /** How long new IAM resources rest before a launch uses them. */
  readonly settleMs: number;
}

const SETTLE_DEADLINE_MS = 60_000;

/** AWS does not see yet what it has just created. */
export const NOT_YET_VISIBLE = new Set([
  'NoSuchEntity',
  'NoSuchEntityException',
  'InvalidGroup.NotFound',
  'InvalidLaunchTemplateId.NotFound',
  'InvalidInstanceID.NotFound',
]);

/** Repeats while AWS does not see what was made a moment ago. */
export function visible<T>(deps: ApplyDeps, work: () => Promise<T>): Promise<T> {
  return retry(work, {
    clock: deps.clock,
    random: deps.random,
    baseMs: 500,
    capMs: 5_000,
    deadlineMs: SETTLE_DEADLINE_MS,
    signal: deps.signal,
    shouldRetry: (error) =>
      error instanceof ToolError && NOT_YET_VISIBLE.has(textFact(error.details, 'awsError')),
  });
}

/** Creates, or adopts what another run made meanwhile if it carries our tag. */
export async function createOrAdopt(
  what: string,
  bastion: string,
  create: () => Promise<string>,
  find: () => Promise<{ readonly id: string; readonly tags: Tags } | undefined>,
): Promise<string> {
  try {
    return await create();
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'already-exists') throw error;
    const found = await find();
    if (found?.tags[TAG.bastion] === bastion) return found.id;
    throw failed('name-taken', `${what} exists and is not ours`, {
      hints: ['fargate-connect up --name OTHER   # another name, nothing in the way'],
      details: { name: bastion },
      cause: error,
    });
  }
}
