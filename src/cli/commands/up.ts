import { Command, Option } from 'commander';
import { interrupted, usage } from '../../core/errors.ts';
import type { WayTold } from '../../provision/network/network-facts.ts';
import type { Plan } from '../../provision/plan/plan.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { addIamFlags, type IamFlags, iamFlagsOf } from '../iam-flags.ts';
import type { UpFacts } from '../render/up-text.ts';

export interface UpOptions {
  readonly name: string;
  readonly ttlMs: number;
  /** `--ttl` was typed: a running bastion is extended then. */
  readonly ttlGiven: boolean;
  /** `--idle` was typed: a running bastion keeps its own, and that is said. */
  readonly idleGiven: boolean;
  /** 0 = never. */
  readonly idleMinutes: number;
  readonly vpc: string | undefined;
  readonly subnets: readonly string[];
  /** Of those subnets; undefined = to be found out. */
  readonly wayOut: WayTold | undefined;
  /** Empty = the default pool. */
  readonly types: readonly string[];
  readonly onDemand: boolean;
  readonly dryRun: boolean;
  readonly wait: boolean;
  readonly tunnelOnly: boolean;
  readonly role: string | undefined;
  /** An ARN, or `none`; undefined = the shared one, else one of its own. */
  readonly permissionsBoundary: string | undefined;
  readonly kmsKey: string | undefined;
  readonly databases: readonly string[];
  readonly allowDatabases: readonly string[];
  readonly egressPorts: readonly number[];
  readonly clientSecurityGroups: readonly string[];
  /** As typed. */
  readonly iam: IamFlags;
}

interface UpFlags extends IamFlags {
  readonly name: string;
  readonly ttl?: string;
  readonly idle?: string;
  readonly vpc?: string;
  readonly subnet?: readonly string[];
  readonly wayOut?: WayTold;
  readonly type?: readonly string[];
  readonly onDemand?: boolean;
  readonly dryRun?: boolean;
  readonly wait: boolean;
  readonly tunnelOnly?: boolean;
  readonly role?: string;
  readonly permissionsBoundary?: string;
  readonly kmsKey?: string;
  readonly db?: readonly string[];
  readonly allowDb?: readonly string[];
  readonly egressPort?: readonly string[];
  readonly clientSecurityGroup?: readonly string[];
}

/** `a,b` and repetition both work. */
const list = (text: string, before: unknown): readonly string[] => [
  ...(Array.isArray(before) ? (before as readonly string[]) : []),
  ...text.split(',').filter((part) => part !== ''),
];

export function upCommand(invoke: Invoke, run: Run<UpOptions> = runUp): Command {
  const command = new Command('up')
    .description('a bastion: least privilege, spot, no inbound ports, ends itself')
    .option('--name <name>', 'name of the bastion', 'default')
    .option('--ttl <duration>', 'absolute end, e.g. 8h; extends a running one (default: 8h)')
    .option('--idle <duration>', 'end after that long without a session, 0 = never (default: 30m)')
    .option('--dry-run', 'print plan, policies, network and price; write nothing')
    .option('--no-wait', 'return as soon as it is launched')
    .option('--tunnel-only', 'install nothing and leave the ECS rights out')
    .addOption(group('Network:', '--vpc <id>', 'VPC (default: that of the service or cluster)'))
    .addOption(group('Network:', '--subnet <ids>', 'only these subnets').argParser(list))
    .addOption(
      group('Network:', '--way-out <kind>', 'the way out of those, where up does not see it').choices([
        'private',
        'public',
      ]),
    )
    .addOption(
      group('Network:', '--db <ids>', 'open the way to these databases (default: port 443 only)').argParser(
        list,
      ),
    )
    .addOption(
      group(
        'Network:',
        '--allow-db <ids>',
        "--db, and admit the bastion in the database's security group",
      ).argParser(list),
    )
    .addOption(
      group(
        'Network:',
        '--client-security-group <ids>',
        'attach a group that the database already admits',
      ).argParser(list),
    )
    .addOption(
      group('Network:', '--egress-port <ports>', 'open further TCP ports towards the VPC').argParser(list),
    )
    .addOption(
      group(
        'Capacity:',
        '--type <types>',
        'instance types, in order of preference (default: t4g.micro, t4g.small, t3a.micro, t3.micro)',
      ).argParser(list),
    )
    .addOption(group('Capacity:', '--on-demand', 'not spot: costs more, is not taken back'))
    .addOption(group('Roles:', '--role <name>', 'instance profile that an administrator made: no IAM write'))
    .addOption(
      group(
        'Roles:',
        '--permissions-boundary <arn>',
        'for the role we make, or "none" (default: always one)',
      ),
    )
    .addOption(group('Roles:', '--kms-key <arn>', "the cluster's exec sessions are encrypted with it"));
  return addIamFlags(command)
    .addHelpText(
      'after',
      `
Running it again adopts what exists, and opens and extends what is asked for.
Ctrl-C at any moment leaves only what \`down\` removes.

Examples:
  $ fargate-connect up --cluster prod --service web
  $ fargate-connect up --cluster prod --db orders
  $ fargate-connect up --cluster prod --dry-run
  $ fargate-connect up --tunnel-only --vpc vpc-0123 --allow-db orders --ttl 2h`,
    )
    .action(async (flags: UpFlags, command: Command) => invoke(run, await optionsOf(flags), command));
}

