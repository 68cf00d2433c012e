import { Argument, Command, Option } from 'commander';
import type { PolicyDiffRequest } from '../../app/policy/policy-diff.ts';
import type { PolicyRequest } from '../../app/policy/policy-request.ts';
import { idOfArn } from '../../core/arn.ts';
import { POLICY_PURPOSES } from '../render/policy-purposes.ts';
import { POLICY_KIND_NAMES, type PolicyKindName } from '../../provision/policy/policy-kinds.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { addIamFlags, type IamFlags, iamFlagsOf } from '../iam-flags.ts';
import { commaSeparated } from '../comma-separated.ts';
import { addTagFlag } from '../tag-flag.ts';
import { documentOf, reportUse } from '../render/policy-notes.ts';

interface PolicyFlags extends IamFlags {
  readonly name: string;
  readonly account?: string;
  readonly vpc: string;
  readonly subnet?: string;
  readonly vpcOwner?: string;
  readonly image?: readonly string[];
  readonly imageOwner?: string;
  readonly sessionKey?: string;
  readonly kmsKey?: string;
  readonly logGroup?: string;
  readonly logBucket?: string;
  readonly dbSecurityGroup?: string;
  readonly clientSecurityGroup?: string;
  readonly role?: string;
  readonly dbResource?: string;
  readonly dbUser: string;
  readonly secret?: string;
  readonly secretKey?: string;
  readonly host?: string;
  readonly port?: string;
  readonly db?: string;
  readonly document?: string;
  readonly format: PolicyRequest['format'];
  readonly check?: string;
  readonly tag?: readonly string[];
  readonly type?: readonly string[];
}

export function policyCommand(invoke: Invoke, run: Run<PolicyRequest> = runPolicy): Command {
  const command = new Command('policy')
    .description('the least-privilege IAM document for a job')
    .addArgument(new Argument('<kind>', 'for whom').choices(POLICY_KIND_NAMES))
    .option('--name <bastion>', 'only the bastion of this name', '*')
    .option('--account <id>', 'account id (default: that of the credentials)')
    .option('--vpc <id>', 'operator: only this VPC; --format: its VPC', '*')
    .option('--vpc-owner <account>', 'operator: account that shares the VPC (default: this one)')
    .option('--subnet <id>', '--format: its subnet')
    .option('--session-key <arn>', 'exec, bastion, task-role: KMS key that encrypts exec sessions')
    .option('--kms-key <arn>', 'operator: KMS key that volumes may have; --format: key of the volume')
    .option('--log-group <name>', 'logs: of the services; task-role: of exec sessions')
    .option('--log-bucket <name>', 'task-role: bucket of exec sessions')
    .option(
      '--db-security-group <id>',
      "operator-db-rule: the database's security group; --format: the bastion may connect to it",
    )
    .option(
      '--client-security-group <id>',
      'operator: group that bastions may have; --format: group that the bastion has',
    )
    .addOption(
      new Option('--type <types>', 'operator: only these instance types (default: those of up)').argParser(
        commaSeparated,
      ),
    )
    .addOption(
      new Option(
        '--image <images>',
        'operator: images of --image of up: AMI ids, or names of SSM parameters',
      ).argParser(commaSeparated),
    )
    .option(
      '--image-owner <account>',
      'operator: owner of the images of these parameters (default: this account)',
    )
    .option(
      '--role <name>',
      'operator-given-role: the role that an administrator created; --format: the role of the bastion',
    )
    .option('--db-resource <id>', 'db: DbiResourceId or DbClusterResourceId to log in to')
    .option('--db-user <name>', 'db: database user', '*')
    .option('--secret <arn>', 'db: secret that holds the login')
    .option('--secret-key <arn>', 'db: KMS key of the secret, if it is not the one of AWS')
    .addOption(
      new Option(
        '--db <id>',
        'session-document, forward-document: the database; --format: the bastion may connect to it',
      ).conflicts(['host', 'port']),
    )
    .option('--document <name>', 'forward-document: its session document (default: fargate-connect-DB)')
    .option('--host <name>', 'session-document: host')
    .option('--port <number>', 'session-document: port; --format: that of the database group')
    .addOption(
      new Option('--format <format>', 'bastion: role, group and launch template as code')
        .choices(['json', 'terraform', 'cloudformation'])
        .default('json'),
    )
    .addOption(
      new Option(
        '--check <principal>',
        'print nothing; ask IAM whether role/NAME, user/NAME, an ARN or me has these permissions',
      ).conflicts('format'),
    );
  addTagFlag(command);
  command.addCommand(policyDiffCommand(invoke)).helpCommand(false);
  return addIamFlags(command)
    .addHelpText(
      'after',
      `
Kinds:
${POLICY_KIND_NAMES.map((kind) => `  ${kind.padEnd(29)} ${POLICY_PURPOSES[kind]}`).join('\n')}

A value that is not known is printed as a \${placeholder}.

Examples:
  $ fargate-connect policy operator --name dev > operator.json
  $ fargate-connect policy exec --cluster prod --container web
  $ fargate-connect policy forward-document --db orders-db --name dev
  $ fargate-connect policy task-role
  $ fargate-connect policy task-role --check role/orders-task
  $ fargate-connect policy bastion --cluster prod --db orders --format terraform > bastion.tf.json`,
    )
    .action((kind: PolicyKindName, flags: PolicyFlags, command: Command) =>
      invoke(run, optionsOf(kind, flags), command),
    );
}

