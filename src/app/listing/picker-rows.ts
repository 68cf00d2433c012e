import { nameOfArn } from '../../core/arn.ts';
import { describeDuration } from '../../core/duration.ts';
import type { Cluster, JudgeContainer, Service, Task } from '../../connect/ports.ts';
import type { PickerChoices, PickerEntry } from '../../connect/target/picker.ts';
import { waitsFor } from '../../connect/target/stop-reason.ts';
import type { BrowseRow } from '../../ui/browse.ts';
import type { Cell, Column } from '../../ui/table.ts';

/** What the picker shows of each resource, and by which texts it is found. Pure. */

/** A row of the picker means one or several choices: a task of no service means the task, and that it has no service. */
export type PickerRow = BrowseRow<PickerChoices>;

/** Health counts a little in a search: a running service comes before one that has stopped. */
const RUNS = 5;

export const CLUSTER_COLUMNS: readonly Column[] = [
  { title: 'cluster' },
  { title: 'services', align: 'right' },
  { title: 'tasks', align: 'right' },
];

export const clusterRow = (name: string, cluster: Cluster | undefined, recency: number): PickerRow => ({
  id: name,
  value: { cluster: name },
  cells: [name, cluster?.activeServices, cluster?.runningTasks],
  search: cluster?.arn ?? '',
  rank: recency + (cluster === undefined || cluster.runningTasks === 0 ? 0 : RUNS),
});

export const SERVICE_COLUMNS: readonly Column[] = [
  { title: 'service' },
  { title: 'running', align: 'right' },
  { title: 'health' },
  { title: 'deployment', dropOrder: 2 },
  { title: 'exec', dropOrder: 1 },
  { title: 'age', align: 'right', dropOrder: 3 },
  { title: 'launch', dropOrder: 4 },
];

export interface ServiceFacts {
  readonly name: string;
  /** Undefined = not described yet. */
  readonly service: Service | undefined;
  /** The tasks of the service, as far as they are known. */
  readonly tasks: readonly Task[];
  readonly isForShell: boolean;
  readonly recency: number;
  readonly now: number;
}

export function serviceRow({ name, service, tasks, isForShell, recency, now }: ServiceFacts): PickerRow {
  const search = [
    ...(service === undefined ? [] : [nameOfArn(service.taskDefinitionArn), service.launchType]),
    ...tasks.map(taskSearch),
  ].join(' ');
  const row = { id: name, value: { service: name }, search };
  if (service === undefined) return { ...row, cells: [name], rank: recency };
  const { runningCount, desiredCount, createdAt } = service;
  return {
    ...row,
    cells: [
      name,
      toned(`${runningCount}/${desiredCount}`, runningCount < desiredCount ? 'warning' : 'dim'),
      healthCell(tasks, service.pendingCount),
      deploymentCell(service),
      service.execEnabled ? { text: 'on', tone: 'good' } : { text: 'off', tone: 'warning' },
      createdAt === undefined ? undefined : describeDuration(now - createdAt),
      { text: service.launchType, tone: 'dim' },
    ],
    rank: recency + (runningCount > 0 ? RUNS : 0),
    ...(isForShell && runningCount === 0 ? { disabled: 'no running task' } : {}),
  };
}

const toned = (text: string, tone: 'good' | 'warning' | 'bad' | 'dim'): Cell => ({ text, tone });

/** `1 unhealthy, 2 pending`; empty if nothing is known to be wrong. */
function healthCell(tasks: readonly Task[], pending: number): Cell {
  const unhealthy = tasks.filter(({ healthStatus }) => healthStatus === 'UNHEALTHY').length;
  const parts = [
    ...(unhealthy === 0 ? [] : [`${unhealthy} unhealthy`]),
    ...(pending === 0 ? [] : [`${pending} pending`]),
  ];
  if (parts.length > 0) return toned(parts.join(', '), unhealthy > 0 ? 'bad' : 'warning');
  return tasks.some(({ healthStatus }) => healthStatus === 'HEALTHY') ? toned('healthy', 'good') : undefined;
}

/** Deployments that are in progress or failed; complete ones are not shown. */
function deploymentCell({ deployments }: Service): Cell {
  if (deployments.some(({ rolloutState }) => rolloutState === 'FAILED')) return toned('failed', 'bad');
  return deployments.length > 1 || deployments[0]?.rolloutState === 'IN_PROGRESS'
    ? toned('in progress', 'warning')
    : undefined;
}

