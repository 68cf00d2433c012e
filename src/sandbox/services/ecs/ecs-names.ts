import { formatArn, resourceSegments } from '../../../core/arn.ts';

/** ARNs of ECS, and the names and ids that its operations accept instead. */

export interface EcsAccount {
  readonly region: string;
  readonly accountId: string;
}

const arn = (account: EcsAccount, resource: string): string =>
  formatArn({ service: 'ecs', region: account.region, account: account.accountId, resource });

export const clusterArn = (account: EcsAccount, cluster: string): string =>
  arn(account, `cluster/${cluster}`);
export const serviceArn = (account: EcsAccount, cluster: string, service: string): string =>
  arn(account, `service/${cluster}/${service}`);
export const taskArn = (account: EcsAccount, cluster: string, task: string): string =>
  arn(account, `task/${cluster}/${task}`);
export const taskDefinitionArn = (account: EcsAccount, definition: string): string =>
  arn(account, `task-definition/${definition}`);
export const containerArn = (account: EcsAccount, cluster: string, task: string, id: string): string =>
  arn(account, `container/${cluster}/${task}/${id}`);

/** The cluster in a service or task ARN of the long form; undefined for a name, an id, or an old short ARN. */
export function clusterOf(identifier: string): string | undefined {
  const segments = resourceSegments(identifier);
  return segments.length === 3 ? segments[1] : undefined;
}

/** `ecs:<cluster>_<taskId>_<runtimeId>`, the session target of a container (docs/reference/ecs-exec.md §3). */
export const targetOf = (cluster: string, task: string, runtimeId: string): string =>
  `ecs:${cluster}_${task}_${runtimeId}`;
