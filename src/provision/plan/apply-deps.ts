import { retry } from '../../core/backoff.ts';
import { textFact } from '../../core/facts/fact.ts';
import { ToolError } from '../../core/errors.ts';
import type { LaunchDeps } from '../capacity/launch.ts';
import type { IamPort } from '../ports/iam.ts';

export interface ApplyDeps extends LaunchDeps {
  readonly iam: IamPort;
  /** Milliseconds that a launch waits after the last write to IAM. */
  readonly settleMs: number;
}

const VISIBLE_DEADLINE_MS = 60_000;

/** AWS error codes for a resource that does not exist, or that was created a moment ago and cannot be seen yet. */
const NOT_VISIBLE = new Set([
  'NoSuchEntity',
  'NoSuchEntityException',
  'InvalidGroup.NotFound',
  'InvalidLaunchTemplateId.NotFound',
  'InvalidInstanceID.NotFound',
]);

/** True for AWS's answer that a resource does not exist, by name of the error. */
export const isNotVisible = (error: unknown): boolean =>
  error instanceof ToolError && NOT_VISIBLE.has(textFact(error.details, 'awsError'));

/** Repeats `work` while AWS does not see a resource that was created a moment ago. */
export function whenVisible<T>(deps: ApplyDeps, work: () => Promise<T>): Promise<T> {
  return retry(work, {
    clock: deps.clock,
    random: deps.random,
    baseMs: 500,
    capMs: 5_000,
    deadlineMs: VISIBLE_DEADLINE_MS,
    signal: deps.signal,
    shouldRetry: isNotVisible,
  });
}
