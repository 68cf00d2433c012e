import { Command } from 'commander';
import { access, ToolError } from '../../core/errors.ts';
import type { AwsAccount } from '../../aws/account.ts';
import type { Ec2Port, Instance } from '../../provision/ports/ec2.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { addIamFlags, type IamFlags, iamFlagsOf, iamNaming } from '../iam-flags.ts';
import type { Refusals } from '../refusals.ts';

export interface StatusOptions {
  /** Undefined = all. */
  readonly name: string | undefined;
  readonly allRegions: boolean;
  /** As typed. */
  readonly iam: IamFlags;
}

interface StatusFlags extends IamFlags {
  readonly name?: string;
  readonly allRegions?: boolean;
}

/** One row; these fields are what `--json` prints, and stable. */
export interface BastionStatus {
  readonly name: string;
  readonly region: string;
  /** Null when only leftovers exist: a crashed `up` or a bastion that ended itself. */
  readonly instanceId: string | null;
  /** State of the instance, or `leftovers`. */
  readonly state: string;
  /** EC2 has given notice and takes the spot instance back within two minutes; null when that may not be read. */
  readonly takenBack: boolean | null;
  /** The instance whose place this one takes after such a notice. */
  readonly replaces: string | null;
  /** Ping status; null where no agent has reported, `unknown` when that may not be read. */
  readonly agent: string | null;
  readonly type: string | null;
  readonly market: string | null;
  readonly vpc: string | null;
  readonly subnet: string | null;
  readonly owner: string | null;
  readonly cluster: string | null;
  /** ISO 8601. */
  readonly launchedAt: string | null;
  readonly expiresAt: string | null;
  /** 0 = never. */
  readonly idleMinutes: number | null;
  /** Until it ends for want of a session; all of them while one is open. Null = never, or sessions may not be listed. */
  readonly idleLeftMinutes: number | null;
  /** Open sessions; null when they may not be listed. */
  readonly sessions: number | null;
  /** Dollars since the launch; null where AWS names no price. */
  readonly cost: number | null;
}

export function statusCommand(invoke: Invoke, run: Run<StatusOptions> = runStatus): Command {
  const command = new Command('status')
    .description('bastions: age, time left, sessions, cost so far')
    .option('--name <name>', 'only this bastion')
    .option('--all-regions', 'look in every region of the account');
  return addIamFlags(command)
    .addHelpText(
      'after',
      `
Examples:
  $ fargate-connect status
  $ fargate-connect status --all-regions --json`,
    )
    .action((flags: StatusFlags, command: Command) =>
      invoke(
        run,
        { name: flags.name, allRegions: flags.allRegions === true, iam: iamFlagsOf(flags) },
        command,
      ),
    );
}

/** Refusals that say nothing of the next region. AWS refuses some credentials in the regions that one has to opt into. */
const OF_ONE_REGION: readonly string[] = ['access-denied', 'credentials-refused'];

async function runStatus(options: StatusOptions, context: CommandContext): Promise<void> {
  const { Refusals } = await import('../refusals.ts');
  const rows: BastionStatus[] = [];
  const closedRegions: string[] = [];
  const holes: Holes = { ofBastions: new Refusals(), forOperators: new Refusals() };
  const regions = await accounts(options, context);
  for (const account of regions) {
    try {
      rows.push(...(await bastionsIn(account, options, context, holes)));
    } catch (error) {
      // One region that a policy closes must not hide the others; the documents for operators are for one region each.
      if (!(error instanceof ToolError) || !OF_ONE_REGION.includes(error.code)) throw error;
      closedRegions.push(account.region);
      if (closedRegions.length === regions.length) throw error;
      const message = `${account.region}: ${error.message}`;
      context.report({ type: 'note', level: 'warning', code: 'region-unreadable', message });
    }
  }
  if (context.settings.output === 'json')
    context.terminal.stdout.write(`${JSON.stringify(shown(rows, closedRegions, holes))}\n`);
  else await writeRows(rows, options, context);
  tellHoles(holes, context);
}

/** What IAM kept from us. */
interface Holes {
  /** Agents and notices, which every document for people who use bastions grants. */
  readonly ofBastions: Refusals;
  /** Leftovers, sessions of others, cost. */
  readonly forOperators: Refusals;
}

/** What `--json` prints; stable. */
const shown = (
  bastions: readonly BastionStatus[],
  closedRegions: readonly string[],
  { ofBastions, forOperators }: Holes,
) => ({ bastions, closedRegions, notAllowed: [...ofBastions.actions, ...forOperators.actions].sort() });

/** Throws `answer-incomplete` where somebody would take a bastion for sound of which too little is known. */
function tellHoles({ ofBastions, forOperators }: Holes, context: CommandContext): void {
  if (forOperators.actions.length > 0) {
    const message = `not shown: leftovers, sessions or cost, which take ${forOperators.actions.join(', ')}; see fargate-connect policy operator`;
    context.report({ type: 'note', level: 'warning', code: 'for-operators', message });
  }
  const { actions } = ofBastions;
  if (actions.length === 0) return;
  throw access('answer-incomplete', `that is not all: not allowed to call ${actions.join(', ')}`, {
    hints: ['fargate-connect policy operator   # or forward, or shell: all of them grant that'],
    details: { actions },
  });
}

async function writeRows(
  rows: readonly BastionStatus[],
  options: StatusOptions,
  context: CommandContext,
): Promise<void> {
  if (rows.length === 0) {
    const where = options.allRegions ? 'any region' : ((await context.account()).region ?? '');
    context.report({
      type: 'note',
      level: 'info',
      code: 'no-bastions',
      message: `no bastion in ${where}; fargate-connect up makes one`,
    });
    return;
  }
  const { writeTable } = await import('../render/status-table.ts');
  writeTable(rows, options.allRegions, context);
}

