import { nameOfArn } from '../../core/arn.ts';
import type { Task } from '../../connect/ports.ts';
import type {
  ExecConfiguration,
  ExecContainerDefinition,
  ExecTaskDefinition,
} from '../../provision/ports/diagnosis.ts';
import type { Finding } from '../finding.ts';
import type { Change, DefinitionChanges } from '../change.ts';

/**
 * What in a task definition, in the platform of a task and in the configuration of its cluster stops ECS Exec
 * (docs/reference/ecs-exec.md §1, §5, §8). Pure.
 */

/** The task that is judged, and how new tasks are brought about. */
export interface JudgedTask {
  readonly task: Task;
  readonly definition: ExecTaskDefinition;
  /** The change that replaces the tasks; undefined for a task that belongs to no service. */
  readonly redeploy: Extract<Change, { readonly kind: 'redeploy-service' }> | undefined;
}

/** The first platform versions with ECS Exec. */
const FIRST_PLATFORM = { linux: '1.4.0', windows: '1.0.0' } as const;

/** Whether the platform version of the task has ECS Exec. */
export function platformFindings({ task, redeploy }: JudgedTask): readonly Finding[] {
  const { launchType, platformFamily = 'Linux', platformVersion, id } = task;
  const isWindows = /^windows/i.test(platformFamily);
  const found: Finding[] = [];
  if (launchType === 'EC2' || launchType === 'EXTERNAL')
    found.push({
      id: 'container-agent-not-read',
      severity: 'could-not-tell',
      evidence: { task: id, launchType },
      fixes: [],
    });
  const needed = FIRST_PLATFORM[isWindows ? 'windows' : 'linux'];
  if (platformVersion !== undefined && isOlder(platformVersion, needed))
    found.push({
      id: 'platform-too-old',
      severity: 'blocking',
      evidence: { task: id, platformVersion, needed },
      fixes: redeploy === undefined ? [] : [[{ ...redeploy, platformVersion: 'LATEST' }]],
    });
  if (isWindows)
    found.push({
      id: 'windows-container',
      severity: 'note',
      evidence: { task: id, platformFamily },
      fixes: [],
    });
  return found;
}

