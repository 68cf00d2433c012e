import { Argument, Command, Option } from 'commander';
import { quoteWord } from '../../connect/session/shell-words.ts';
import { ToolError, usage } from '../../core/errors.ts';
import type { CodeFormat } from '../../provision/export/export-code.ts';
import {
  MANAGED_POLICY_LIMIT,
  POLICY_KIND_NAMES,
  POLICY_KINDS,
  type PolicyKindName,
  type PrintedPolicy,
} from '../../provision/policy/policy-kinds.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { addIamFlags, type IamFlags, iamFlagsOf, iamNaming } from '../iam-flags.ts';
import type { PolicyCheck } from '../../app/policy/policy-check.ts';
import { typedFlags } from '../shared-flags.ts';

export interface PolicyOptions {
  readonly kind: PolicyKindName;
  /** Name of the bastion; `*` = any. */
  readonly name: string;
  readonly account: string | undefined;
  /** Placeholder → value, for those that have a flag of their own. */
  readonly values: Readonly<Record<string, string | undefined>>;
  /** For `session-document`: the database to look up; `forward-document` is named after it. */
  readonly database: string | undefined;
  readonly format: 'json' | CodeFormat;
  /** Instead of printing it: who is to have it. */
  readonly check: PolicyCheck | undefined;
  /** As typed. */
  readonly iam: IamFlags;
}

interface PolicyFlags extends IamFlags {
  readonly name: string;
  readonly account?: string;
  readonly vpc: string;
  readonly subnet?: string;
  readonly kmsKey?: string;
  readonly logGroup?: string;
  readonly logBucket?: string;
  readonly dbSecurityGroup?: string;
  readonly clientSecurityGroup?: string;
  readonly role?: string;
  readonly dbResource?: string;
  readonly dbUser: string;
  readonly host?: string;
  readonly port?: string;
  readonly db?: string;
  readonly document?: string;
  readonly format: 'json' | CodeFormat;
  readonly check?: string;
}

export function policyCommand(invoke: Invoke, run: Run<PolicyOptions> = runPolicy): Command {
  const command = new Command('policy')
    .description('the least-privilege IAM document for a job')
    .addArgument(new Argument('<kind>', 'for whom').choices(POLICY_KIND_NAMES))
    .option('--name <bastion>', 'only this bastion', '*')
    .option('--account <id>', 'account id (default: that of the credentials)')
    .option('--vpc <id>', 'operator: only this VPC; --format: its VPC', '*')
    .option('--subnet <id>', '--format: its subnet')
    .option('--kms-key <arn>', "exec, bastion, task-role: the cluster's session key")
    .option('--log-group <name>', 'task-role: log group of exec sessions')
    .option('--log-bucket <name>', 'task-role: bucket of exec sessions')
    .option(
      '--db-security-group <id>',
      "operator-db-rule: the database's security group; --format: let out to it",
    )
    .option('--client-security-group <id>', 'operator: group that bastions may carry; --format: carried')
    .option('--role <name>', 'operator-given-role: the role that an administrator made; --format: used')
    .option('--db-resource <id>', 'db: DbiResourceId or DbClusterResourceId to log in to')
    .option('--db-user <name>', 'db: database user', '*')
    .addOption(
      new Option(
        '--db <id>',
        'session-document, forward-document: the database; --format: let out to it',
      ).conflicts(['host', 'port']),
    )
    .option('--document <name>', 'forward-document: its session document (default: fargate-connect-DB)')
    .option('--host <name>', 'session-document: host')
    .option('--port <number>', 'session-document: port; --format: that of the database group')
    .addOption(
      new Option('--format <format>', 'bastion: all of it as code: role, group, launch template')
        .choices(['json', 'terraform', 'cloudformation'])
        .default('json'),
    )
    .addOption(
      new Option(
        '--check <principal>',
        'not print, but ask IAM whether this role or user has it: role/NAME, user/NAME, an ARN, me',
      ).conflicts('format'),
    );
  return addIamFlags(command)
    .addHelpText(
      'after',
      `
Kinds:
${POLICY_KIND_NAMES.map((kind) => `  ${kind.padEnd(29)} ${POLICY_KINDS[kind].purpose}`).join('\n')}

What is not known stays as a \${placeholder}.

Examples:
  $ fargate-connect policy operator --name dev > operator.json
  $ fargate-connect policy exec --cluster prod --container web
  $ fargate-connect policy forward-document --db orders-db --name dev
  $ fargate-connect policy task-role
  $ fargate-connect policy task-role --check role/orders-task
  $ fargate-connect policy bastion --cluster prod --db orders --format terraform > bastion.tf.json`,
    )
    .action((kind: PolicyKindName, flags: PolicyFlags, command: Command) =>
      invoke(run, optionsOf(kind, flags, command), command),
    );
}

