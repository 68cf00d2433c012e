import type { ErrorFacts } from '../../core/error-facts.ts';
import { hostPort } from '../../core/host-port.ts';
import { quoteWord } from '../../core/shell-words.ts';
import { documentFor, grant } from './account.ts';
import { because, type CommandLines } from './command-lines.ts';
import type { Rows } from './rows.ts';

/** Advice about sessions and forwards. */

const USE_NATIVE = ['leave --transport plugin away'];

const FORWARD_GRAMMAR: Readonly<Record<ErrorFacts['bad-forward']['form'], readonly string[]>> = {
  forward: [
    '-L LOCAL:PORT             a port of the task itself',
    '-L LOCAL:HOST:PORT        a host that the task or the bastion can reach',
    '-L BIND:LOCAL:HOST:PORT   the same, on another address than 127.0.0.1',
    'LOCAL 0 takes any free port; IPv6 addresses go into [brackets]',
  ],
  listener: ['-L 5432   # where it leads is in the document'],
  proxy: ['-D 1080   # SOCKS5 and HTTP CONNECT on 127.0.0.1:1080', '-D BIND:1080   # on another address'],
  target: [
    '--stdio HOST:PORT   a host that the task or the bastion can reach',
    '--stdio PORT        a port of the task or the bastion itself',
    'IPv6 addresses go into [brackets]',
  ],
};

const grantForSession = (action: string, lines: CommandLines): string =>
  lines.tool(`policy ${documentFor(action, lines.context.command) ?? 'exec'}`, {}, `grants ${action}`);

export const SESSION_ADVICE = {
  'detached-not-found': () => ['fargate-connect forward list'],
  'forward-name-taken': ({ name }) => [`fargate-connect forward stop ${quoteWord(name)}`],
  'supervisor-lost': () => ['fargate-connect forward list   # what runs'],
  'supervisor-not-started': () => ['fargate-connect __supervise   # prints why'],
  'supervisor-silent': ({ socket }) => [`rm ${quoteWord(socket)}   # if nothing of yours listens there`],
  'supervisor-version': ({ pid }) => [`kill ${pid}   # ends it and its forwards; then start them again`],
  'agent-silent': () => [
    'try again; if it stays silent, the task or instance may be out of memory: pick another one',
  ],
  'bad-forward': ({ form, suggestions = [] }) => [
    ...(suggestions.length === 0 ? [] : [`did you mean ${suggestions.join(' or ')}?`]),
    ...FORWARD_GRAMMAR[form],
  ],
  'bind-address-invalid': () => ['use 127.0.0.1, or an address of this machine'],
  'exec-not-started': () => ['does the image have /bin/sh?'],
  'forward-needed': (_, { context }) => {
    const isRun = context.command === 'run';
    return [
      ...(isRun ? ['--db ID   # a database: ls databases'] : []),
      '-L 8080:80   # a port of the task',
      '-L 5432:db.internal:5432   # a host behind it',
      ...(isRun ? [] : ['-D 1080   # a SOCKS5 and HTTP CONNECT proxy to every host behind it']),
      'NAME   # a connection of the config file: config list, config add',
      ...(isRun ? [] : ['--stdio HOST:PORT']),
    ];
  },
  'gateway-unreachable': () => ['check the network, HTTPS_PROXY and NO_PROXY'],
  'host-not-allowed': ({ host, port }) => [`--allow ${quoteWord(hostPort(host, port))}   # allows it`],
  'host-pattern-invalid': () => [
    "--allow 'admin.internal'      # a host, on every port",
    "--allow '*.internal:443'      # all hosts of a domain, on one port",
    '--allow 10.0.0.0/16           # a range of addresses',
    "--allow '[fd00::/8]:443'      # IPv6 with a port in brackets",
  ],
  'link-local-refused': () => ['--allow-link-local   # if programs here may read those credentials'],
  'local-port-forbidden': () => ['ports below 1024 need privileges: use a higher local port, or 0'],
  'local-port-taken': ({ port, holder }, lines) => [
    lines.context.command === 'db' ? '--port 0   # any free port' : '-L 0:…   # any free port',
    ...(holder === undefined ? [`lsof -nP -iTCP:${port} -sTCP:LISTEN   # who has it`] : []),
    ...(holder?.startsWith('fargate-connect ') === true
      ? [
          lines.tool('forward list', {}, 'those in the background'),
          lines.tool('forward stop NAME', {}, 'ends one of them'),
        ]
      : []),
  ],
  'pac-proxy': () => [
    "-D 1080 --allow '*.internal' --pac > proxy.pac   # these hosts through the proxy, all others directly",
    'a running proxy serves the same file at http://127.0.0.1:1080/proxy.pac',
  ],
  'plugin-failed': () => ['try without --transport plugin'],
  'plugin-missing': () => [
    'leave --transport away: the native data channel needs no plugin',
    'or install it: Session Manager plugin for the AWS CLI, version 1.2.764.0 or newer',
  ],
  'plugin-unsupported': () => USE_NATIVE,
  'port-not-open': ({ name, port, database }, lines) => [
    database === undefined
      ? lines.tool('up', { name, 'egress-port': String(port) }, 'opens it towards the VPC')
      : lines.tool('up', { name, db: database }, 'allows connections to that database'),
  ],
  'resume-denied': ({ action, sessionId }, lines) => [
    grantForSession(action, lines),
    ...(sessionId.startsWith('ecs-execute-command-')
      ? [
          'with that grant in place, ECS has not tagged the session: docs/policies.md, "Whose session", has the wider statement',
        ]
      : []),
  ],
  'resume-refused': (_, lines) => [grantForSession('ssm:ResumeSession', lines)],
  'route-unlogged': ({ toTaskItself }, lines) =>
    toTaskItself === false ? [`${lines.tool('forward', {}, undefined)} … --via bastion`] : [],
  'route-chosen': ({ other }) =>
    other === undefined
      ? []
      : [because(`--via ${other}`, other === 'task' ? 'uses a task instead' : 'uses the bastion instead')],
  'session-document-missing': ({ documentName }, lines) =>
    documentName === undefined || documentName.startsWith('AWS-')
      ? ['young regions lack some AWS- documents; use another region, or --via bastion']
      : [
          lines.aws('ssm list-documents --filters Key=Owner,Values=Self Key=DocumentType,Values=Session'),
          lines.tool('policy session-document', { db: 'ID' }, 'prints one to create'),
        ],
  'session-failed': ({ host }, lines) =>
    host === undefined ? [] : [lines.tool('ls databases', {}, 'the host names of databases')],
  'session-log-unverified': ({ action, target }, lines) => {
    const [kind, whose] = target.startsWith('ecs:')
      ? ['task-role', "the task's role"]
      : ['bastion', "the bastion's role"];
    return [
      `a group that has a key passes for one without if ${whose} lacks ${action}`,
      lines.tool(`policy ${kind}`, {}, `with --log-group: grants ${action}, for ${whose}`),
      lines.aws('logs describe-log-groups', 'has it a kmsKeyId'),
    ];
  },
  'session-not-ended': ({ sessionId, action }, lines) => [
    lines.aws(`ssm terminate-session --session-id ${sessionId}`, 'by a person who may'),
    grantForSession(action, lines),
  ],
  'too-many-destinations': ({ limit }) => [
    `close connections to one of the ${limit} others, or open another -D in a second terminal`,
  ],
  'upgrade-refused': ({ status }, lines) =>
    status === 401 || status === 403
      ? ['ssmmessages:OpenDataChannel may be missing:', ...grant('ssmmessages:OpenDataChannel', lines)]
      : ['try again; the service may be busy'],
} as const satisfies Rows;
