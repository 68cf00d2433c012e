import { awsClock } from '../aws-clock.ts';
import type { AwsAccount } from '../../aws/account.ts';
import type { ErrorDetails } from '../../core/facts/fact.ts';
import { access, ToolError } from '../../core/errors.ts';
import { bastionFindings, needsConsole, type ObservedBastion } from '../../diagnose/bastion/running.ts';
import type { Finding, Severity } from '../../diagnose/finding.ts';
import type { Fix } from '../../diagnose/change.ts';
import { sentenceOf } from '../../diagnose/sentences.ts';
import { bastionOf, findNames, NOT_TERMINATED } from '../../provision/bastion/inventory.ts';
import { TAG } from '../../provision/bastion/names.ts';
import { MARKED_FOR_TERMINATION } from '../../provision/lease/bastion-watch.ts';
import { costSoFar, idleLeft, leaseOf } from '../../provision/lease/lease.ts';
import type { Ec2Port, Instance } from '../../provision/ports/ec2.ts';
import type { IamNaming } from '../../provision/roles/iam-names.ts';
import type { Needs } from '../collaborators.ts';
import { iamNaming, type IamOverrides } from './iam-naming.ts';
import { RefusedActions } from './refused-actions.ts';

/** The bastions of a region or of all regions: age, time left, sessions, cost so far. */

export interface StatusRequest {
  /** Undefined = all bastions. */
  readonly name: string | undefined;
  readonly allRegions: boolean;
  readonly iam: IamOverrides;
}

/** One row. `--json` prints these fields, and they are stable. */
export interface BastionStatus {
  readonly name: string;
  readonly region: string;
  /** Null when only leftovers exist: those of a crashed `up` or of a bastion that terminated itself. */
  readonly instanceId: string | null;
  /** State of the instance, or `leftovers`. */
  readonly state: string;
  /**
   * True if EC2 has announced that it interrupts the spot instance within two minutes; null when the caller may not
   * read that.
   */
  readonly interrupted: boolean | null;
  /** Id of the instance that this one replaces after such a notice. */
  readonly replaces: string | null;
  /** Ping status; null where no agent has registered, `unknown` when the caller may not read it. */
  readonly agent: string | null;
  readonly type: string | null;
  readonly market: string | null;
  readonly vpc: string | null;
  readonly subnet: string | null;
  readonly owner: string | null;
  readonly cluster: string | null;
  /** TCP ports that its security group allows outbound; null = not known, because another group may allow more. */
  readonly ports: readonly number[] | null;
  /** ISO 8601. */
  readonly launchedAt: string | null;
  readonly expiresAt: string | null;
  /** 0 = never. */
  readonly idleMinutes: number | null;
  /**
   * Minutes until it terminates itself for lack of a session; the full idle time while a session is open. Null = never,
   * or the caller may not list sessions.
   */
  readonly idleLeftMinutes: number | null;
  /** Number of open sessions; null when the caller may not list them. */
  readonly sessions: number | null;
  /** Dollars since the launch; null where EC2 returns no price. */
  readonly cost: number | null;
  /** What stops, or will stop, sessions through it; the most important first. */
  readonly findings: readonly StatusFinding[];
}

/** A finding of a diagnosis (diagnose/finding.ts) with its sentence. */
export interface StatusFinding {
  readonly id: string;
  readonly severity: Severity;
  readonly message: string;
  readonly evidence: ErrorDetails;
  readonly fixes: readonly Fix[];
}

export interface Statuses {
  readonly bastions: readonly BastionStatus[];
  /** Regions for which IAM denied the calls. */
  readonly closedRegions: readonly string[];
  /** The only region that was read; undefined = all regions were read. */
  readonly region: string | undefined;
  /** AWS's time when they had been read, in milliseconds since the epoch. */
  readonly now: number;
  readonly notAllowed: {
    /**
     * Actions for the state of agents and interruption notices; every document for people who use bastions grants them.
     */
    readonly ofBastions: readonly string[];
    /** Actions for leftovers, sessions of others, and cost. */
    readonly forOperators: readonly string[];
  };
}

