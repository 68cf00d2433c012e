import { Command } from 'commander';
import { ToolError } from '../../core/errors.ts';
import type { AwsAccount } from '../../aws/account.ts';
import type { Instance } from '../../provision/ports.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';

export interface StatusOptions {
  /** Undefined = all. */
  readonly name: string | undefined;
  readonly allRegions: boolean;
}

/** One row; these fields are what `--json` prints, and stable. */
export interface BastionStatus {
  readonly name: string;
  readonly region: string;
  /** Null when only leftovers exist: a crashed `up` or a bastion that ended itself. */
  readonly instanceId: string | null;
  /** State of the instance, or `leftovers`. */
  readonly state: string;
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
  /** Open sessions; null when they may not be listed. */
  readonly sessions: number | null;
  /** Dollars since the launch; null where AWS names no price. */
  readonly cost: number | null;
}

export function statusCommand(invoke: Invoke, run: Run<StatusOptions> = runStatus): Command {
  return new Command('status')
    .description('bastions: age, time left, sessions, cost so far')
    .option('--name <name>', 'only this bastion')
    .option('--all-regions', 'look in every region of the account')
    .addHelpText(
      'after',
      `
Examples:
  $ fargate-connect status
  $ fargate-connect status --all-regions --json`,
    )
    .action((flags: { name?: string; allRegions?: boolean }, command: Command) =>
      invoke(run, { name: flags.name, allRegions: flags.allRegions === true }, command),
    );
}

async function runStatus(options: StatusOptions, context: CommandContext): Promise<void> {
  const rows: BastionStatus[] = [];
  for (const account of await accounts(options, context)) {
    try {
      rows.push(...(await bastionsIn(account, options, context)));
    } catch (error) {
      // One region that a policy closes must not hide the others.
      if (!options.allRegions || !(error instanceof ToolError) || error.role !== 'access') throw error;
      note(context, 'region-unreadable', `${account.region}: ${error.message}`);
    }
  }
  if (context.settings.output === 'json') {
    context.terminal.stdout.write(`${JSON.stringify({ bastions: rows })}\n`);
    return;
  }
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
  await writeTable(rows, options, context);
}

const note = (context: CommandContext, code: string, message: string): void =>
  context.report({ type: 'note', level: 'warning', code, message });

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
): Promise<readonly BastionStatus[]> {
  const [{ findNames, LIVING }, { TAG }] = await Promise.all([
    import('../../provision/inventory.ts'),
    import('../../provision/names.ts'),
  ]);
  const [ec2, iam, nodesPort] = await Promise.all([account.ec2(), account.iam(), account.nodes()]);
  const tag =
    options.name === undefined ? { key: TAG.bastion } : { key: TAG.bastion, values: [options.name] };
  const [instances, found] = await Promise.all([
    ec2.instances({ tag, states: LIVING }),
    ifAllowed(context, 'leftovers-unknown', () => findNames({ ec2, iam }, account.region)),
  ]);
  const nodes = await nodesPort.nodes(instances.map((instance) => instance.id));
  const rows = await Promise.all(
    instances.map((instance) =>
      statusOf(
        instance,
        nodes.find((node) => node.instanceId === instance.id)?.pingStatus ?? null,
        account,
        context,
      ),
    ),
  );
  const orphans = (found ?? [])
    .filter((name) => options.name === undefined || name === options.name)
    .filter((name) => !rows.some((row) => row.name === name))
    .map((name) => orphan(name, account.region));
  return [...rows, ...orphans].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const orphan = (name: string, region: string): BastionStatus => ({
  name,
  region,
  instanceId: null,
  state: 'leftovers',
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
  sessions: null,
  cost: null,
});

/** gp3 of the standard AL2023 image; the volume itself is not asked for, to spare a permission. */
const VOLUME_GIB = 8;

async function statusOf(
  instance: Instance,
  agent: string | null,
  account: AwsAccount,
  context: CommandContext,
): Promise<BastionStatus> {
  const [{ bastionOf }, { costSoFar, leaseOf }] = await Promise.all([
    import('../../provision/inventory.ts'),
    import('../../provision/lease.ts'),
  ]);
  const bastion = bastionOf(instance);
  const lease = leaseOf(instance);
  const [sessions, history] = await Promise.all([
    ifAllowed(context, 'sessions-unknown', async () => {
      const ssm = await account.ssm();
      return (await ssm.activeSessions(instance.id)).length;
    }),
    ifAllowed(context, 'prices-unknown', async () =>
      (await account.images()).spotPrices([instance.type], instance.launchedAt),
    ),
  ]);
  const cost = costSoFar(instance, VOLUME_GIB, history ?? [], context.clock.now());
  const iso = (ms: number | undefined): string | null =>
    ms === undefined ? null : new Date(ms).toISOString();
  return {
    name: bastion.name,
    region: account.region,
    instanceId: bastion.instanceId,
    state: bastion.state,
    agent,
    type: bastion.instanceType,
    market: bastion.market,
    vpc: bastion.vpcId,
    subnet: bastion.subnetId,
    owner: bastion.owner ?? null,
    cluster: bastion.cluster ?? null,
    launchedAt: iso(bastion.launchedAt),
    expiresAt: iso(lease.expiresAt),
    idleMinutes: lease.idleMinutes ?? null,
    sessions: sessions ?? null,
    cost: cost === undefined ? null : Math.round(cost * 1e6) / 1e6,
  };
}

/** A person who may only look at instances still gets a table. */
async function ifAllowed<T>(
  context: CommandContext,
  code: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ToolError) || error.role !== 'access') throw error;
    note(context, code, error.message);
    return undefined;
  }
}