/** The name by which an administrator is told to create what `session-document` prints. */
const documentOf = (database: string): string => `fargate-connect-${database}`;

const optionsOf = (kind: PolicyKindName, flags: PolicyFlags, command: Command): PolicyOptions => ({
  kind,
  name: flags.name,
  account: flags.account,
  database: flags.db,
  format: flags.format,
  check:
    flags.check === undefined
      ? undefined
      : { principal: flags.check, printedBy: printingCommand(kind, command) },
  iam: iamFlagsOf(flags),
  values: {
    vpc: flags.vpc,
    subnet: flags.subnet,
    'kms-key': flags.kmsKey,
    'log-group': flags.logGroup,
    'log-bucket': flags.logBucket,
    'database-security-group': flags.dbSecurityGroup,
    'client-security-group': flags.clientSecurityGroup,
    role: flags.role,
    'database-resource': flags.dbResource,
    'database-user': flags.dbUser,
    host: flags.host,
    port: flags.port,
    'session-document': flags.document ?? (flags.db === undefined ? undefined : documentOf(flags.db)),
  },
});

/** What was typed, as far as it is about the document. */
function printingCommand(kind: PolicyKindName, command: Command): string {
  const typed: Readonly<Record<string, unknown>> = { ...command.opts(), ...typedFlags(command) };
  const flags = command.options
    .filter(({ required, long }) => required && !['--check', '--output', '--transport'].includes(long ?? ''))
    .flatMap((option) => {
      const name = option.attributeName();
      const value = typed[name];
      const isDefault = command.getOptionValueSource(name) === 'default';
      return isDefault || typeof value !== 'string' ? [] : [option.long ?? '', quoteWord(value)];
    });
  return ['fargate-connect policy', kind, ...flags].join(' ');
}

async function runPolicy(options: PolicyOptions, context: CommandContext): Promise<void> {
  if (options.format !== 'json') {
    await printCode(options, options.format, context);
    return;
  }
  const printed = await printedPolicy(options, context);
  if (options.check !== undefined) {
    const { checkPolicy } = await import('../../app/policy/policy-check.ts');
    await checkPolicy(options.check, options.kind, printed, context);
    return;
  }
  context.terminal.stdout.write(`${printed.text}\n`);
  adviseOn(options, printed, context);
}

/** The document with all that is known. Throws `check-kind` for a check of what IAM does not know. */
async function printedPolicy(options: PolicyOptions, context: CommandContext): Promise<PrintedPolicy> {
  if (options.kind === 'session-document' && options.check !== undefined) {
    throw usage('check-kind', 'a session document is no IAM document: nobody is granted it', {
      hints: ['fargate-connect policy forward-document --db ID --check PRINCIPAL   # who may use it'],
    });
  }
  const [{ printPolicy }, { withIamNaming }, { readPolicy }] = await Promise.all([
    import('../../provision/policy/policy-kinds.ts'),
    import('../../provision/roles/iam-names.ts'),
    import('../../app/bastion/bastion-spec.ts'),
  ]);
  const iam = await iamNaming(options.iam, context);
  const folder = context.assets('policies');
  const files = POLICY_KINDS[options.kind].files;
  const templates = Object.fromEntries(
    await Promise.all(
      files.map(
        async (file) => [file, withIamNaming(await readPolicy(folder, `${file}.json`), iam)] as const,
      ),
    ),
  );
  const { cluster, container } = context.settings;
  return printPolicy(options.kind, templates, {
    ...(await whereabouts(options, context)),
    ...options.values,
    ...(options.database === undefined || options.kind !== 'session-document'
      ? {}
      : await databaseValues(options.database, context)),
    bastion: options.name,
    cluster: cluster?.slice(cluster.lastIndexOf('/') + 1),
    container: container ?? '*',
  });
}

