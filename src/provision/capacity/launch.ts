import { poll, retry } from '../../core/backoff.ts';
import { ToolError, failed } from '../../core/errors.ts';
import type { Clock } from '../../core/clock.ts';
import { describeDuration } from '../../core/duration.ts';
import type { Report } from '../../core/events.ts';
import { TAG } from '../bastion/names.ts';
import { describeErrors, launchFailure, worstProblem } from './pool.ts';
import type { Ec2Port, FleetOverride, FleetResult, InstanceState, Market } from '../ports/ec2.ts';
import type { Tags } from '../ports/tags.ts';

/** One instance out of a fleet: pools, propagation, fall-back to on-demand. */

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
  /** Asked when spot has no capacity; true = pay for on-demand. */
  readonly approveOnDemand: (failure: Error) => Promise<boolean>;
}

export interface LaunchSpec {
  /** Of the bastion. */
  readonly name: string;
  readonly market: Market;
  readonly pools: readonly FleetOverride[];
  /** Zone of each subnet, for messages. */
  readonly zones: ReadonlyMap<string, string>;
  /** Of fleet, instance and volume. */
  readonly tags: Tags;
  /** Instance whose place the new one takes: the same template is launched again. */
  readonly replaces?: string;
  /** The template was launched before: EC2 may answer as it did then, with an instance that has ended since. */
  readonly mayRepeat: boolean;
  /** Sets this launch apart from an earlier one of the same template, which EC2 would only repeat the answer of. */
  readonly occasion?: string;
}

export interface Applied {
  readonly instanceId: string;
  readonly market: Market;
  /** False when a running instance was adopted. */
  readonly launched: boolean;
}

export interface TemplateSource {
  /** A launch template for another market: EC2 refuses spot tags on an on-demand launch. */
  readonly templateFor: (market: Market) => Promise<string>;
}

/** Throws the failures of `launchFailure`. */
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
  const moneyHelps = problem === 'capacity' || problem === 'quota' || problem === 'service-linked-role';
  if (spec.market !== 'spot' || !moneyHelps || !(await deps.approveOnDemand(failure))) throw failure;

  deps.report({ type: 'step-progress', step: stepId, detail: 'no spot capacity: on-demand' });
  const second = await launchIn('on-demand', spec, await source.templateFor('on-demand'), deps, stepId);
  reportPools(second, zones, deps);
  const paidId = second.instanceIds[0];
  if (paidId !== undefined) return { instanceId: paidId, market: 'on-demand', launched: true };
  throw launchFailure(second.errors, 'on-demand', zones);
}

/** Also beside an instance: that another pool had refused says why it is of this one. */
function reportPools(
  { errors, instanceIds }: FleetResult,
  zones: ReadonlyMap<string, string>,
  deps: LaunchDeps,
): void {
  const level = instanceIds.length > 0 ? 'info' : 'warning';
  for (const message of describeErrors(errors, zones))
    deps.report({ type: 'note', level, code: 'pool-refused', message });
}

/** Thrown inside only, so that `retry` sees a result that is worth repeating. */
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
        // The record of a fleet that started nothing would only be one more thing to find.
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
            detail: 'EC2 does not see the new profile yet, trying again',
          }),
      },
    );
  } catch (error) {
    if (error instanceof NotSettled) return error.result;
    throw error;
  }
}

/**
 * The client token is derived from the template, so that two `up` that share a template share the fleet: the second
 * gets the same answer, or a mismatch, and then joins the first one's instance.
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
      detail: `an up before this one is launching, or was stopped: ${describeDuration(JOIN_DEADLINE_MS)} for its instance`,
    });
    const joined = await joinOther(spec, deps);
    if (joined !== undefined) return { fleetId: undefined, instanceIds: [joined], errors: [] };
    return deps.ec2.createFleet({ ...request, clientToken: deps.uuid() });
  }
}

/** An instance that is not visible yet has not ended. */
async function hasEnded({ instanceIds: ids }: FleetResult, deps: LaunchDeps): Promise<boolean> {
  if (ids.length === 0) return false;
  const states: readonly InstanceState[] = ['shutting-down', 'terminated', 'stopping', 'stopped'];
  return (await deps.ec2.instances({ ids, states })).length > 0;
}

/** Instance of the other `up`; undefined if none appears. */
async function joinOther(spec: LaunchSpec, deps: LaunchDeps): Promise<string | undefined> {
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
        onTimeout: () => failed('not-settled', 'the other up launched nothing'),
      },
    );
  } catch (error) {
    if (error instanceof ToolError && error.code === 'not-settled') return undefined;
    throw error;
  }
}
