import { quoteWord } from '../../core/shell-words.ts';
import type { ErrorFacts } from '../../core/error-facts.ts';
import type { NoteFacts } from '../../core/facts/note-facts.ts';
import type { CommandLines } from './command-lines.ts';
import { bestFix } from './fixes.ts';
import { meant, type Rows } from './rows.ts';

/** Advice about clusters, services, tasks and containers. */

const OTHER_REGION = 'is it in another region or account? --region, --profile';
const TRY_LATER = 'wait a little and try again';

/** An image that cannot be pulled, or a role that is missing, keeps a task from ever starting. */
const whatItWaitsFor = (
  { cluster, task }: { readonly cluster: string; readonly task: string },
  lines: CommandLines,
): string => lines.tool('doctor', { cluster, task }, 'says what it waits for');

const listContainers = (
  { cluster, task }: { readonly cluster: string; readonly task: string },
  lines: CommandLines,
  why = 'state of container and agent',
): string => lines.tool('ls containers', { cluster, task }, why);

/** Nothing if the role is not known: `doctor` finds it. */
const checkTaskRole = (taskRole: string | undefined, lines: CommandLines): readonly string[] =>
  taskRole === undefined
    ? []
    : [lines.tool('policy task-role', { check: `role/${taskRole}` }, 'does its task role lack ssmmessages')];

function execNotEnabled(facts: ErrorFacts['exec-not-enabled'], lines: CommandLines): readonly string[] {
  const fix = bestFix(facts, lines);
  return fix.length === 0 ? [listContainers(facts, lines)] : fix;
}

function noRunningTask(facts: ErrorFacts['no-running-task'], lines: CommandLines): readonly string[] {
  const { cluster, service, desiredCount } = facts;
  if (service === undefined) return [lines.tool('ls services', { cluster })];
  const named = `--cluster ${cluster} --service`;
  return desiredCount === 0
    ? [lines.aws(`ecs update-service ${named} ${service} --desired-count 1`)]
    : [lines.aws(`ecs describe-services ${named}s ${service} --query 'services[0].events[:5].message'`)];
}

function notConnected(facts: ErrorFacts['target-not-connected'], lines: CommandLines): readonly string[] {
  const { target, cluster, task } = facts;
  if (cluster !== undefined && task !== undefined)
    return [
      'a task that just started may need another minute',
      lines.tool('doctor', { cluster, task }, 'finds the cause: role, network, definition, agent'),
      ...checkTaskRole(facts.taskRole, lines),
      'the subnet has no route to ssmmessages on port 443 (NAT, public IP or interface endpoint)',
      listContainers({ cluster, task }, lines, 'is its agent RUNNING'),
    ];
  return target.startsWith('ecs:')
    ? [lines.tool('ls containers', {}, 'is the exec agent of the container RUNNING')]
    : [lines.tool('status', {}, 'is the bastion running, and its agent online')];
}

/** Up to this number of clusters, each one gets a line of advice. */
const MAX_CLUSTERS = 5;

/** The command line that leads to the same without the picker. */
function pickedCommand(facts: NoteFacts['picked-command'], lines: CommandLines): readonly string[] {
  const { action, cluster, service, task, container, database } = facts;
  const named = service === undefined ? '' : ` ${quoteWord(service)}`;
  switch (action) {
    case 'shell':
      return [lines.tool(`exec${named}`, { cluster, task, container })];
    case 'logs':
      return [lines.tool(`logs${named}`, { cluster, task, container, follow: true })];
    case 'forward':
      return [`${lines.tool('forward', { cluster, service, task })} -L LOCAL:PORT`];
    case 'database':
      return [lines.tool(`db ${quoteWord(database ?? 'ID')}`, { via: 'task', cluster, service, task })];
    case 'reasons':
      return [lines.tool(`ls events${named}`, { cluster })];
  }
}