/** What the workflow needs; `doctor --bastion` needs the same. */
export type StatusNeeds = Needs<'account' | 'accountIn' | 'clock' | 'report', 'iamPath' | 'iamPrefix'>;

/** The search in each region, and the actions that IAM denies there. */
interface Search {
  readonly name: string | undefined;
  readonly naming: IamNaming;
  readonly ofBastions: RefusedActions;
  readonly forOperators: RefusedActions;
}

/**
 * Errors that can concern one region only. AWS rejects some credentials in the regions that have to be enabled (opt-in
 * regions).
 */
const REGIONAL_ERRORS: readonly string[] = ['access-denied', 'credentials-refused'];

/** Throws `iam-path`, `iam-prefix`, and what the ports throw if no region can be read. */
export async function bastionStatuses(request: StatusRequest, deps: StatusNeeds): Promise<Statuses> {
  const search: Search = {
    name: request.name,
    naming: iamNaming(request.iam, deps.settings),
    ofBastions: new RefusedActions(),
    forOperators: new RefusedActions(),
  };
  const bastions: BastionStatus[] = [];
  const closedRegions: string[] = [];
  const accounts = await accountsOf(request, deps);
  for (const account of accounts) {
    try {
      bastions.push(...(await bastionsIn(account, search, deps)));
    } catch (error) {
      // If a policy denies one region, the others are still shown; the documents for operators are for one region each.
      if (!(error instanceof ToolError) || !REGIONAL_ERRORS.includes(error.code)) throw error;
      closedRegions.push(account.region);
      if (closedRegions.length === accounts.length) throw error;
      const message = `${account.region}: ${error.message}`;
      deps.report({ type: 'note', level: 'warning', code: 'region-unreadable', message });
    }
  }
  return {
    bastions,
    closedRegions,
    region: request.allRegions ? undefined : accounts[0]?.region,
    now: awsClock(await deps.account(), deps.clock).now(),
    notAllowed: { ofBastions: search.ofBastions.actions, forOperators: search.forOperators.actions },
  };
}

/**
 * Throws `answer-incomplete` when the state of agents or interruption notices could not be read: a bastion may then be
 * unhealthy although no problem is shown.
 */
export function requireComplete({ notAllowed: { ofBastions: actions } }: Statuses): void {
  if (actions.length === 0) return;
  throw access('answer-incomplete', `that is not all: not allowed to call ${actions.join(', ')}`, {
    details: { actions },
  });
}

async function accountsOf(
  { allRegions }: StatusRequest,
  deps: Needs<'account' | 'accountIn'>,
): Promise<readonly AwsAccount[]> {
  const home = await deps.account();
  if (!allRegions) return [home];
  const regions = await (await home.ec2()).regions();
  return Promise.all(regions.map((region) => deps.accountIn(region)));
}

