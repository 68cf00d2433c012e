import { quoteWord } from '../../core/shell-words.ts';
import type { ParseFacts, PickedFacts } from '../../core/facts/command-line-facts.ts';
import type { Installation } from '../../core/facts/installation.ts';
import { because, type CommandLines } from './command-lines.ts';
import { meant, type Rows } from './rows.ts';

/** Advice about the command line itself, its environment and the installation. */

/** The command line as it was typed, with `--` before the remote command. */
const withDashes = (at: number, { context: { argv } }: CommandLines): string =>
  because(
    ['fargate-connect', ...argv.slice(0, at), '--', ...argv.slice(at)].map(quoteWord).join(' '),
    'everything after -- belongs to the remote command',
  );

function afterParsing(
  { suggestions, allowed, expected, remoteCommandAt }: ParseFacts,
  commandLines: CommandLines,
): readonly string[] {
  const { context } = commandLines;
  const lines = [
    ...(remoteCommandAt === undefined ? [] : [withDashes(remoteCommandAt, commandLines)]),
    ...(suggestions === undefined || suggestions.length === 0
      ? []
      : [`did you mean ${suggestions.join(' or ')}?`]),
    ...(allowed === undefined ? [] : [`one of: ${allowed.join(', ')}`]),
    ...(expected === undefined ? [] : [expected]),
  ];
  if (lines.length > 0) return lines;
  return [
    ['fargate-connect', ...(context.command === undefined ? [] : [context.command]), '--help'].join(' '),
  ];
}

/**
 * Installs packages beside the tool. `--include=optional` overrides an npm configuration that leaves optional packages
 * out: the native part of node-pty is one.
 */
function installCommand(
  packages: readonly string[],
  installation: Installation | undefined,
  commandLine: string,
): string {
  const names = packages.join(' ');
  const folder = quoteWord(installation?.folder ?? '.');
  switch (installation?.kind) {
    case 'npx': {
      const wanted = [`fargate-connect@${installation.version}`, ...packages].map(
        (name) => `--package ${name}`,
      );
      return `npx --include=optional ${wanted.join(' ')} -- ${commandLine}`;
    }
    case 'global':
      return `npm install --global --include=optional ${names}`;
    case 'pnpm':
      return `pnpm add ${names}`;
    case 'checkout':
      return `npm ci --include=optional --prefix ${folder}`;
    case 'unpacked':
      return `npm install --no-save --omit=dev --include=optional --prefix ${folder} ${names}`;
    case 'project':
      return `npm install --no-save --include=optional --prefix ${folder} ${names}`;
    case undefined:
      return `npm install --include=optional ${names}`;
  }
}

/** One command line for each thing that the picker would offer. */
function withoutPicker(picked: PickedFacts, lines: CommandLines): readonly string[] {
  const { cluster, service, task, container, actions } = picked;
  const target = { cluster, service: task === undefined ? service : undefined, task };
  return actions.flatMap((action) => {
    switch (action) {
      case 'shell':
        return [lines.tool('exec', { ...target, container }, 'a shell in the container')];
      case 'logs':
        return [lines.tool('logs', { ...target, container }, 'its log')];
      case 'forward':
        return [because(`${lines.tool('forward', target)} -L 0:PORT`, 'a port of the task')];
      case 'database':
        return [lines.tool('db ID', { via: 'task', ...target }, 'a database')];
      case 'reasons':
        return service === undefined
          ? []
          : [lines.tool(`ls events ${quoteWord(service)}`, { cluster }, 'what ECS says of the service')];
      default:
        return action satisfies never;
    }
  });
}

