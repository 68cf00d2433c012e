import { poll, retry } from '../../core/backoff.ts';
import { ToolError, failed } from '../../core/errors.ts';
import type { Clock } from '../../core/clock.ts';
import { describeDuration } from '../../core/duration.ts';
import type { Report } from '../../core/events.ts';
import { TAG } from '../bastion/names.ts';
import { describeErrors, launchFailure, worstProblem } from './pool.ts';
import type { Ec2Port, FleetOverride, FleetResult, InstanceState, Market } from '../ports/ec2.ts';
import type { Tags } from '../ports/tags.ts';

/**
 * Launches one instance with an EC2 Fleet. It retries until EC2 sees new resources, and launches on-demand if the
 * person agrees.
 */

const SETTLE_DEADLINE_MS = 60_000;
const JOIN_DEADLINE_MS = 30_000;

export interface LaunchDeps {
  readonly ec2: Ec2Port;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly uuid: () => string;
  readonly report: Report;
  readonly signal: AbortSignal;
  /** Called when spot has no capacity; true = launch an on-demand instance. */
  readonly approveOnDemand: (failure: Error) => Promise<boolean>;
}

export interface LaunchSpec {
  /** Name of the bastion. */
  readonly name: string;
  readonly market: Market;
  readonly pools: readonly FleetOverride[];
  /** Availability zone of each subnet, for messages. */
  readonly zones: ReadonlyMap<string, string>;
  /** Tags of fleet, instance and volume. */
  readonly tags: Tags;
  /** Id of the instance that the new one replaces. */
  readonly replaces?: string;
  /**
   * True if the template was launched before: EC2 may then repeat its answer with an instance that has been terminated
   * since.
   */
  readonly mayRepeat: boolean;
  /** Part of the client token. Without it EC2 would repeat its answer to an earlier launch of the same template. */
  readonly occasion?: string;
}

export interface Applied {
  readonly instanceId: string;
  readonly market: Market;
  /** False if a running instance was adopted. */
  readonly launched: boolean;
}

export interface TemplateSource {
  /** Returns the id of a launch template for the other market: EC2 refuses spot tags on an on-demand launch. */
  readonly templateFor: (market: Market) => Promise<string>;
}

/** Throws the errors that `launchFailure` returns. */
export async function launchInstance(
  spec: LaunchSpec,
  templateId: string,
  deps: LaunchDeps,
  stepId: string,
  source: TemplateSource,
): Promise<Applied> {
  const { zones } = spec;
  const first = await launchIn(spec.market, spec, templateId, deps, stepId);
  reportPools(first, zones, deps);
  const instanceId = first.instanceIds[0];
  if (instanceId !== undefined) return { instanceId, market: spec.market, launched: true };

  const failure = launchFailure(first.errors, spec.market, zones);
  const problem = worstProblem(first.errors);
  const onDemandMayWork = problem === 'capacity' || problem === 'quota' || problem === 'service-linked-role';
  if (spec.market !== 'spot' || !onDemandMayWork || !(await deps.approveOnDemand(failure))) throw failure;

  deps.report({
    type: 'step-progress',
    step: stepId,
    detail: 'spot has no capacity, launching on-demand instead',
  });
  const second = await launchIn('on-demand', spec, await source.templateFor('on-demand'), deps, stepId);
  reportPools(second, zones, deps);
  const onDemandId = second.instanceIds[0];
  if (onDemandId !== undefined) return { instanceId: onDemandId, market: 'on-demand', launched: true };
  throw launchFailure(second.errors, 'on-demand', zones);
}

/** Reports the pools that refused, also after a success: they explain why the instance is in another pool. */
function reportPools(
  { errors, instanceIds }: FleetResult,
  zones: ReadonlyMap<string, string>,
  deps: LaunchDeps,
): void {
  const level = instanceIds.length > 0 ? 'info' : 'warning';
  for (const message of describeErrors(errors, zones))
    deps.report({ type: 'note', level, code: 'pool-refused', message });
}