/** The agent is worth a word only when it does not answer. */
const stateText = ({ state, agent }: BastionStatus): string =>
  state !== 'running' || agent === 'Online' ? state : `${state}, agent ${agent ?? 'not yet online'}`;

const leftText = (ms: number, duration: (ms: number) => string): string => (ms <= 0 ? 'over' : duration(ms));

/** User name or role session of an ARN; all of it is in --json. */
const lastPart = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1);

async function writeTable(
  rows: readonly BastionStatus[],
  options: StatusOptions,
  context: CommandContext,
): Promise<void> {
  const [{ renderTable }, { duration }, { dollars }] = await Promise.all([
    import('../../ui/table.ts'),
    import('../../ui/printable.ts'),
    import('../../provision/lease.ts'),
  ]);
  const now = context.clock.now();
  const table = renderTable(
    [
      { title: 'name', shrink: true },
      ...(options.allRegions ? ['region'] : []),
      'instance',
      { title: 'state', shrink: true },
      { title: 'type', shrink: true },
      'age',
      'left',
      'idle',
      { title: 'sessions', align: 'right' },
      'cost',
      { title: 'owner', shrink: true },
    ],
    rows.map((row) => [
      row.name,
      ...(options.allRegions ? [row.region] : []),
      row.instanceId ?? undefined,
      stateText(row),
      row.type === null ? undefined : `${row.type} ${row.market ?? ''}`,
      row.launchedAt === null ? undefined : duration(now - Date.parse(row.launchedAt)),
      row.expiresAt === null ? undefined : leftText(Date.parse(row.expiresAt) - now, duration),
      row.idleMinutes === null ? undefined : row.idleMinutes === 0 ? 'never' : `${row.idleMinutes}m`,
      row.sessions ?? undefined,
      row.cost === null ? undefined : dollars(row.cost),
      row.owner === null ? undefined : lastPart(row.owner),
    ]),
    {
      color: context.settings.color,
      width: context.terminal.stdoutIsTty ? context.terminal.size().columns : undefined,
    },
  );
  context.terminal.stdout.write(table);
  for (const row of rows) {
    if (row.state !== 'leftovers') continue;
    note(
      context,
      'leftovers-found',
      `bastion ${row.name} has no instance, but resources: fargate-connect down --name ${row.name}${options.allRegions ? ` --region ${row.region}` : ''}`,
    );
  }
}
