import { Command, Option } from 'commander';
import type { TypedUpRequest, UpRequest } from '../../app/bastion/up-request.ts';
import type { Invoke, Run } from '../command.ts';
import { commaSeparated } from '../comma-separated.ts';
import type { CommandContext } from '../context.ts';
import { addTagFlag } from '../tag-flag.ts';
import { addIamFlags, type IamFlags, iamFlagsOf } from '../iam-flags.ts';

export interface UpOptions extends UpRequest {
  readonly dryRun: boolean;
}

interface UpFlags extends TypedUpRequest, IamFlags {
  readonly dryRun?: boolean;
}

export function upCommand(invoke: Invoke, run: Run<UpOptions> = runUp): Command {
  const command = new Command('up')
    .description('create a bastion: least privilege, spot, no inbound ports, terminates itself')
    .option('--name <name>', 'name of the bastion', 'default')
    .option('--ttl <duration>', 'lifetime of the bastion, e.g. 8h; extends a running one (default: 8h)')
    .option('--idle <duration>', 'terminate after that long without a session; 0 = never (default: 30m)')
    .option('--dry-run', 'print plan, policies, network and price; write nothing')
    .option('--no-wait', 'return as soon as it is launched')
    .option('--tunnel-only', 'install nothing, and grant no ECS permissions')
    .addOption(group('Network:', '--vpc <id>', 'VPC (default: that of the service or cluster)'))
    .addOption(group('Network:', '--subnet <ids>', 'only these subnets').argParser(commaSeparated))
    .addOption(
      group(
        'Network:',
        '--way-out <kind>',
        'how these subnets reach AWS, if their route tables do not show it',
      ).choices(['private', 'public']),
    )
    .addOption(
      group(
        'Network:',
        '--db <ids>',
        'allow connections to these databases (default: port 443 only)',
      ).argParser(commaSeparated),
    )
    .addOption(
      group(
        'Network:',
        '--allow-db <ids>',
        "--db, and admit the bastion in the database's security group",
      ).argParser(commaSeparated),
    )
    .addOption(
      group(
        'Network:',
        '--client-security-group <ids>',
        'attach a group that the database already admits',
      ).argParser(commaSeparated),
    )
    .addOption(
      group('Network:', '--egress-port <ports>', 'open further TCP ports towards the VPC').argParser(
        commaSeparated,
      ),
    )
    .addOption(
      group(
        'Capacity:',
        '--type <types>',
        'instance types, in order of preference (default: t4g.micro, t4g.small, t3a.micro, t3.micro)',
      ).argParser(commaSeparated),
    )
    .addOption(
      group('Capacity:', '--on-demand', 'an on-demand instance: costs more, and EC2 does not interrupt it'),
    )
    .addOption(
      group(
        'Capacity:',
        '--image <images>',
        'AMI id, or SSM parameter that holds one, per architecture (default: Amazon Linux 2023)',
      ).argParser(commaSeparated),
    )
    .addOption(
      group(
        'Capacity:',
        '--kms-key <key>',
        "KMS key for the root volume: ARN, id or alias (default: the account's for EBS)",
      ),
    )
    .addOption(
      group(
        'Roles:',
        '--role <name>',
        'use an instance profile of an administrator, and write nothing to IAM',
      ),
    )
    .addOption(
      group(
        'Roles:',
        '--permissions-boundary <arn>',
        'for the role that up creates, or "none" (default: always one)',
      ),
    )
    .addOption(group('Roles:', '--session-key <arn>', "KMS key that encrypts the cluster's exec sessions"));
  addTagFlag(command);
  return addIamFlags(command)
    .addHelpText(
      'after',
      `
Running it again keeps what exists, and adds the databases, ports and time that are asked for.
Ctrl-C at any moment leaves only what \`down\` removes.

Examples:
  $ fargate-connect up --cluster prod --service web
  $ fargate-connect up --cluster prod --db orders
  $ fargate-connect up --cluster prod --dry-run
  $ fargate-connect up --tag team=orders --tag cost-centre=4711
  $ fargate-connect up --tunnel-only --vpc vpc-0123 --allow-db orders --ttl 2h`,
    )
    .action(async (flags: UpFlags, command: Command) => {
      const { parseUpRequest } = await import('../../app/bastion/up-request.ts');
      const request = parseUpRequest(flags, iamFlagsOf(flags));
      return invoke(run, { ...request, dryRun: flags.dryRun === true }, command);
    });
}

const group = (heading: string, flags: string, description: string): Option =>
  new Option(flags, description).helpGroup(heading);

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
  const result = await bringUp(planned, options, context);
  text.writeResult(result, planned.spec.databases, context);
  const { sweepEphemeral } = await import('../../app/bastion/sweep.ts');
  await sweepEphemeral(options.iam, context);
}
