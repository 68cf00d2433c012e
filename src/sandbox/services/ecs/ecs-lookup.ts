import { nameOfArn } from '../../../core/arn.ts';
import { type AuthorizationCheck, AwsError } from '../../contracts.ts';
import type { SeedTag } from '../../seed-shapes.ts';
import { clusterArn, clusterOf, type EcsAccount } from './ecs-names.ts';
import type { ClusterState, ServiceState, TaskState } from './ecs-model.ts';
import type { EcsState } from './ecs-state.ts';
import { optionalText, requiredText } from '../members.ts';

type Input = Readonly<Record<string, unknown>>;

const DEFAULT_CLUSTER = 'default';

const invalid = (message: string): AwsError => new AwsError('InvalidParameterException', message);

/** Tags as condition keys, in both spellings that ECS understands. */
export const tagContext = (tags: readonly SeedTag[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    tags.flatMap(({ key, value }) => [
      [`aws:ResourceTag/${key}`, value],
      [`ecs:ResourceTag/${key}`, value],
    ]),
  );

/** Finds what an operation's input names, by name, id or ARN, with ECS's errors. */
export class EcsLookup {
  readonly account: EcsAccount;
  readonly state: EcsState;

  constructor(account: EcsAccount, state: EcsState) {
    this.account = account;
    this.state = state;
  }

  clusterName(input: Input): string {
    return nameOfArn(optionalText(input, 'cluster') ?? DEFAULT_CLUSTER);
  }

  clusterArn(input: Input): string {
    return clusterArn(this.account, this.clusterName(input));
  }

  cluster(input: Input): ClusterState {
    const cluster = this.state.cluster(this.clusterName(input));
    if (cluster === undefined) throw new AwsError('ClusterNotFoundException', 'Cluster not found.');
    return cluster;
  }

  service(input: Input, member = 'service'): ServiceState {
    const cluster = this.cluster(input);
    const service = this.state.service(
      cluster.name,
      nameOfArn(requiredText(input, member, 'InvalidParameterException')),
    );
    if (service === undefined) throw new AwsError('ServiceNotFoundException', 'Service not found.');
    return service;
  }

  /** Undefined if the cluster has no such task. An ARN of another cluster, or something that is no id, is refused. */
  task(cluster: string, identifier: string): TaskState | undefined {
    const named = clusterOf(identifier);
    if (named !== undefined && named !== cluster)
      throw invalid(`Identifier is for ${named}. Your cluster is ${cluster}`);
    const id = nameOfArn(identifier);
    if (id.length !== 32 && id.length !== 36) throw invalid('taskId length should be one of [32,36]');
    return this.state.task(cluster, id);
  }

  tagsOfTask(task: TaskState): readonly SeedTag[] {
    return this.state.service(task.cluster, task.service)?.tags ?? [];
  }

  /** A check on a resource of the cluster that the input names. */
  check(action: string, resource: string, input: Input, tags: readonly SeedTag[] = []): AuthorizationCheck {
    return {
      action: `ecs:${action}`,
      resource,
      context: { 'ecs:cluster': this.clusterArn(input), ...tagContext(tags) },
    };
  }
}