const group = (heading: string, flags: string, description: string): Option =>
  new Option(flags, description).helpGroup(heading);

/** Throws `duration`, `port`, `bad-arguments` (usage). */
async function optionsOf(flags: UpFlags): Promise<UpOptions> {
  const { DEFAULT_IDLE_MINUTES, DEFAULT_TTL_MS, parseIdle, parsePort, parseTtl } =
    await import('../../provision/plan/spec.ts');
  if (flags.wayOut !== undefined && flags.subnet === undefined) {
    throw usage('bad-arguments', '--way-out is about the subnets of --subnet', {
      hints: [`--subnet ID --way-out ${flags.wayOut}`],
    });
  }
  return {
    name: flags.name,
    ttlMs: flags.ttl === undefined ? DEFAULT_TTL_MS : parseTtl(flags.ttl),
    ttlGiven: flags.ttl !== undefined,
    idleGiven: flags.idle !== undefined,
    idleMinutes: flags.idle === undefined ? DEFAULT_IDLE_MINUTES : parseIdle(flags.idle),
    vpc: flags.vpc,
    subnets: flags.subnet ?? [],
    wayOut: flags.wayOut,
    types: flags.type ?? [],
    onDemand: flags.onDemand === true,
    dryRun: flags.dryRun === true,
    wait: flags.wait,
    tunnelOnly: flags.tunnelOnly === true,
    role: flags.role,
    permissionsBoundary: flags.permissionsBoundary,
    kmsKey: flags.kmsKey,
    databases: flags.db ?? [],
    allowDatabases: flags.allowDb ?? [],
    egressPorts: (flags.egressPort ?? []).map((port) => parsePort(port, '--egress-port')),
    clientSecurityGroups: flags.clientSecurityGroup ?? [],
    iam: iamFlagsOf(flags),
  };
}

async function runUp(options: UpOptions, context: CommandContext): Promise<void> {
  const [{ gatherSpec }, { readInventory }, { templateDigest }, { isNoop }, { planUp }, upText] =
    await Promise.all([
      import('../../app/bastion/bastion-spec.ts'),
      import('../../provision/bastion/inventory.ts'),
      import('../../provision/capacity/launch-template.ts'),
      import('../../provision/plan/plan.ts'),
      import('../../provision/plan/plan-up.ts'),
      import('../render/up-text.ts'),
    ]);
  const looking = { step: 'look', title: 'look at account and network' };
  context.report({ type: 'step-started', ...looking, next: 'plan' });
  const account = await context.account();
  const [ec2, iam, images] = await Promise.all([account.ec2(), account.iam(), account.images()]);
  const { spec, scope } = await gatherSpec(options, context);
  const [inventory, prices] = await Promise.all([
    readInventory({ ec2, iam }, scope),
    images.spotPrices(spec.types, context.clock.now()),
  ]);
  context.report({ type: 'step-done', ...looking, detail: spec.network.reason });
  const plan = planUp(inventory, spec, templateDigest(spec), context.clock.now());

  if (options.dryRun) {
    upText.writeDryRun({ plan, spec, prices }, context);
    return;
  }
  upText.reportPlan({ plan, spec, prices }, context);
  await warnIfTakenBack(plan, context);
  if (!isNoop(plan)) {
    const agreed = await context.prompter.confirm({
      message: `Create bastion ${spec.name}?`,
      flag: '--yes',
      defaultAnswer: true,
    });
    if (!agreed) throw interrupted('nothing was created');
  }
  try {
    await createAndWait(options, context, { plan, spec, prices });
  } catch (error) {
    const { iamWords } = await import('../../provision/roles/iam-names.ts');
    const named = spec.name === 'default' ? '' : ` --name ${spec.name}`;
    context.report({
      type: 'note',
      level: 'warning',
      code: 'unfinished',
      message: `not finished; fargate-connect down${named}${iamWords(spec.iam)} removes what exists by now, up goes on with it`,
    });
    throw error;
  }
}