async function accounts(options: StatusOptions, context: CommandContext): Promise<readonly AwsAccount[]> {
  const home = await context.account();
  if (!options.allRegions) return [home];
  const regions = await (await home.ec2()).regions();
  return Promise.all(regions.map((region) => context.openAccount({ ...context.settings, region })));
}

async function bastionsIn(
  account: AwsAccount,
  options: StatusOptions,
  context: CommandContext,
  { ofBastions, forOperators }: Holes,
): Promise<readonly BastionStatus[]> {
  const [{ findNames, LIVING }, { TAG }] = await Promise.all([
    import('../../provision/bastion/inventory.ts'),
    import('../../provision/bastion/names.ts'),
  ]);
  const [ec2, iam, nodesPort] = await Promise.all([account.ec2(), account.iam(), account.nodes()]);
  const tag =
    options.name === undefined ? { key: TAG.bastion } : { key: TAG.bastion, values: [options.name] };
  const naming = await iamNaming(options.iam, context);
  const [instances, found] = await Promise.all([
    ec2.instances({ tag, states: LIVING }),
    findNames({ ec2, iam }, account.region, naming, (list) => forOperators.or([], list)),
  ]);
  const [nodes, noticed] = await Promise.all([
    ofBastions.or(undefined, nodesPort.nodes(instances.map((instance) => instance.id))),
    takenBack(ec2, instances, ofBastions),
  ]);
  const rows = await Promise.all(
    instances.map((instance) => {
      const agent =
        nodes === undefined
          ? 'unknown'
          : (nodes.find((node) => node.instanceId === instance.id)?.pingStatus ?? null);
      const seen = { agent, takenBack: noticed?.has(instance.id) ?? null };
      return statusOf(instance, seen, account, context, forOperators);
    }),
  );
  const orphans = found
    .filter((name) => options.name === undefined || name === options.name)
    .filter((name) => !rows.some((row) => row.name === name))
    .map((name) => orphan(name, account.region));
  const key = (row: BastionStatus): string => `${row.name} ${row.launchedAt ?? ''}`;
  return [...rows, ...orphans].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Ids of the instances that EC2 takes back; undefined when that may not be read. */
async function takenBack(
  ec2: Ec2Port,
  instances: readonly Instance[],
  refusals: Refusals,
): Promise<ReadonlySet<string> | undefined> {
  const ids = instances
    .filter((instance) => instance.market === 'spot' && instance.state === 'running')
    .map((instance) => instance.id);
  if (ids.length === 0) return new Set();
  const { MARKED } = await import('../../provision/lease/bastion-watch.ts');
  const codes = await refusals.or(undefined, ec2.spotStatus(ids));
  if (codes === undefined) return undefined;
  return new Set([...codes].filter(([, code]) => code === MARKED).map(([id]) => id));
}

const orphan = (name: string, region: string): BastionStatus => ({
  name,
  region,
  instanceId: null,
  state: 'leftovers',
  takenBack: null,
  replaces: null,
  agent: null,
  type: null,
  market: null,
  vpc: null,
  subnet: null,
  owner: null,
  cluster: null,
  launchedAt: null,
  expiresAt: null,
  idleMinutes: null,
  idleLeftMinutes: null,
  sessions: null,
  cost: null,
});

/** gp3 of the standard AL2023 image; the volume itself is not asked for, to spare a permission. */
const VOLUME_GIB = 8;

async function statusOf(
  instance: Instance,
  seen: Pick<BastionStatus, 'agent' | 'takenBack'>,
  account: AwsAccount,
  context: CommandContext,
  refusals: Refusals,
): Promise<BastionStatus> {
  const [{ bastionOf }, { costSoFar, idleLeft, leaseOf }] = await Promise.all([
    import('../../provision/bastion/inventory.ts'),
    import('../../provision/lease/lease.ts'),
  ]);
  const bastion = bastionOf(instance);
  const lease = leaseOf(instance);
  const [ssm, images] = await Promise.all([account.ssm(), account.images()]);
  const [sessions, ended, history] = await Promise.all([
    refusals.or(undefined, ssm.activeSessions(instance.id)),
    refusals.or(undefined, ssm.lastSessionEnd(instance.id)),
    refusals.or([], images.spotPrices([instance.type], instance.launchedAt)),
  ]);
  const now = context.clock.now();
  const cost = costSoFar(instance, VOLUME_GIB, history, now);
  const idleSince = sessions?.length === 0 ? Math.max(instance.launchedAt, ended ?? 0) : now;
  const iso = (ms: number | undefined): string | null =>
    ms === undefined ? null : new Date(ms).toISOString();
  return {
    name: bastion.name,
    region: account.region,
    instanceId: bastion.instanceId,
    state: bastion.state,
    takenBack: seen.takenBack,
    replaces: bastion.replaces ?? null,
    agent: seen.agent,
    type: bastion.instanceType,
    market: bastion.market,
    vpc: bastion.vpcId,
    subnet: bastion.subnetId,
    owner: bastion.owner ?? null,
    cluster: bastion.cluster ?? null,
    launchedAt: iso(bastion.launchedAt),
    expiresAt: iso(lease.expiresAt),
    idleMinutes: lease.idleMinutes ?? null,
    idleLeftMinutes: sessions === undefined ? null : (idleLeft(lease, idleSince, now) ?? null),
    sessions: sessions?.length ?? null,
    cost: cost === undefined ? null : Math.round(cost * 1e6) / 1e6,
  };
}
