import { quoteWord, quoteWords } from '../../core/shell-words.ts';
import type { ErrorFacts } from '../../core/error-facts.ts';
import type { RemainingResource } from '../../core/facts/remaining-resource.ts';
import type { PolicyKindName } from '../../provision/policy/policy-kinds.ts';
import type { CommandLines } from './command-lines.ts';
import type { Rows } from './rows.ts';

/** Advice about permissions. */

/**
 * The document to advise for a command, where several documents grant the same action: opening a shell should not
 * require the operator's permissions.
 */
const DOCUMENT_OF_COMMAND: Readonly<Record<string, PolicyKindName>> = {
  connect: 'exec',
  exec: 'exec',
  'enable-exec': 'enable-exec',
  cp: 'exec',
  logs: 'logs',
  doctor: 'doctor',
  forward: 'forward',
  db: 'forward',
  run: 'forward',
  shell: 'shell',
  up: 'operator',
  status: 'operator',
  down: 'operator',
};

/** The `policy KIND` that grants `action` to a person who ran `command`; undefined = no document does. */
export function documentFor(action: string, command: string | undefined): PolicyKindName | undefined {
  const [service = ''] = action.split(':');
  switch (service) {
    // For the key of a secret (`policy db --secret-key`), else that of encrypted sessions (`policy exec --session-key`).
    case 'kms':
      return command === 'db' || command === 'run' ? 'db' : 'exec';
    case 'logs':
      return 'logs';
    case 'rds':
    case 'rds-db':
    case 'elasticache':
    case 'memorydb':
    case 'redshift':
    case 'redshift-serverless':
    case 'es':
    case 'secretsmanager':
      return 'db';
    case 'ecs':
      if (action === 'ecs:UpdateService') return 'enable-exec';
      return DOCUMENT_OF_COMMAND[command ?? ''] ?? 'exec';
    case 'ssmmessages':
      return DOCUMENT_OF_COMMAND[command ?? ''] ?? 'exec';
    case 'iam':
      if (command === 'exec') return 'enable-exec';
      return command === 'policy' ? 'check' : (DOCUMENT_OF_COMMAND[command ?? ''] ?? 'operator');
    case 'ssm':
      return DOCUMENT_OF_COMMAND[command ?? ''] ?? (SESSION_ACTIONS.has(action) ? 'forward' : 'operator');
    case 'ec2':
      return DOCUMENT_OF_COMMAND[command ?? ''] ?? 'operator';
    default:
      return undefined;
  }
}

const SESSION_ACTIONS: ReadonlySet<string> = new Set([
  'ssm:StartSession',
  'ssm:ResumeSession',
  'ssm:TerminateSession',
]);

/** `policy KIND` for an action that IAM denied to the person; empty where no document grants it. */
export function grant(action: string, lines: CommandLines): readonly string[] {
  const document = documentFor(action, lines.context.command);
  if (document === undefined) return [];
  return [lines.tool(`policy ${document}`, {}, 'the least-privilege document that grants it')];
}

/** The commands that delete what teardown could not delete, each with the reason why it could not. */
export const removals = (
  remaining: readonly RemainingResource[] | undefined,
  lines: CommandLines,
): readonly string[] =>
  (remaining ?? []).flatMap(({ removal, reason }) => {
    if (removal === undefined) return [];
    const { service, args, region } = removal;
    return [lines.aws(quoteWords([service, ...args]), reason, region)];
  });

/**
 * What helps against a denial depends on the kind of policy that caused it: granting the action does not help against
 * any of these.
 */
function whoRefused(
  { action, deniedBy, explicitDeny, types = [] }: ErrorFacts['access-denied'],
  lines: CommandLines,
): readonly string[] {
  switch (deniedBy) {
    case 'service-control-policy':
    case 'resource-control-policy':
      return [
        `a ${deniedBy.replaceAll('-', ' ')} of the organisation refuses it, and no grant in this account changes that`,
        'ask those who write it what it demands: tags (--tag KEY=VALUE), an own image, an own key, another region',
      ];
    case 'vpc-endpoint-policy':
      return [
        'the policy of the VPC endpoint that the call went through refuses it: another network, or its owner',
      ];
    case 'permissions-boundary':
      return [
        'your permissions boundary leaves it out: an administrator widens it, a grant alone does not help',
      ];
    case 'session-policy':
      return ['the policy of your session leaves it out: assume the role without one, or with a wider one'];
    case 'resource-policy':
      if (explicitDeny === true) return ["the resource's own policy denies it: its owner must change that"];
      break;
    case 'identity-policy':
      if (explicitDeny === true) return ['one of your own policies denies it: a further grant does not help'];
      break;
    case undefined:
      break;
    default:
      return deniedBy satisfies never;
  }
  const forTypes =
    action === 'ec2:RunInstances' && types.length > 0
      ? [lines.tool('policy operator', { type: types.join(',') }, 'allows these instance types')]
      : [];
  return [...grant(action, lines), ...forTypes];
}