/** A bastion that is kept may have two minutes left. */
async function warnIfTakenBack(plan: Plan, context: CommandContext): Promise<void> {
  const kept = plan.steps.find((step) => step.kind === 'instance' && step.action === 'keep')?.id;
  if (kept === undefined) return;
  const { MARKED } = await import('../../provision/lease/bastion-watch.ts');
  const status = await (await (await context.account()).ec2()).spotStatus([kept]);
  if (status.get(kept) !== MARKED) return;
  context.report({
    type: 'note',
    level: 'warning',
    code: 'bastion-taken-back',
    message: `bastion ${kept} is being taken back by EC2: run up again in two minutes`,
    details: { instanceId: kept },
  });
}

/** IAM has replicas all over the world; an emulator behind an endpoint of its own has none. */
const SETTLE_MS = 6_000;

async function createAndWait(
  options: UpOptions,
  context: CommandContext,
  { plan, spec, prices }: UpFacts,
): Promise<void> {
  const [{ applyUp }, { endedByDown, removedMeanwhile }, { waitUntilReady }, { bastionOf }, upText] =
    await Promise.all([
      import('../../provision/plan/apply.ts'),
      import('../../provision/bastion/overtaken.ts'),
      import('../../provision/bastion/readiness.ts'),
      import('../../provision/bastion/inventory.ts'),
      import('../render/up-text.ts'),
    ]);
  const account = await context.account();
  const [ec2, iam, nodes] = await Promise.all([account.ec2(), account.iam(), account.nodes()]);
  const { clock, report, signal } = context;
  const applied = await applyUp(plan, spec, {
    ec2,
    iam,
    clock,
    report,
    signal,
    random: () => context.random.number(),
    uuid: () => context.random.uuid(),
    settleMs: context.settings.endpointUrl === undefined ? SETTLE_MS : 0,
    approveOnDemand: (failure) =>
      approveOnDemand(failure, upText.onDemandDifference({ spec, prices }), options, context),
  });
  if (!options.wait) {
    const [instance] = await ec2.instances({ ids: [applied.instanceId] });
    if (instance?.state === 'shutting-down' || instance?.state === 'terminated')
      throw removedMeanwhile(spec.name, [`instance ${instance.id}`]);
    upText.writeResult(
      { name: spec.name, instanceId: applied.instanceId, launched: applied.launched, ready: false },
      instance === undefined ? undefined : bastionOf(instance),
      spec.databases,
      context,
    );
    return;
  }
  const instance = await waitUntilReady(
    {
      name: spec.name,
      instanceId: applied.instanceId,
      installs: spec.cluster !== undefined,
      // What runs already has told its verdict long ago; the console may have forgotten it.
      boots: applied.launched,
      networkReason: spec.network.reason,
      ...(spec.role.kind === 'given' ? { role: spec.role.profileName } : {}),
    },
    { ec2, nodes, clock, report, signal },
  ).catch((error: unknown) => {
    throw endedByDown(error, spec.name) ?? error;
  });
  upText.writeResult(
    { name: spec.name, instanceId: instance.id, launched: applied.launched, ready: true },
    bastionOf(instance),
    spec.databases,
    context,
  );
}

/** Money is only spent when somebody said so: `--yes` agrees to the plan shown, which was spot. */
async function approveOnDemand(
  failure: Error,
  difference: string,
  options: UpOptions,
  context: CommandContext,
): Promise<boolean> {
  if (options.onDemand || !context.settings.input || context.settings.yes) return false;
  const message = `${failure.message}; ${difference}`;
  context.report({ type: 'note', level: 'warning', code: 'no-spot', message });
  return context.prompter.confirm({
    message: 'Launch on-demand instead?',
    flag: '--on-demand',
    defaultAnswer: false,
  });
}