/** What to do with it. */
function adviseOn(options: PolicyOptions, printed: PrintedPolicy, context: CommandContext): void {
  const note = (code: string, message: string): void =>
    context.report({ type: 'note', level: 'warning', code, message });
  if (options.kind === 'session-document' && options.database !== undefined) {
    const name = documentOf(options.database);
    const next = [
      `create it: aws ssm create-document --name ${name} --document-type Session --content file://FILE`,
      `grant it:  fargate-connect policy forward-document --db ${options.database}`,
      `use it:    fargate-connect forward --document ${name} -L 0`,
    ];
    for (const message of next)
      context.report({ type: 'note', level: 'info', code: 'session-document-use', message });
  }
  if (printed.unfilled.length > 0)
    note('placeholder-unfilled', `fill in: ${printed.unfilled.map((name) => `\${${name}}`).join(', ')}`);
  if (printed.size > MANAGED_POLICY_LIMIT) {
    note(
      'policy-too-large',
      `${printed.size} characters: too large for one managed policy (${MANAGED_POLICY_LIMIT}); use its parts (${POLICY_KINDS[options.kind].files.join(', ')}) or an inline policy of a role`,
    );
  }
}

/** Throws `code-format` for kinds that are no role of a bastion. */
async function printCode(options: PolicyOptions, format: CodeFormat, context: CommandContext): Promise<void> {
  if (options.kind !== 'bastion' && options.kind !== 'bastion-tunnel-only') {
    throw usage('code-format', `--format ${format} is for the kinds bastion and bastion-tunnel-only`, {
      hints: [`fargate-connect policy bastion --cluster NAME --format ${format}`],
      details: { kind: options.kind, format },
    });
  }
  const [{ printPolicy }, { readPolicy }, { writeCode }] = await Promise.all([
    import('../../provision/policy/policy-kinds.ts'),
    import('../../app/bastion/bastion-spec.ts'),
    import('../../app/bastion/bastion-code.ts'),
  ]);
  const folder = context.assets('policies');
  const { cluster } = context.settings;
  const where = await whereabouts(options, context);
  const iam = await iamNaming(options.iam, context);
  const values = {
    ...where,
    ...options.values,
    bastion: options.name,
    cluster: cluster?.slice(cluster.lastIndexOf('/') + 1),
  };
  const document = async (kind: PolicyKindName): Promise<string> =>
    printPolicy(kind, { [kind]: await readPolicy(folder, `${kind}.json`) }, values).text;
  const suffix = options.kind === 'bastion' ? '' : '-tunnel-only';
  const [trust, policy, boundary] = await Promise.all([
    document('bastion-trust'),
    document(options.kind),
    document(`bastion-boundary${suffix}`),
  ]);
  await writeCode(format, options, where, { trust, policy, boundary }, iam, context);
}

/**
 * Account, partition and region. Without credentials they stay placeholders, because a document needs no account to be
 * read; a check does.
 */
async function whereabouts(
  options: PolicyOptions,
  context: CommandContext,
): Promise<Readonly<Record<string, string | undefined>>> {
  const { region } = context.settings;
  if (options.account !== undefined && region !== undefined)
    return { account: options.account, region, partition: partitionOf(region) };
  try {
    const account = await context.account();
    const caller = await (await account.identity()).caller();
    return {
      account: options.account ?? caller.accountId,
      region: account.region,
      partition: caller.partition,
    };
  } catch (error) {
    if (options.check !== undefined || !(error instanceof ToolError)) throw error;
    if (error.role !== 'access' && error.role !== 'transport') throw error;
    return {
      account: options.account,
      region,
      partition: region === undefined ? undefined : partitionOf(region),
    };
  }
}

function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

async function databaseValues(
  id: string,
  context: CommandContext,
): Promise<Readonly<Record<string, string | undefined>>> {
  const { noMatch } = await import('../../core/errors.ts');
  const databases = await (await (await context.account()).databases()).databases();
  const endpoint = databases.find((database) => database.id === id)?.endpoints[0];
  if (endpoint === undefined) {
    throw noMatch('database-not-found', `no database ${id} in this region`, {
      hints: databases.slice(0, 5).map((database) => `--db ${database.id}   # ${database.engine}`),
      details: { databases: [id] },
    });
  }
  return { host: endpoint.host, port: String(endpoint.port) };
}
