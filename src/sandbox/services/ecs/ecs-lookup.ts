import { nameOfArn } from '../../../core/arn.ts';
import { type AuthorizationCheck, AwsError } from '../../contracts.ts';
import type { SeedTag } from '../../seed-shapes.ts';
import { clusterArn, clusterOf, type EcsAccount } from './ecs-names.ts';
import type { ClusterState, ServiceState, TaskState } from './ecs-model.ts';
import type { EcsState } from './ecs-state.ts';
import { paginate } from '../../wire/pages.ts';
import { isFields } from '../../wire/fields.ts';
import { optionalCount, optionalText, requiredText, structList, textList } from '../members.ts';
import { requestTagContext } from '../tags.ts';

type Input = Readonly<Record<string, unknown>>;

const DEFAULT_CLUSTER = 'default';

export const MAX_PAGE = 100;
export const SERVICES_PAGE = 10;

export const invalid = (message: string): AwsError => new AwsError('InvalidParameterException', message);

/** A `failures` entry of a describe operation. */
export const missing = (arn: string): unknown => ({ arn, reason: 'MISSING' });

/** One page of a list operation. */
export function listPage<T>(items: readonly T[], input: Input, defaultSize: number) {
  const size = optionalCount(input, 'maxResults') ?? defaultSize;
  if (size < 1 || size > MAX_PAGE) throw invalid(`maxResults must be between 1 and ${MAX_PAGE}.`);
  return paginate(items, optionalText(input, 'nextToken'), size, 'InvalidParameterException');
}

/** A member that is a structure; empty if it is absent. */
export function structOf(input: Input, name: string): Input {
  const value = input[name];
  return isFields(value) ? value : {};
}

/** The tags of a request, and the condition keys that follow from them. */
export function requestTags(input: Input): {
  readonly tags: readonly SeedTag[];
  readonly context: Record<string, string | string[]>;
} {
  const tags = structList(input, 'tags').map((tag) => ({
    key: requiredText(tag, 'key', 'InvalidParameterException'),
    value: optionalText(tag, 'value') ?? '',
  }));
  return { tags, context: requestTagContext(new Map(tags.map(({ key, value }) => [key, value]))) };
}

/**
 * `networkConfiguration.awsvpcConfiguration`; undefined if it is absent. Throws AwsError for a subnet that does not
 * exist.
 */
export function networkOf(
  state: EcsState,
  input: Input,
): Pick<ServiceState, 'subnets' | 'securityGroups' | 'publicIp'> | undefined {
  if (input['networkConfiguration'] === undefined || input['networkConfiguration'] === null) return undefined;
  const network = structOf(structOf(input, 'networkConfiguration'), 'awsvpcConfiguration');
  const subnets = textList(network, 'subnets');
  if (subnets.length === 0) throw invalid('subnets can not be empty.');
  for (const id of subnets)
    if (state.subnet(id) === undefined)
      throw invalid(`Error retrieving subnet information for [${id}]: The subnet ID '${id}' does not exist`);
  return {
    subnets,
    securityGroups: textList(network, 'securityGroups'),
    publicIp: optionalText(network, 'assignPublicIp') === 'ENABLED',
  };
}

/** Tags as condition keys, in both spellings that ECS supports. */
export const tagContext = (tags: readonly SeedTag[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    tags.flatMap(({ key, value }) => [
      [`aws:ResourceTag/${key}`, value],
      [`ecs:ResourceTag/${key}`, value],
    ]),
  );

/** Finds the resources that an operation's input names, by name, id or ARN; throws ECS's errors. */
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

  /** The cluster in which a resource is about to be created; it must be active. */
  activeCluster(input: Input): ClusterState {
    const cluster = this.cluster(input);
    if (cluster.status !== 'ACTIVE') throw new AwsError('ClusterNotFoundException', 'Cluster not found.');
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

  /**
   * Undefined if the cluster has no such task. An ARN of another cluster, or a text that is not an id, is refused.
   */
  task(cluster: string, identifier: string): TaskState | undefined {
    const named = clusterOf(identifier);
    if (named !== undefined && named !== cluster)
      throw invalid(`Identifier is for ${named}. Your cluster is ${cluster}`);
    const id = nameOfArn(identifier);
    if (id.length !== 32 && id.length !== 36) throw invalid('taskId length should be one of [32,36]');
    return this.state.task(cluster, id);
  }

  /** A permission check on a resource of the cluster that the input names. */
  check(action: string, resource: string, input: Input, tags: readonly SeedTag[] = []): AuthorizationCheck {
    return {
      action: `ecs:${action}`,
      resource,
      context: { 'ecs:cluster': this.clusterArn(input), ...tagContext(tags) },
    };
  }
}