/** The entry for tasks of no service in a cluster with too many tasks to look for them at once. */
export const STANDALONE_ROW: PickerRow = {
  id: '\uffff',
  value: { service: null },
  cells: ['(tasks without a service)'],
  search: 'standalone RunTask scheduled',
  rank: -1,
  flagless: true,
};

export const TASK_COLUMNS: readonly Column[] = [
  { title: 'task' },
  { title: 'health' },
  { title: 'age', align: 'right' },
  { title: 'exec' },
  { title: 'address', dropOrder: 1 },
  { title: 'waits for', dropOrder: 2 },
  { title: 'started by', dropOrder: 3 },
];

/** A task that is not described yet has its id only, and no value: the picker describes it when it is chosen. */
export function taskRow(arn: string, task: Task | undefined, judge: JudgeContainer, now: number): PickerRow {
  const id = nameOfArn(arn);
  if (task === undefined) return { id: arn, value: {}, cells: [id], search: '' };
  return {
    id: arn,
    value: { task },
    cells: [
      id,
      taskHealth(task),
      taskAge(task, now),
      execCell(task, judge, now),
      task.privateIp,
      waitsFor(task),
      task.serviceName === undefined ? task.startedBy : undefined,
    ],
    search: taskSearch(task),
    ...(task.lastStatus === 'STOPPED' ? { disabled: 'stopped' } : {}),
  };
}

/** A task of no service, shown beside services. */
export function standaloneRow(task: Task, judge: JudgeContainer, now: number): PickerRow {
  const family = nameOfArn(task.taskDefinitionArn).replace(/:\d+$/, '');
  return {
    id: `${family} ${task.id}`,
    value: { service: null, task },
    cells: [
      `${family} ${task.id.slice(0, 8)}`,
      { text: startedBy(task), tone: 'dim' },
      taskHealth(task),
      undefined,
      execCell(task, judge, now),
      taskAge(task, now),
      { text: task.launchType, tone: 'dim' },
    ],
    search: taskSearch(task),
    flagless: true,
    ...(task.lastStatus === 'STOPPED' ? { disabled: 'stopped' } : {}),
  };
}

/** EventBridge writes `events-rule/NAME` or `events/…` into `startedBy`; RunTask leaves it empty unless the caller sets it. */
const startedBy = ({ startedBy: by = '' }: Task): string => (/^events?[-/]/.test(by) ? 'scheduled' : 'task');

function taskHealth({ healthStatus, lastStatus }: Task): Cell {
  if (healthStatus === 'UNKNOWN') return lastStatus.toLowerCase();
  return toned(healthStatus.toLowerCase(), healthStatus === 'UNHEALTHY' ? 'bad' : 'good');
}

function taskAge(task: Task, now: number): Cell {
  const since = task.startedAt ?? task.createdAt;
  return since === undefined ? undefined : describeDuration(now - since);
}

function execCell(task: Task, judge: JudgeContainer, now: number): Cell {
  if (!task.execEnabled) return toned('off', 'warning');
  const isReady = task.containers.some((container) => judge(task, container, undefined, now).ready);
  return isReady ? toned('ready', 'good') : toned('agent not running', 'warning');
}

/** Everything by which a task is searched: ids, address, containers, images, who started it. */
const taskSearch = (task: Task): string =>
  [
    task.id,
    task.privateIp ?? '',
    ...task.containers.flatMap(({ name, image }) => [name, image]),
    nameOfArn(task.taskDefinitionArn),
    task.startedBy ?? '',
  ].join(' ');

export const ENTRY_COLUMNS: readonly Column[] = [{ title: '' }, { title: '', shrink: true }];

/** Rows of the questions whose answers are all known. */
export const entryRows = <T>(
  entries: readonly PickerEntry<T>[],
  valueOf: (entry: T) => PickerChoices,
  remedyOf: (entry: PickerEntry<T>) => readonly string[] = () => [],
): readonly PickerRow[] =>
  entries.map((entry) => ({
    id: entry.name,
    value: valueOf(entry.value),
    cells: [entry.name, entry.disabled ?? entry.description],
    search: entry.description ?? '',
    ...(entry.disabled === undefined ? {} : { disabled: entry.disabled, remedy: remedyOf(entry) }),
    ...(entry.flagless === undefined ? {} : { flagless: entry.flagless }),
  }));
