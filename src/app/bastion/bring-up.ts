import { accountText } from '../../core/account-text.ts';
import { dollars } from '../../core/dollars.ts';
import { awsClock } from '../aws-clock.ts';
import { interrupted } from '../../core/errors.ts';
import { bootDiagnosis } from '../../diagnose/bastion/boot.ts';
import { detailsOf, errorOf } from '../../diagnose/errors.ts';
import type { Finding } from '../../diagnose/finding.ts';
import { ec2TrustOf } from '../../diagnose/iam/ec2-trust.ts';
import { reachFindings, ruleAdmitting } from '../../diagnose/network/reach.ts';
import { sentenceOf } from '../../diagnose/sentences.ts';
import type { Bastion } from '../../provision/bastion/bastion.ts';
import { bastionOf, type Inventory, readInventory } from '../../provision/bastion/inventory.ts';
import { endedByDown, removedMeanwhile } from '../../provision/bastion/removed-during-up.ts';
import { waitUntilReady } from '../../provision/bastion/readiness.ts';
import { cheapestPool } from '../../provision/capacity/pool.ts';
import { MARKED_FOR_TERMINATION } from '../../provision/lease/bastion-watch.ts';
import { type Price, priceOf } from '../../provision/lease/lease.ts';
import { applyUp } from '../../provision/plan/apply.ts';
import { groupFor } from '../../provision/plan/network-steps.ts';
import { planUp, type UpPlan } from '../../provision/plan/plan-up.ts';
import { isNoop, type PlanWarning } from '../../provision/plan/plan.ts';
import type { BastionSpec } from '../../provision/plan/spec.ts';
import type { SpotPrice } from '../../provision/ports/images.ts';
import type { Needs } from '../collaborators.ts';
import { gatherSpec, type GatherNeeds } from './bastion-spec.ts';
import { otherBastions } from './other-bastions.ts';
import type { UpRequest } from './up-request.ts';

/**
 * Creates a bastion in two parts: the first plans and only reads, the second carries out the plan when the person
 * agrees.
 */

export interface PlannedBastion {
  readonly plan: UpPlan;
  readonly spec: BastionSpec;
  readonly price: PlannedPrice;
  readonly accountId: string;
  /** Undefined if the account has none, or it may not be read. */
  readonly accountAlias: string | undefined;
  /** Milliseconds since the epoch by AWS's clock. */
  readonly plannedAt: number;
}

export interface PlannedPrice extends Price {
  /** The cheapest spot pool; undefined when EC2 returned no price. */
  readonly cheapest: SpotPrice | undefined;
}

/**
 * Reads from the account everything that the request leaves open. Throws `role-untrusted` and what `gatherSpec` and
 * `planUp` throw.
 */
export async function planBastion(
  request: UpRequest,
  deps: GatherNeeds & Needs<'report'>,
): Promise<PlannedBastion> {
  const looking = { step: 'look', title: 'read account and network' };
  deps.report({ type: 'step-started', ...looking, next: 'plan' });
  const account = await deps.account();
  const [ec2, iam, images] = await Promise.all([account.ec2(), account.iam(), account.images()]);
  const { spec, scope, identity } = await gatherSpec(request, deps);
  const clock = awsClock(account, deps.clock);
  const [inventory, prices, accountAlias, others] = await Promise.all([
    readInventory({ ec2, iam }, scope),
    images.spotPrices(spec.types, clock.now()),
    account.alias(),
    otherBastions(account, spec),
  ]);
  deps.report({ type: 'step-done', ...looking, detail: spec.network.reason });
  const plan = planUp(inventory, spec, clock.now(), ruleAdmitting);
  refuseUntrusted(inventory, spec);
  const warnings = [...reachFindings(spec, groupFor(inventory, spec)?.id), ...others].map(warningOf);
  return {
    plan: { ...plan, warnings: [...plan.warnings, ...warnings] },
    spec,
    price: plannedPrice(spec, prices),
    accountId: identity.accountId,
    accountAlias,
    plannedAt: clock.now(),
  };
}

/** Turns a finding that does not stop the plan into a warning. */
const warningOf = (finding: Finding): PlanWarning => ({
  code: finding.id,
  message: sentenceOf(finding),
  details: detailsOf(finding),
});

/**
 * Throws `role-untrusted` if the trust policy of the bastion's own role was changed so that EC2 cannot assume it. The
 * policy for operators does not let them change it back.
 */
function refuseUntrusted({ role }: Inventory, spec: BastionSpec): void {
  if (spec.role.kind === 'given' || role === undefined) return;
  const untrusted = ec2TrustOf(role.name, role.trust, { of: 'own', name: spec.name });
  if (untrusted !== undefined) throw errorOf(untrusted);
}

function plannedPrice(spec: BastionSpec, prices: readonly SpotPrice[]): PlannedPrice {
  const cheapest = cheapestPool(
    prices,
    spec.types,
    spec.network.subnets.map((subnet) => subnet.zone),
  );
  const price = priceOf({
    region: spec.region,
    market: spec.market,
    type: spec.types[0] ?? 'an instance',
    pool: cheapest,
    volumeGiB: Math.max(...spec.images.map((image) => image.volumeGiB)),
    publicIp: spec.network.publicIp,
  });
  return { ...price, cheapest };
}