export const USAGE_ADVICE = {
  'bad-arguments': ({ instead, remoteCommandAt }, lines) =>
    remoteCommandAt === undefined
      ? (instead ?? []).map(
          (words) => `${lines.tool(lines.context.command ?? '')} ${words.map(quoteWord).join(' ')}`,
        )
      : [withDashes(remoteCommandAt, lines)],
  'bad-fault': ({ expected, known }) => [
    ...(expected === undefined ? [] : [`expected: ${expected}`]),
    ...(known === undefined ? [] : [`known: ${known.join(', ')}`]),
  ],
  'check-kind': (_, lines) => [
    lines.tool('policy forward-document', { db: 'ID', check: 'PRINCIPAL' }, 'who may use it'),
  ],
  'check-placeholders': ({ flags }, { context }) => [
    ['fargate-connect', ...context.argv.map(quoteWord), ...flags.map((flag) => `${flag} …`)].join(' '),
  ],
  'check-principal': ({ rolesOnly }) =>
    rolesOnly === true
      ? ['--check role/NAME']
      : ['--check role/NAME', '--check user/NAME', '--check me   # who asks', 'or the ARN of one of these'],
  'cleanup-timeout': (_, lines) => [
    lines.tool('status', {}, 'what is left'),
    lines.tool('down', {}, 'removes it'),
  ],
  'code-format': ({ format }, lines) => [
    lines.tool('policy bastion', { cluster: lines.context.given.cluster ?? 'NAME', format }),
  ],
  'config-unknown-key': ({ nearest, known }) => [
    nearest === undefined ? `known keys: ${known.join(', ')}` : `did you mean '${nearest}'?`,
  ],
  'conflicting-option': afterParsing,
  'connection-exists': ({ name }, { context: { argv } }) => [
    because(['fargate-connect', ...argv, '--overwrite'].map(quoteWord).join(' '), `replaces ${name}`),
  ],
  'connection-kind': ({ name, kind }) => [
    `fargate-connect ${kind === 'forward' || kind === 'db' ? `${kind} ` : ''}${quoteWord(name)}`,
  ],
  'connection-name': () => ['fargate-connect config add orders --db orders-db   # orders is the name'],
  'connection-not-found': (candidates) => [
    ...meant(candidates),
    ...(candidates.existing === 0
      ? ['fargate-connect config add NAME --service SERVICE -L 8080:80   # makes one']
      : []),
  ],
  'connections-differ': ({ names }, lines) =>
    names.map((name) => lines.tool(`${lines.context.command ?? ''} ${quoteWord(name)}`.trim())),
  'demo-leftovers': ({ differences }) => differences.slice(0, 10),
  'environment-value': ({ variable, takes }) => [`${variable} takes ${takes}`],
  'excess-arguments': afterParsing,
  'input-needed': ({ flag, candidates, more, picked }, lines) => [
    ...(flag === undefined ? [] : [`give ${flag}`]),
    ...(flag === undefined || candidates.length === 0
      ? []
      : [`one of: ${candidates.join(', ')}${more > 0 ? ` and ${more} more` : ''}`]),
    ...(picked === undefined ? [] : withoutPicker(picked, lines)),
  ],
  internal: () => [
    'the same command with --debug prints where it happened',
    '`npm owner ls fargate-connect` names the maintainers, to whom to send that',
  ],
  'invalid-argument': afterParsing,
  'kms-key': ({ expected, instead, value }) => [
    instead === undefined ? expected : `${expected}: ${instead} ${quoteWord(value)}`,
  ],
  'missing-argument': afterParsing,
  'option-missing-argument': afterParsing,
  'placeholder-unfilled': () => ['give --cluster, --account and --region'],
  port: ({ flag }) => [`e.g. ${flag} 5432`],
  'principal-not-found': ({ kind }, lines) => [
    lines.aws(`iam list-${kind}s --query '${kind === 'role' ? 'Roles' : 'Users'}[].Arn'`),
  ],
  'sandbox-part-missing': ({ packages, installation }, { context }) => [
    installCommand(packages, installation, ['fargate-connect', ...context.argv].map(quoteWord).join(' ')),
  ],
  'sandbox-port': (_, lines) => [lines.tool('sandbox', { port: '0' })],
  'session-document-use': ({ database, document }, lines) => [
    lines.aws(
      `ssm create-document --name ${document} --document-type Session --content file://FILE`,
      'creates it',
    ),
    lines.tool('policy forward-document', { db: database }, 'grants it'),
    `${lines.tool('forward', { document })} -L 0   # uses it`,
  ],
  'tag-invalid': ({ from, example: { key, value } }) => [
    from === '--tag'
      ? `a legal tag: --tag ${quoteWord(`${key}=${value}`)}`
      : `a legal tag: ${key}: ${JSON.stringify(value)}`,
  ],
  'unknown-command': afterParsing,
  'unknown-option': afterParsing,
  'user-data-file': () => ['npm install --global fargate-connect   # a package that is complete'],
} as const satisfies Rows;
