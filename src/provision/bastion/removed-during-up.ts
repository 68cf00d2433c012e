import { type Clock, sleep } from '../../core/clock.ts';
import { textFact } from '../../core/facts/fact.ts';
import { failed, ToolError } from '../../core/errors.ts';
import { isNotVisible } from '../plan/apply-deps.ts';
import { type ExistingOf, type KindName, RESOURCE_KINDS } from '../plan/resource-kinds.ts';
import type { Ec2Port } from '../ports/ec2.ts';
import type { IamPort } from '../ports/iam.ts';

/**
 * Recognises that `down` deleted resources while `up` was still creating others. AWS then returns the same errors as
 * for a new resource that is not visible yet. So `up` first retries for as long as a new resource can stay invisible,
 * and then looks once more for the resources that it had created or found.
 */

/** The resources that a run of `up` has created or found, by kind, in that order. */
export type FoundResources = { [K in KindName]?: ExistingOf<K> | undefined };

export interface RemovalCheckDeps {
  readonly ec2: Ec2Port;
  readonly iam: IamPort;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A resource that was created a moment before the refused call may exist without being visible yet. */
const CHECK_INTERVAL_MS = 5_000;

/** The error to throw instead of `failure`; undefined when no resource is gone or `failure` has another reason. */
export async function removedDuringUp(
  failure: unknown,
  bastion: string,
  found: FoundResources,
  deps: RemovalCheckDeps,
): Promise<ToolError | undefined> {
  if (!(failure instanceof ToolError)) return undefined;
  // A grant that depends on the resource's tags or boundary is refused when the resource does not exist.
  const refused = failure.role === 'access';
  if (!refused && failure.code !== 'not-settled' && !isNotVisible(failure)) return undefined;
  const findRemoved = (): Promise<readonly string[]> => titlesOfGone(found, deps).catch(() => []);
  let gone = await findRemoved();
  if (gone.length > 0 && refused) {
    await sleep(deps.clock, CHECK_INTERVAL_MS, deps.signal);
    gone = await findRemoved();
  }
  return gone.length === 0 ? undefined : removedMeanwhile(bastion, gone, failure);
}

/**
 * The same check after the launch; undefined unless an API call terminated the instance, rather than EC2 or the
 * instance itself.
 */
export function endedByDown(error: unknown, name: string): ToolError | undefined {
  if (!(error instanceof ToolError) || error.code !== 'instance-ended') return undefined;
  return error.details['reason'] === 'Client.UserInitiatedShutdown'
    ? removedMeanwhile(name, [`instance ${textFact(error.details, 'instanceId')}`], error)
    : undefined;
}

/** The error `removed-during-up`. */
export function removedMeanwhile(name: string, gone: readonly string[], cause?: ToolError): ToolError {
  return failed('removed-during-up', `bastion ${name} was deleted while up was running: ${gone.join(', ')}`, {
    details: { name, gone },
    ...(cause === undefined ? {} : { cause }),
  });
}

async function titlesOfGone(
  found: FoundResources,
  ports: Pick<RemovalCheckDeps, 'ec2' | 'iam'>,
): Promise<readonly string[]> {
  const titleIfGone = async <K extends KindName>(kind: K): Promise<readonly string[]> => {
    const existing = found[kind];
    const table = RESOURCE_KINDS[kind];
    return existing !== undefined && (await table.isGone?.(existing, ports)) === true ? [table.title] : [];
  };
  const kinds = Object.keys(found) as readonly KindName[];
  return (await Promise.all(kinds.map(titleIfGone))).flat();
}