export interface UpResult {
  readonly name: string;
  readonly instanceId: string;
  /** False = it already ran. */
  readonly launched: boolean;
  /** False = `up` did not wait for its agent. */
  readonly ready: boolean;
  /** Undefined when EC2 does not show it yet. */
  readonly bastion: Bastion | undefined;
  /** AWS's time at the end of the work, in milliseconds since the epoch. */
  readonly now: number;
}

export type BringUpNeeds = Needs<
  'account' | 'clock' | 'prompter' | 'random' | 'report' | 'signal',
  'endpointUrl' | 'input' | 'yes'
>;

/**
 * Asks for agreement, carries out the plan, and waits until the bastion can be used. Throws `interrupted` when the
 * person does not agree; after any other failure a note reports that resources may exist.
 */
export async function bringUp(
  planned: PlannedBastion,
  request: UpRequest,
  deps: BringUpNeeds,
): Promise<UpResult> {
  const { plan, spec } = planned;
  await warnIfInterrupted(plan, spec.name, deps);
  if (!isNoop(plan)) {
    const agreed = await deps.prompter.confirm({
      message: `Create bastion ${spec.name} in ${spec.region} of ${accountText(planned.accountId, planned.accountAlias)}?`,
      flag: '--yes',
      defaultAnswer: true,
    });
    if (!agreed) throw interrupted('nothing was created');
  }
  try {
    return await createAndWait(planned, request, deps);
  } catch (error) {
    deps.report({
      type: 'note',
      level: 'warning',
      code: 'unfinished',
      message: `bastion ${spec.name} is not finished`,
      details: { name: spec.name },
    });
    throw error;
  }
}

/** Warns if EC2 has announced that it will interrupt the bastion that the plan keeps. */
async function warnIfInterrupted(
  plan: UpPlan,
  name: string,
  deps: Needs<'account' | 'report'>,
): Promise<void> {
  const kept = plan.steps.find((step) => step.kind === 'instance' && step.action === 'keep')?.existing?.id;
  if (kept === undefined) return;
  const status = await (await (await deps.account()).ec2()).spotStatus([kept]);
  if (status.get(kept) !== MARKED_FOR_TERMINATION) return;
  deps.report({
    type: 'note',
    level: 'warning',
    code: 'bastion-interrupted',
    message: `EC2 interrupts bastion ${kept} within two minutes`,
    details: { instanceId: kept, name },
  });
}

/**
 * IAM is replicated, and other services see a change only some seconds later. An emulator behind `AWS_ENDPOINT_URL`
 * needs no wait.
 */
const SETTLE_MS = 6_000;

async function createAndWait(
  { plan, spec, price }: PlannedBastion,
  request: UpRequest,
  deps: BringUpNeeds,
): Promise<UpResult> {
  const account = await deps.account();
  const [ec2, iam, nodes] = await Promise.all([account.ec2(), account.iam(), account.nodes()]);
  const { clock, report, signal } = deps;
  const applied = await applyUp(plan, {
    ec2,
    iam,
    clock,
    report,
    signal,
    random: () => deps.random.number(),
    uuid: () => deps.random.uuid(),
    settleMs: deps.settings.endpointUrl === undefined ? SETTLE_MS : 0,
    approveOnDemand: (failure) => approveOnDemand(failure, price, request, deps),
  });
  const { name } = spec;
  const { instanceId, launched } = applied;
  if (!request.wait) {
    const [instance] = await ec2.instances({ ids: [instanceId] });
    if (instance?.state === 'shutting-down' || instance?.state === 'terminated')
      throw removedMeanwhile(name, [`instance ${instance.id}`]);
    const bastion = instance === undefined ? undefined : bastionOf(instance);
    return { name, instanceId, launched, ready: false, bastion, now: awsClock(account, clock).now() };
  }
  const instance = await waitUntilReady(
    {
      name,
      instanceId,
      installs: spec.cluster !== undefined,
      // The boot script of a bastion that already ran has ended long ago; its console output may be gone.
      boots: launched,
      networkReason: spec.network.reason,
      ...(spec.role.kind === 'given' ? { role: spec.role.profileName } : {}),
    },
    { ec2, nodes, diagnosis: bootDiagnosis, clock, report, signal },
  ).catch((error: unknown) => {
    throw endedByDown(error, name) ?? error;
  });
  return {
    name,
    instanceId: instance.id,
    launched,
    ready: true,
    bastion: bastionOf(instance),
    now: awsClock(account, clock).now(),
  };
}

/**
 * On-demand costs more than the plan showed, so that it needs a separate answer: `--yes` agrees to the plan, which was
 * for spot.
 */
async function approveOnDemand(
  failure: Error,
  { cheapest }: PlannedPrice,
  request: UpRequest,
  { prompter, report, settings }: BringUpNeeds,
): Promise<boolean> {
  if (request.onDemand || !settings.input || settings.yes) return false;
  const spot = cheapest === undefined ? 'spot' : `the ${dollars(cheapest.dollarsPerHour)} an hour of spot`;
  const message = `${failure.message}; on-demand costs more than ${spot}; AWS's price list says how much`;
  report({ type: 'note', level: 'warning', code: 'no-spot', message });
  return prompter.confirm({
    message: 'Launch on-demand instead?',
    flag: '--on-demand',
    defaultAnswer: false,
  });
}
