import { nameOfArn } from '../core/arn.ts';
import {
  DescribeClustersCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  ExecuteCommandCommand,
  ListClustersCommand,
  ListServicesCommand,
  ListTasksCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';

import { StandardRetryStrategy } from '@smithy/core/retry';

import type { EcsPort, PageIterator, SessionStart } from '../connect/ports.ts';
import type { ErrorFacts } from '../core/error-facts.ts';
import { failed, noMatch, type ToolError } from '../core/errors.ts';
import type { ClientConfig } from './client-config.ts';
import { limitConcurrency } from './throttling.ts';
import { mapped, type Translations } from './errors.ts';
import { toCluster, toContainerDefinition, toService, toTask } from './ecs-shapes.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

/** Largest page and batch that ECS accepts (docs/reference/api-limits.md §1). */
const PAGE_SIZE = 100;
const SERVICES_PER_DESCRIBE = 10;
const TASKS_PER_DESCRIBE = 100;
const CLUSTERS_PER_DESCRIBE = 100;

/**
 * Implements EcsPort of connect/ with ECS. Pages are fetched one by one, as the caller asks for them. With `throttling:
 * 'thrown'` a throttled call fails at once with `aws-throttled`, for callers that pace their calls themselves.
 */
export function createEcsPort(
  config: ClientConfig,
  { throttling = 'retried' }: { readonly throttling?: 'retried' | 'thrown' } = {},
): EcsPort {
  const client =
    throttling === 'retried'
      ? limitConcurrency(withProfileEndpoints(new ECSClient(config), config))
      : withProfileEndpoints(
          new ECSClient({ ...config, retryStrategy: new TransientRetries(config.maxAttempts) }),
          config,
        );
  const options = (signal: AbortSignal | undefined): { abortSignal?: AbortSignal } =>
    signal === undefined ? {} : { abortSignal: signal };

  return {
    clusterNames: (signal) =>
      pages('ecs:ListClusters', {}, async (nextToken) => {
        const page = await client.send(
          new ListClustersCommand({ maxResults: PAGE_SIZE, nextToken }),
          options(signal),
        );
        return { items: (page.clusterArns ?? []).map(nameOfArn), nextToken: page.nextToken };
      }),

    async describeClusters(names) {
      const found = await inBatches(names, CLUSTERS_PER_DESCRIBE, (batch) =>
        mapped('ecs:DescribeClusters', async () => {
          const answer = await client.send(
            new DescribeClustersCommand({ clusters: [...batch], include: ['CONFIGURATIONS'] }),
          );
          return answer.clusters ?? [];
        }),
      );
      return found.filter((cluster) => cluster.status !== 'INACTIVE').map(toCluster);
    },

    serviceNames: (cluster, signal) =>
      pages('ecs:ListServices', inCluster(cluster, config.region), async (nextToken) => {
        const page = await client.send(
          new ListServicesCommand({ cluster, maxResults: PAGE_SIZE, nextToken }),
          options(signal),
        );
        return { items: (page.serviceArns ?? []).map(nameOfArn), nextToken: page.nextToken };
      }),

    async describeServices(cluster, names, signal) {
      const found = await inBatches(names, SERVICES_PER_DESCRIBE, (batch) =>
        mapped(
          'ecs:DescribeServices',
          async () => {
            const answer = await client.send(
              new DescribeServicesCommand({ cluster, services: [...batch] }),
              options(signal),
            );
            return answer.services ?? [];
          },
          inCluster(cluster, config.region),
        ),
      );
      return found.filter((service) => service.status !== 'INACTIVE').map(toService);
    },

    taskArns: (cluster, filter, signal) =>
      pages(
        'ecs:ListTasks',
        {
          ...inCluster(cluster, config.region),
          ServiceNotFoundException: () => serviceNotFound(cluster, filter.service),
        },
        async (nextToken) => {
          const page = await client.send(
            new ListTasksCommand({
              cluster,
              serviceName: filter.service,
              desiredStatus: filter.desiredStatus,
              maxResults: PAGE_SIZE,
              nextToken,
            }),
            options(signal),
          );
          return { items: page.taskArns ?? [], nextToken: page.nextToken };
        },
      ),

    async describeTasks(cluster, tasks, signal) {
      const found = await inBatches(tasks, TASKS_PER_DESCRIBE, (batch) =>
        mapped(
          'ecs:DescribeTasks',
          async () => {
            const answer = await client.send(
              new DescribeTasksCommand({ cluster, tasks: [...batch] }),
              options(signal),
            );
            return answer.tasks ?? [];
          },
          inCluster(cluster, config.region),
        ),
      );
      return found.map(toTask);
    },

    taskDefinition: (name) =>
      mapped(
        'ecs:DescribeTaskDefinition',
        async () => {
          const answer = await client.send(new DescribeTaskDefinitionCommand({ taskDefinition: name }));
          const found = answer.taskDefinition;
          return {
            arn: found?.taskDefinitionArn ?? name,
            taskRoleArn: found?.taskRoleArn,
            containers: (found?.containerDefinitions ?? []).map((container) =>
              toContainerDefinition(container, found?.proxyConfiguration?.containerName),
            ),
          };
        },
        {
          ClientException: (message, cause) =>
            noMatch(
              'task-definition-not-found',
              `no task definition ${nameOfArn(name)}: ${oneLine(message)}`,
              {
                cause,
              },
            ),
        },
      ),

    deployWithExec: (cluster, service) =>
      mapped(
        'ecs:UpdateService',
        async () => {
          const answer = await client.send(
            new UpdateServiceCommand({
              cluster,
              service,
              enableExecuteCommand: true,
              forceNewDeployment: true,
            }),
          );
          const deployments = answer.service?.deployments ?? [];
          return deployments.find(({ status }) => status === 'PRIMARY')?.id ?? '';
        },
        {
          ...inCluster(cluster, config.region),
          InvalidParameterException: (message, cause) => updateRefused(cluster, service, message, cause),
          ServiceNotActiveException: (message, cause) => updateRefused(cluster, service, message, cause),
          ServiceNotFoundException: () => serviceNotFound(cluster, service),
        },
      ),

    executeCommand: ({ cluster, task, container, command }) =>
      mapped(
        'ecs:ExecuteCommand',
        async () => {
          const answer = await client.send(
            new ExecuteCommandCommand({ cluster, task, container, command, interactive: true }),
          );
          return toSessionStart(answer.session ?? {});
        },
        {
          ...inCluster(cluster, config.region),
          InvalidParameterException: (message, cause) =>
            failed(
              'exec-not-enabled',
              `container ${container} of task ${nameOfArn(task)} takes no command: ${oneLine(message)}`,
              {
                details: { cluster, task: nameOfArn(task), container, awsError: 'InvalidParameterException' },
                cause,
              },
            ),
          TargetNotConnectedException: (message, cause) =>
            targetNotConnected(`container ${container} of task ${nameOfArn(task)}`, message, cause, {
              target: `container ${container} of task ${nameOfArn(task)}`,
              cluster,
              task: nameOfArn(task),
              container,
            }),
        },
      ),
  };
}

/**
 * The error for a target whose agent has no open control channel; ECS and SSM report it in the same way
 * (docs/reference/ecs-exec.md §8).
 */
export function targetNotConnected(
  target: string,
  message: string,
  cause: unknown,
  details: ErrorFacts['target-not-connected'],
): ToolError {
  return failed('target-not-connected', `the agent of ${target} is not connected: ${oneLine(message)}`, {
    details,
    cause,
  });
}

/** Throws `session-incomplete` when a member is missing: a session without a token cannot be opened. */
export function toSessionStart(session: {
  readonly sessionId?: string | undefined;
  readonly streamUrl?: string | undefined;
  readonly tokenValue?: string | undefined;
}): SessionStart {
  const { sessionId, streamUrl, tokenValue } = session;
  if (!sessionId || !streamUrl || !tokenValue) {
    throw failed('session-incomplete', 'AWS answered without session id, stream address or token');
  }
  return { sessionId, streamUrl, tokenValue };
}

/** Retries what the SDK retries, except for calls that AWS has throttled. */
class TransientRetries extends StandardRetryStrategy {
  override refreshRetryTokenForRetry(
    ...[token, error]: Parameters<StandardRetryStrategy['refreshRetryTokenForRetry']>
  ): ReturnType<StandardRetryStrategy['refreshRetryTokenForRetry']> {
    if (error.errorType === 'THROTTLING') throw new Error('the caller repeats throttled calls');
    return super.refreshRetryTokenForRetry(token, error);
  }
}

const oneLine = (message: string): string => message.replace(/\s+/g, ' ').replace(/\.$/, '');

const inCluster = (cluster: string, region: string): Translations => ({
  ClusterNotFoundException: () =>
    noMatch('cluster-not-found', `no cluster ${cluster} in ${region}`, {
      details: { cluster },
    }),
});

const serviceNotFound = (cluster: string, service: string | undefined): ToolError =>
  noMatch('service-not-found', `no service ${service ?? ''} in cluster ${cluster}`, {
    details: { cluster, service: service ?? '' },
  });

const updateRefused = (cluster: string, service: string, message: string, cause: unknown): ToolError =>
  failed('service-update-refused', `ECS does not update service ${service}: ${oneLine(message)}`, {
    details: { cluster, service },
    cause,
  });

interface Page<T> {
  readonly items: readonly T[];
  readonly nextToken: string | undefined;
}

/** Not a generator, because a generator ends at its first error, and a page that was throttled can be asked for again. */
function pages<T>(
  action: string,
  translations: Translations,
  fetchPage: (nextToken: string | undefined) => Promise<Page<T>>,
): AsyncIterable<readonly T[]> {
  return {
    [Symbol.asyncIterator](): PageIterator<T> {
      let nextToken: string | undefined;
      let isDone = false;
      return {
        get isAtEnd() {
          return isDone;
        },
        async next(): Promise<IteratorResult<readonly T[]>> {
          if (isDone) return { done: true, value: undefined };
          const token = nextToken;
          const page = await mapped(action, () => fetchPage(token), translations);
          nextToken = page.nextToken === '' ? undefined : page.nextToken;
          isDone = nextToken === undefined;
          return { done: false, value: page.items };
        },
      };
    },
  };
}

/** Runs the batches one after the other; callers that want several at a time must split the names themselves. */
async function inBatches<In, Out>(
  items: readonly In[],
  size: number,
  describe: (batch: readonly In[]) => Promise<readonly Out[]>,
): Promise<readonly Out[]> {
  const found: Out[] = [];
  for (let start = 0; start < items.length; start += size) {
    found.push(...(await describe(items.slice(start, start + size))));
  }
  return found;
}