function accessDenied(facts: ErrorFacts['access-denied'], lines: CommandLines): readonly string[] {
  const { missingBoundary, remaining } = facts;
  if (missingBoundary !== undefined) {
    const { path, name, tunnelOnly, cluster } = missingBoundary;
    const kind = tunnelOnly ? 'bastion-boundary-tunnel-only' : 'bastion-boundary';
    return [
      'an administrator creates this boundary once:',
      `${lines.tool(`policy ${kind}`, { cluster })} > boundary.json`,
      lines.aws(
        `iam create-policy --path ${path} --policy-name ${name} --policy-document file://boundary.json`,
      ),
    ];
  }
  return [
    ...whoRefused(facts, lines),
    ...(facts.encoded === undefined
      ? []
      : [
          lines.aws(
            `sts decode-authorization-message --query DecodedMessage --output text --encoded-message ${facts.encoded}`,
            'which statement it was',
          ),
        ]),
    lines.aws('sts get-caller-identity', 'who is asking'),
    ...removals(remaining, lines),
  ];
}

function agentDenied(
  { action, agent, name, reason }: ErrorFacts['agent-denied'],
  lines: CommandLines,
): readonly string[] {
  if (name === undefined) {
    const [kind, whose] = agent === 'task' ? ['task-role', "the task's role"] : [agent, "the bastion's role"];
    return [
      `the agent reported: ${reason}`,
      lines.tool(`policy ${kind}`, {}, `grants ${action}, for ${whose}`),
    ];
  }
  return [
    lines.tool(`policy ${agent}`, {}, 'grants it; it belongs into the role'),
    'with that in place, its permissions boundary or a service control policy refuses',
    lines.tool('down', { name }, 'then up again: a refused agent sleeps for half an hour'),
  ];
}

function roleUntrusted({ of, name }: ErrorFacts['role-untrusted'], lines: CommandLines): readonly string[] {
  const trust = (why: string): string => lines.tool('policy bastion-trust', {}, why);
  switch (of) {
    case 'given':
      return [trust('what an administrator must let the role trust')];
    case 'own':
      return [
        lines.tool('down', { name }, 'then up creates it anew'),
        trust('or what an administrator must let it trust'),
      ];
    case 'launched':
      return [
        trust('the role must trust so, and its conditions must let this account'),
        lines.tool('down', { name }, 'then up again: a refused agent sleeps for half an hour'),
      ];
    default:
      return of satisfies never;
  }
}

/** Flags of `policy --check` that do not concern the document; true if the flag takes a value. */
const CHECK_FLAGS: Readonly<Record<string, boolean>> = {
  '--check': true,
  '--output': true,
  '-o': true,
  '--json': false,
};

/** The command line that prints the checked document, with the flags as typed. */
function withoutCheck(argv: readonly string[]): string {
  const kept = argv.filter((word, index) => {
    const flag = word.split('=', 1)[0] ?? '';
    const follows = CHECK_FLAGS[argv[index - 1] ?? ''] === true;
    return CHECK_FLAGS[flag] === undefined && !follows;
  });
  return ['fargate-connect', ...kept.map(quoteWord)].join(' ');
}

export const ACCOUNT_ADVICE = {
  'access-denied': accessDenied,
  'agent-denied': agentDenied,
  'answer-incomplete': (_, lines) => [
    lines.tool('policy operator', {}, 'or forward, or shell: all of them grant that'),
  ],
  'grants-missing': ({ unknownKeys }, lines) => [
    // Other commands check the role of a task.
    lines.context.command === 'policy'
      ? `${withoutCheck(lines.context.argv)}   # prints what it should have`
      : lines.tool('policy task-role', {}, 'prints what it should have'),
    ...(unknownKeys.length === 0
      ? []
      : [`its policies ask for ${unknownKeys.join(', ')}, which the check knows no value of`]),
  ],
  'role-untrusted': roleUntrusted,
  'sessions-unknown': (facts, lines) => [
    ...whoRefused(facts, lines),
    lines.tool(
      'down',
      { ...(facts.all ? { all: true } : {}), force: true, yes: true },
      'cuts off whoever is connected',
    ),
  ],
} as const satisfies Rows;