async function bastionsIn(
  account: AwsAccount,
  { name: wanted, naming, ofBastions, forOperators }: Search,
  deps: Needs<'clock'>,
): Promise<readonly BastionStatus[]> {
  const [ec2, iam, nodesPort] = await Promise.all([account.ec2(), account.iam(), account.nodes()]);
  const tag = wanted === undefined ? { key: TAG.bastion } : { key: TAG.bastion, values: [wanted] };
  const [instances, found] = await Promise.all([
    ec2.instances({ tag, states: NOT_TERMINATED }),
    findNames({ ec2, iam }, account.region, naming, (list) => forOperators.or([], list)),
  ]);
  const [nodes, noticed] = await Promise.all([
    ofBastions.or(undefined, nodesPort.nodes(instances.map((instance) => instance.id))),
    withNotice(ec2, instances, ofBastions),
  ]);
  const rows = await Promise.all(
    instances.map((instance) => {
      const agent =
        nodes === undefined ? undefined : (nodes.find((node) => node.instanceId === instance.id) ?? null);
      const replacement = instances.find((other) => other.tags[TAG.replaces] === instance.id)?.id;
      const seen = { agent, replacement, isInterrupted: noticed?.has(instance.id) };
      return statusOf(instance, seen, account, deps, forOperators);
    }),
  );
  const orphans = found
    .filter((name) => wanted === undefined || name === wanted)
    .filter((name) => !rows.some((row) => row.name === name))
    .map((name) => orphan(name, account.region));
  const key = (row: BastionStatus): string => `${row.name} ${row.launchedAt ?? ''}`;
  return [...rows, ...orphans].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Ids of the instances with an interruption notice; undefined when the caller may not read it. */
async function withNotice(
  ec2: Ec2Port,
  instances: readonly Instance[],
  refusals: RefusedActions,
): Promise<ReadonlySet<string> | undefined> {
  const ids = instances
    .filter((instance) => instance.market === 'spot' && instance.state === 'running')
    .map((instance) => instance.id);
  if (ids.length === 0) return new Set();
  const codes = await refusals.or(undefined, ec2.spotStatus(ids));
  if (codes === undefined) return undefined;
  return new Set([...codes].filter(([, code]) => code === MARKED_FOR_TERMINATION).map(([id]) => id));
}

const orphan = (name: string, region: string): BastionStatus => ({
  name,
  region,
  instanceId: null,
  state: 'leftovers',
  interrupted: null,
  replaces: null,
  agent: null,
  type: null,
  market: null,
  vpc: null,
  subnet: null,
  owner: null,
  cluster: null,
  ports: null,
  launchedAt: null,
  expiresAt: null,
  idleMinutes: null,
  idleLeftMinutes: null,
  sessions: null,
  cost: null,
  findings: [],
});

/**
 * The gp3 volume of the standard AL2023 image. The size of the volume itself is not read, so that the caller needs no
 * permission for it.
 */
const VOLUME_GIB = 8;

async function statusOf(
  instance: Instance,
  seen: Pick<ObservedBastion, 'agent' | 'replacement' | 'isInterrupted'>,
  account: AwsAccount,
  { clock }: Needs<'clock'>,
  refusals: RefusedActions,
): Promise<BastionStatus> {
  const bastion = bastionOf(instance);
  const lease = leaseOf(instance);
  const { agent, isInterrupted } = seen;
  const [ec2, ssm, images] = await Promise.all([account.ec2(), account.ssm(), account.images()]);
  const [consoleOutput, sessions, ended, history] = await Promise.all([
    needsConsole({ agent, state: instance.state })
      ? refusals.or(undefined, ec2.consoleOutput(instance.id))
      : undefined,
    refusals.or(undefined, ssm.activeSessions(instance.id)),
    refusals.or(undefined, ssm.lastSessionEnd(instance.id)),
    refusals.or([], images.spotPrices([instance.type], instance.launchedAt)),
  ]);
  const now = awsClock(account, clock).now();
  const cost = costSoFar(instance, VOLUME_GIB, history, now);
  const idleSince = sessions?.length === 0 ? Math.max(instance.launchedAt, ended ?? 0) : now;
  const iso = (ms: number | undefined): string | null =>
    ms === undefined ? null : new Date(ms).toISOString();
  return {
    name: bastion.name,
    region: account.region,
    instanceId: bastion.instanceId,
    state: bastion.state,
    interrupted: isInterrupted ?? null,
    replaces: bastion.replaces ?? null,
    agent: agent === undefined ? 'unknown' : (agent?.pingStatus ?? null),
    type: bastion.instanceType,
    market: bastion.market,
    vpc: bastion.vpcId,
    subnet: bastion.subnetId,
    owner: bastion.owner ?? null,
    cluster: bastion.cluster ?? null,
    ports: bastion.ports ?? null,
    launchedAt: iso(bastion.launchedAt),
    expiresAt: iso(lease.expiresAt),
    idleMinutes: lease.idleMinutes ?? null,
    idleLeftMinutes: sessions === undefined ? null : (idleLeft(lease, idleSince, now) ?? null),
    sessions: sessions?.length ?? null,
    cost: cost === undefined ? null : Math.round(cost * 1e6) / 1e6,
    findings: bastionFindings(
      { ...bastion, ...seen, installs: bastion.cluster !== undefined, consoleOutput },
      now,
    ).map(statusFinding),
  };
}

const statusFinding = (finding: Finding): StatusFinding => ({
  id: finding.id,
  severity: finding.severity,
  message: sentenceOf(finding),
  evidence: { ...finding.evidence },
  fixes: finding.fixes,
});