function policyDiffCommand(
  invoke: Invoke,
  run: Run<Omit<PolicyDiffRequest, 'cwd'>> = runPolicyDiff,
): Command {
  return new Command('diff')
    .description('what one side allows and the other does not')
    .argument('<left>', 'a kind, role/NAME, or the path of a document')
    .argument('<right>', 'the same')
    .option('--name <bastion>', 'name of the bastion in the documents of kinds', '*')
    .addHelpText(
      'after',
      `
Compares patterns: a grant of one side that no single statement of the other side
covers, with the same conditions or none, is printed. Exit status 0 if there is
none, 1 otherwise. Statements with Deny are not compared.

Examples:
  $ fargate-connect policy diff role/ec2-connect-role bastion --cluster prod
  $ fargate-connect policy diff old.json new.json --json`,
    )
    .action((left: string, right: string, flags: { readonly name: string }, command: Command) =>
      invoke(run, { left, right, name: flags.name }, command),
    );
}

async function runPolicyDiff(
  options: Omit<PolicyDiffRequest, 'cwd'>,
  context: CommandContext,
): Promise<number> {
  const [{ diffPolicies }, { isEqual, writePolicyDiff }] = await Promise.all([
    import('../../app/policy/policy-diff.ts'),
    import('../render/policy-diff-text.ts'),
  ]);
  const diff = await diffPolicies({ ...options, cwd: context.cwd }, context);
  writePolicyDiff({ ...options, cwd: context.cwd }, diff, context);
  return isEqual(diff) ? 0 : 1;
}

const optionsOf = (kind: PolicyKindName, flags: PolicyFlags): PolicyRequest => ({
  kind,
  name: flags.name,
  account: flags.account,
  database: flags.db,
  format: flags.format,
  check: flags.check,
  iam: iamFlagsOf(flags),
  tags: flags.tag ?? [],
  types: flags.type ?? [],
  images: flags.image ?? [],
  values: {
    vpc: flags.vpc,
    subnet: flags.subnet,
    'vpc-owner': flags.vpcOwner,
    'image-owner': flags.imageOwner,
    'session-key': flags.sessionKey,
    'volume-key': flags.kmsKey,
    'log-group': flags.logGroup,
    'log-bucket': flags.logBucket,
    'database-security-group': flags.dbSecurityGroup,
    'client-security-group': flags.clientSecurityGroup,
    role: flags.role,
    'database-resource': flags.dbResource,
    'database-user': flags.dbUser,
    'database-secret': flags.secret,
    'secret-key': flags.secretKey,
    host: flags.host,
    port: flags.port,
    'session-document':
      flags.document ?? (flags.db === undefined ? undefined : documentOf(idOfArn(flags.db))),
  },
});

async function runPolicy(request: PolicyRequest, context: CommandContext): Promise<void> {
  const { stdout } = context.terminal;
  const { check, format } = request;
  if (format !== 'json') {
    const { bastionCode } = await import('../../app/policy/print-code.ts');
    stdout.write(await bastionCode(request, format, context));
    return;
  }
  const { fillPolicy } = await import('../../app/policy/print-policy.ts');
  const printed = await fillPolicy(request, context);
  if (check === undefined) {
    stdout.write(`${printed.text}\n`);
    reportUse(request, printed, context);
    return;
  }
  const [{ checkPolicy, requireGrants }, { writeCheck }] = await Promise.all([
    import('../../app/policy/policy-check.ts'),
    import('../render/policy-check-table.ts'),
  ]);
  const checked = await checkPolicy(check, request.kind, printed, context);
  writeCheck(checked, context);
  requireGrants(checked);
}
