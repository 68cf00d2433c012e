/**
 * `--via auto`: whether a task of the service or the bastion carries the connections to a database. Pure: the facts
 * are gathered by app/database/route-facts.ts.
 */

/** `unknown` = the security groups could not be read, or the source has none that are known. */
export type Reach = 'admitted' | 'refused' | 'unknown';

export interface TaskFacts {
  readonly service: string;
  /** True if the person named the service or task. */
  readonly isNamed: boolean;
  readonly execEnabled: boolean;
  /** Whether a container of a running task has an agent to which a session can be opened. */
  readonly agent: 'running' | 'starting' | 'none';
  readonly reach: Reach;
}

export interface BastionFacts {
  readonly name: string;
  /** True if the person named the bastion. */
  readonly isNamed: boolean;
  readonly reach: Reach;
}

export interface RouteFacts {
  /** Undefined = no service was named, and none was found that could carry the connections. */
  readonly task: TaskFacts | undefined;
  /** Undefined = no bastion runs. */
  readonly bastion: BastionFacts | undefined;
  /**
   * The cluster's ECS Exec logging is set (OVERRIDE). A forward through a task starts a session that ECS Exec does not
   * record, which organisations that set it usually deny.
   */
  readonly loggingDemanded: boolean;
}

export type RouteChoice =
  | { readonly via: 'task' | 'bastion'; readonly reason: string }
  /** Nothing can carry the connections: why the task and the bastion cannot. */
  | { readonly via: undefined; readonly task: string; readonly bastion: string };

/** The first rule that applies decides; the reason is a sentence without its subject and full stop. */
export function chooseRoute({ task, bastion, loggingDemanded }: RouteFacts): RouteChoice {
  const taskFault = faultOfTask(task);
  const bastionFault = faultOfBastion(bastion);
  const isTaskUsable = task !== undefined && taskFault === undefined;
  const isBastionUsable = bastion !== undefined && bastionFault === undefined;
  if (isTaskUsable && isBastionUsable) {
    if (bastion.isNamed) return { via: 'bastion', reason: `bastion ${bastion.name} is named` };
    if (loggingDemanded)
      return {
        via: 'bastion',
        reason: 'the cluster demands that sessions in tasks are logged, and a forward is not',
      };
    if (task.isNamed && task.agent === 'running')
      return { via: 'task', reason: `${task.service} reaches the database${unsure(task.reach)}` };
    if (bastion.reach === 'unknown' && task.reach === 'admitted' && task.agent === 'running')
      return {
        via: 'task',
        reason: `${task.service} reaches the database, and it is not known whether bastion ${bastion.name} does`,
      };
    const whyNot = task.isNamed ? `, and the agent of ${task.service} is still starting` : '';
    return {
      via: 'bastion',
      reason: `bastion ${bastion.name} reaches the database${unsure(bastion.reach)}${whyNot}`,
    };
  }
  if (isTaskUsable) {
    const whyNot = bastionFault ?? 'no bastion runs';
    return {
      via: 'task',
      reason: `${task.service} reaches the database${unsure(task.reach)}, and ${whyNot}`,
    };
  }
  if (isBastionUsable) {
    const whyNot = task?.isNamed === true && taskFault !== undefined ? `, and ${taskFault}` : '';
    return {
      via: 'bastion',
      reason: `bastion ${bastion.name} reaches the database${unsure(bastion.reach)}${whyNot}`,
    };
  }
  return {
    via: undefined,
    task: taskFault ?? 'no service is named that could carry the connections',
    bastion: bastionFault ?? 'no bastion runs',
  };
}

/** What could carry the connections instead, as far as is known. A task can be chosen when none is named. */
export function otherRoute(
  via: 'task' | 'bastion',
  { task, bastion }: Pick<RouteFacts, 'task' | 'bastion'>,
): 'task' | 'bastion' | undefined {
  if (via === 'bastion') return faultOfTask(task) === undefined ? 'task' : undefined;
  return bastion !== undefined && faultOfBastion(bastion) === undefined ? 'bastion' : undefined;
}

const unsure = (reach: Reach): string =>
  reach === 'unknown' ? ' as far as is known (its security groups could not be read)' : '';

function faultOfTask(task: TaskFacts | undefined): string | undefined {
  if (task === undefined) return undefined;
  if (!task.execEnabled) return `ECS Exec is off for ${task.service}`;
  if (task.agent === 'none') return `no running task of ${task.service} has an agent for sessions`;
  if (task.reach === 'refused') return `the security groups do not let ${task.service} reach the database`;
  return undefined;
}

function faultOfBastion(bastion: BastionFacts | undefined): string | undefined {
  return bastion?.reach === 'refused'
    ? `the security groups do not let bastion ${bastion.name} reach the database`
    : undefined;
}
