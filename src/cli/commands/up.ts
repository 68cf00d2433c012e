import { Command, Option } from 'commander';
import type { UpRequest } from '../../app/bastion/up-request.ts';
import { usage } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { addIamFlags, type IamFlags, iamFlagsOf } from '../iam-flags.ts';

export interface UpOptions extends UpRequest {
  readonly dryRun: boolean;
}

interface UpFlags extends IamFlags {
  readonly name: string;
  readonly ttl?: string;
  readonly idle?: string;
  readonly vpc?: string;
  readonly subnet?: readonly string[];
  readonly wayOut?: 'private' | 'public';
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
  const [{ bringUp, planBastion }, text] = await Promise.all([
    import('../../app/bastion/bring-up.ts'),
    import('../render/up-text.ts'),
  ]);
  const planned = await planBastion(options, context);
  if (options.dryRun) {
    text.writeDryRun(planned, context);
    return;
  }
  text.reportPlan(planned, context);
  const brought = await bringUp(planned, options, context);
  text.writeResult(brought, planned.spec.databases, context);
}