/** Compares versions of numbers and dots; `LATEST` is never older. */
function isOlder(version: string, than: string): boolean {
  if (!/^\d+(\.\d+)*$/.test(version)) return false;
  const [a, b] = [version, than].map((text) => text.split('.').map(Number));
  for (let index = 0; index < 3; index++) {
    const difference = (a?.[index] ?? 0) - (b?.[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** Variables that the SDK of the agent reads before it asks for the credentials of the task role. */
const KEY_VARIABLES = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY', 'AWS_SECRET_KEY'];
const PROXY_VARIABLES = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy'];
const PROXY_EXCEPTIONS = ['NO_PROXY', 'no_proxy'];
/** Addresses of the metadata and the credentials of a task (ECS guide, `ecs-exec`). */
const METADATA = '169.254.169.254,169.254.170.2';
/** What the agent writes to; volumes at these paths make it work on a read-only root (aws/containers-roadmap#1359). */
const AGENT_PATHS = ['/managed-agents', '/var/lib/amazon/ssm', '/var/log/amazon/ssm'];

/** `containers` are those that somebody wants to enter. */
export function definitionFindings(
  judged: JudgedTask,
  containers: readonly ExecContainerDefinition[],
): readonly Finding[] {
  const { definition, redeploy } = judged;
  const taskDefinition = nameOfArn(definition.arn);
  const revise = (changes: DefinitionChanges): Finding['fixes'] => [
    [
      { kind: 'register-task-definition', taskDefinition, changes },
      ...(redeploy === undefined ? [] : [{ ...redeploy, family: familyOf(taskDefinition) }]),
    ],
  ];
  const names = definition.containers.map(({ name }) => name);
  return [
    ...containers.flatMap((container): readonly Finding[] => {
      const { name } = container;
      const variables = [...container.environment, ...container.secrets];
      const keys = variables.filter((variable) => KEY_VARIABLES.includes(variable));
      const proxies = variables.filter((variable) => PROXY_VARIABLES.includes(variable));
      const hasExceptions = variables.some((variable) => PROXY_EXCEPTIONS.includes(variable));
      return [
        ...(keys.length === 0
          ? []
          : [
              {
                id: 'aws-keys-in-container',
                severity: 'blocking',
                evidence: { taskDefinition, container: name, variables: keys },
                fixes: revise({ containers: [{ name, removeVariables: keys }] }),
              } as const,
            ]),
        ...(container.readonlyRoot && !AGENT_PATHS.every((path) => container.writableMounts.includes(path))
          ? [
              {
                id: 'readonly-root-filesystem',
                severity: 'blocking',
                evidence: { taskDefinition, container: name },
                fixes: revise({ containers: [{ name, readonlyRoot: false }] }),
              } as const,
            ]
          : []),
        ...(proxies.length === 0 || hasExceptions
          ? []
          : [
              {
                id: 'proxy-without-exceptions',
                severity: 'blocking',
                evidence: { taskDefinition, container: name, variables: proxies },
                fixes: revise({
                  containers: [{ name, addVariable: { name: 'NO_PROXY', value: METADATA } }],
                }),
              } as const,
            ]),
        ...(container.environmentFiles.length === 0
          ? []
          : [
              {
                id: 'environment-file',
                severity: 'note',
                evidence: { container: name, files: container.environmentFiles },
                fixes: [],
              } as const,
            ]),
      ];
    }),
    ...(definition.pidMode === undefined || names.length < 2
      ? []
      : [
          {
            id: 'shared-pid-namespace',
            severity: 'warning',
            evidence: { taskDefinition, pidMode: definition.pidMode, containers: names },
            fixes: revise({ removePidMode: true }),
          } as const,
        ]),
    ...initProcessFindings(taskDefinition, definition, containers, revise),
  ];
}

function initProcessFindings(
  taskDefinition: string,
  definition: ExecTaskDefinition,
  containers: readonly ExecContainerDefinition[],
  revise: (changes: DefinitionChanges) => Finding['fixes'],
): readonly Finding[] {
  // In a shared PID namespace the pause container collects the processes, and Windows has no such setting.
  if (definition.pidMode === 'task' || /^windows/i.test(definition.operatingSystem ?? '')) return [];
  const without = containers.filter(({ initProcess }) => !initProcess).map(({ name }) => name);
  if (without.length === 0) return [];
  const changes = { containers: without.map((name) => ({ name, initProcess: true as const })) };
  return [
    {
      id: 'init-process-off',
      severity: 'warning',
      evidence: { taskDefinition, containers: without },
      fixes: revise(changes),
    },
  ];
}

/** `family:revision` without the revision. */
export const familyOf = (taskDefinition: string): string => taskDefinition.split(':')[0] ?? '';

/** What is known of the log group of exec sessions; `unread` = the caller may not describe log groups. */
export type LogGroupFact = { readonly kmsKeyId: string | undefined } | 'missing' | 'unread';

/** The log group in the exec configuration of the cluster, and the programs that logging needs in the image. */
export function clusterFindings(
  cluster: string,
  config: ExecConfiguration,
  logGroup: LogGroupFact,
  containers: readonly string[],
  service: string | undefined,
): readonly Finding[] {
  const found: Finding[] = [];
  const { logGroup: name, kmsKeyId } = config;
  if (config.logging !== 'OVERRIDE') return found;
  if (name !== undefined) {
    const evidence = { cluster, logGroup: name };
    if (logGroup === 'unread')
      found.push({
        id: 'not-allowed-to-read',
        severity: 'could-not-tell',
        evidence: { action: 'logs:DescribeLogGroups', what: `whether the log group ${name} exists` },
        fixes: [],
      });
    else if (logGroup === 'missing')
      found.push({
        id: 'exec-log-group-missing',
        severity: 'blocking',
        evidence,
        fixes: [[{ kind: 'create-log-group', logGroup: name }]],
      });
    else if (config.logGroupMustBeEncrypted && logGroup.kmsKeyId === undefined)
      found.push({
        id: 'exec-log-group-unencrypted',
        severity: 'blocking',
        evidence,
        fixes: [[{ kind: 'encrypt-log-group', logGroup: name, kmsKeyId }]],
      });
  }
  // The agent records a session with `script` and copies it with `cat` (amazon-ssm-agent#653).
  const programs = ['script', 'cat'];
  for (const container of containers)
    found.push({
      id: 'exec-log-programs',
      severity: 'note',
      evidence: { container, programs, ...(service === undefined ? {} : { service }) },
      fixes: [],
    });
  return found;
}