/** Makes `retry` repeat a call whose error shows that EC2 does not see a new resource yet. Callers never receive it. */
class NotSettled extends Error {
  readonly result: FleetResult;
  constructor(result: FleetResult) {
    super('not settled');
    this.result = result;
  }
}

async function launchIn(
  market: Market,
  spec: LaunchSpec,
  templateId: string,
  deps: LaunchDeps,
  stepId: string,
): Promise<FleetResult> {
  let attempt = 0;
  try {
    return await retry(
      async () => {
        const result = await createFleet(market, spec, templateId, attempt++, deps, stepId);
        if (result.instanceIds.length > 0) return result;
        // A fleet without an instance is of no use, and would be one more resource to delete later.
        if (result.fleetId !== undefined) await deps.ec2.deleteFleets([result.fleetId]);
        if (worstProblem(result.errors) === 'not-settled') throw new NotSettled(result);
        return result;
      },
      {
        clock: deps.clock,
        random: deps.random,
        baseMs: 1_000,
        capMs: 5_000,
        deadlineMs: SETTLE_DEADLINE_MS,
        signal: deps.signal,
        shouldRetry: (error) => error instanceof NotSettled,
        onRetry: () =>
          deps.report({
            type: 'step-progress',
            step: stepId,
            detail: 'EC2 does not see the new instance profile yet, trying again',
          }),
      },
    );
  } catch (error) {
    if (error instanceof NotSettled) return error.result;
    throw error;
  }
}

/**
 * The client token is derived from the template, so that two `up` that share a template also share the fleet: the second
 * one gets the same answer, or the error of a mismatch, and then uses the instance of the first one.
 */
async function createFleet(
  market: Market,
  spec: LaunchSpec,
  templateId: string,
  attempt: number,
  deps: LaunchDeps,
  stepId: string,
): Promise<FleetResult> {
  const request = {
    launchTemplateId: templateId,
    market,
    overrides: spec.pools,
    tags: spec.tags,
  };
  try {
    const occasion = spec.occasion === undefined ? '' : `-${spec.occasion}`;
    const result = await deps.ec2.createFleet({
      ...request,
      clientToken: `${templateId}-${market}-${attempt}${occasion}`,
    });
    if (!spec.mayRepeat || !(await hasEnded(result, deps))) return result;
    return await deps.ec2.createFleet({ ...request, clientToken: deps.uuid() });
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'already-exists') throw error;
    deps.report({
      type: 'step-progress',
      step: stepId,
      detail: `another \`up\` is launching the instance or was stopped: waiting up to ${describeDuration(JOIN_DEADLINE_MS)} for its instance`,
    });
    const joined = await instanceOfOtherUp(spec, deps);
    if (joined !== undefined) return { fleetId: undefined, instanceIds: [joined], errors: [] };
    return deps.ec2.createFleet({ ...request, clientToken: deps.uuid() });
  }
}

/** False for an instance that is not visible yet. */
async function hasEnded({ instanceIds: ids }: FleetResult, deps: LaunchDeps): Promise<boolean> {
  if (ids.length === 0) return false;
  const states: readonly InstanceState[] = ['shutting-down', 'terminated', 'stopping', 'stopped'];
  return (await deps.ec2.instances({ ids, states })).length > 0;
}

/** Id of the instance that the other `up` launched; undefined if none appears in time. */
async function instanceOfOtherUp(spec: LaunchSpec, deps: LaunchDeps): Promise<string | undefined> {
  try {
    return await poll(
      async () => {
        const found = await deps.ec2.instances({
          tag: { key: TAG.bastion, values: [spec.name] },
          states: ['pending', 'running'],
        });
        return found.find((instance) => instance.id !== spec.replaces)?.id;
      },
      {
        clock: deps.clock,
        intervalMs: 1_000,
        deadlineMs: JOIN_DEADLINE_MS,
        signal: deps.signal,
        onTimeout: () => failed('not-settled', 'the other up launched no instance'),
      },
    );
  } catch (error) {
    if (error instanceof ToolError && error.code === 'not-settled') return undefined;
    throw error;
  }
}