export const TARGET_ADVICE = {
  'cluster-needed': ({ candidates }, lines) => [
    ...candidates.slice(0, MAX_CLUSTERS).map((name) => `--cluster ${name}`),
    ...(candidates.length > MAX_CLUSTERS
      ? [lines.tool('ls clusters', {}, `and ${candidates.length - MAX_CLUSTERS} more`)]
      : []),
  ],
  'cluster-not-found': (facts, lines) => [
    ...meant(facts),
    lines.tool('ls clusters'),
    ...(facts.existing === undefined || facts.existing === 0 ? [OTHER_REGION] : []),
  ],
  'command-needed': (_, lines) => [`${lines.tool('exec SERVICE', { all: true })} -- COMMAND`],
  'container-needed': ({ candidates }) => candidates.map((name) => `--container ${name}`),
  'container-not-found': (facts, lines) => [
    ...meant(facts),
    lines.tool('ls containers', { cluster: facts.cluster, task: facts.task }),
  ],
  'container-not-running': (facts, lines) => [
    ...(facts.mayStart ? [TRY_LATER, whatItWaitsFor(facts, lines)] : []),
    listContainers(facts, lines),
  ],
  'deployment-controller': ({ cluster, service, controller }, lines) => {
    const named = `--cluster ${cluster} --service ${quoteWord(service)}`;
    return controller === 'CODE_DEPLOY'
      ? [
          lines.aws(`ecs update-service ${named} --enable-execute-command`, 'new tasks start with it'),
          lines.aws(
            'deploy create-deployment --application-name APPLICATION --deployment-group-name GROUP --revision …',
            'replaces the tasks',
          ),
        ]
      : [
          lines.aws(`ecs update-service ${named} --enable-execute-command`, 'new task sets start with it'),
          lines.aws(`ecs create-task-set ${named} --task-definition …`, 'then make it the primary one'),
        ];
  },
  'deployment-failed': ({ cluster, service }, lines) => [
    lines.tool(`ls events ${quoteWord(service)}`, { cluster }, 'what ECS says of it'),
    lines.tool('ls tasks', { cluster, service, stopped: true }, 'why its tasks stopped'),
  ],
  'deployment-timeout': ({ cluster, service }, lines) => [
    lines.tool(`ls events ${quoteWord(service)}`, { cluster }, 'what ECS says of it'),
    lines.tool('ls tasks', { cluster, service }),
  ],
  'exec-agent-not-running': (facts, lines) => [
    listContainers(facts, lines),
    ...checkTaskRole(facts.taskRole, lines),
    'other known causes: a read-only root file system, no route to ssmmessages on port 443',
  ],
  'exec-not-enabled': execNotEnabled,
  'log-group-not-found': ({ group, region }, lines) => [
    lines.aws(`logs describe-log-groups --log-group-name-prefix ${quoteWord(group)} --region ${region}`),
    'the task definition names the group; awslogs-create-group lets ECS create it',
  ],
  'log-pattern-invalid': (_, lines) => [
    `${lines.tool('logs SERVICE')} --filter-pattern '"a phrase"'`,
    `${lines.tool('logs SERVICE')} --grep REGEX   # applied on this machine`,
  ],
  'log-stream-not-found': (_, lines) => [lines.tool('logs SERVICE', {}, 'again')],
  'no-clusters': (_, lines) => [
    OTHER_REGION,
    ...(lines.context.command === 'up'
      ? [lines.tool('up', { 'tunnel-only': true, vpc: 'VPC' }, 'a bastion for tunnels only')]
      : []),
  ],
  'no-log-source': ({ cluster, service }, lines) => [
    ...(service === undefined
      ? []
      : [lines.tool(`ls events ${service}`, { cluster }, 'what ECS says of it')]),
    ...(lines.context.argv.includes('--since') ? [] : [lines.again('looks further back', '--since', '1d')]),
  ],
  'no-running-task': noRunningTask,
  'nothing-to-pick': () => [OTHER_REGION],
  'nothing-to-repeat': (_, lines) => [lines.tool('connect')],
  'picked-command': pickedCommand,
  'path-end': ({ expected }) => [`what is expected: ${expected}`],
  'path-end-not-found': (_, lines) => [
    lines.tool('ls services', {}, 'services'),
    lines.tool('status', {}, 'bastions'),
  ],
  'root-read-only': ({ taskDefinition }, lines) => [
    lines.aws(`ecs describe-task-definition --task-definition ${quoteWord(taskDefinition)}`),
    'register a revision without readonlyRootFilesystem, and update the service to it',
  ],
  'service-needed': (_, lines) => {
    const command = lines.context.command ?? 'exec';
    if (command === 'enable-exec') return [lines.tool('enable-exec SERVICE'), lines.tool('ls services')];
    if (command === 'ls') return [lines.tool('ls events SERVICE'), lines.tool('ls services')];
    return [lines.tool(`${command} SERVICE`), lines.tool(command, { task: 'ID' }), lines.tool('ls services')];
  },
  'service-not-found': (facts, lines) => [
    ...meant(facts),
    lines.tool('ls services', { cluster: facts.cluster }),
  ],
  'service-update-refused': ({ cluster, service }, lines) => [
    lines.tool(`ls events ${quoteWord(service)}`, { cluster }),
  ],
  'target-not-connected': notConnected,
  'task-ambiguous': ({ candidates }) => candidates.slice(0, 5).map((id) => `--task ${id}`),
  'task-role-needed': ({ taskDefinition }, lines) => [
    lines.tool('policy task-role', {}, 'its grants'),
    lines.tool('policy task-trust', {}, 'its trust'),
    `register a revision of ${taskDefinition} with this role as taskRoleArn, and update the service to it`,
  ],
  'task-not-found': (facts, lines) => [...meant(facts), lines.tool('ls tasks', { cluster: facts.cluster })],
  'task-stopped': ({ cluster, service, outOfMemory }, lines) => [
    ...(outOfMemory ? ['its memory was used up: the task definition needs more, or the process less'] : []),
    ...(service === undefined
      ? []
      : [
          lines.tool(`exec ${service}`, { cluster }, "opens a shell in the service's next task"),
          lines.tool(`logs ${service}`, { cluster, since: '1h' }, 'what it wrote before'),
        ]),
    lines.tool('ls tasks', { cluster, stopped: true }, 'why tasks stopped'),
  ],
  'task-not-running': (facts, lines) =>
    facts.mayStart
      ? [TRY_LATER, whatItWaitsFor(facts, lines), listContainers(facts, lines)]
      : [lines.tool('ls tasks', { cluster: facts.cluster })],
  'windows-container': ({ cluster, task, container }, lines) => [
    lines.tool('exec', { cluster, task, container }, 'PowerShell, on a terminal'),
  ],
} as const satisfies Rows;
