import { nameOfArn } from '../../../core/arn.ts';
import { AwsError, type Operations } from '../../contracts.ts';
import type { SeedExecLogging } from '../../seed-shapes.ts';
import { optionalFlag, optionalText, requiredText, textList } from '../members.ts';
import {
  type EcsLookup,
  invalid,
  listPage,
  MAX_PAGE,
  missing,
  requestTags,
  structOf,
  tagContext,
} from './ecs-lookup.ts';
import type { ClusterState, Fields } from './ecs-model.ts';
import { clusterArn } from './ecs-names.ts';
import { clusterShape } from './ecs-shapes.ts';

const MAX_DESCRIBED = 100;
const DEFAULT_CLUSTER = 'default';

/** Members of CreateCluster that the descriptions return unchanged. */
const KEPT = ['settings', 'serviceConnectDefaults', 'capacityProviders', 'defaultCapacityProviderStrategy'];

export function clusterOperations(lookup: EcsLookup): Operations {
  const { account, state } = lookup;
  const named = (input: Fields, member = 'cluster'): string =>
    nameOfArn(optionalText(input, member) ?? DEFAULT_CLUSTER);
  const check = (action: string, name: string) => ({
    action: `ecs:${action}`,
    resource: clusterArn(account, name),
    context: tagContext(state.cluster(name)?.tags ?? []),
  });
  const found = (name: string): ClusterState => {
    const cluster = state.cluster(name);
    if (cluster === undefined) throw new AwsError('ClusterNotFoundException', 'Cluster not found.');
    return cluster;
  };
  const answer = (cluster: ClusterState) => ({
    cluster: clusterShape(account, state, cluster, ['TAGS', 'SETTINGS', 'CONFIGURATIONS']),
  });
  return {
    ListClusters: {
      authorize: () => [{ action: 'ecs:ListClusters', resource: '*' }],
      run(input) {
        const arns = state.clusters
          .filter(({ status }) => status === 'ACTIVE')
          .map((cluster) => clusterArn(account, cluster.name));
        const page = listPage(arns, input, MAX_PAGE);
        return { clusterArns: page.items, nextToken: page.next };
      },
    },
    DescribeClusters: {
      authorize: (input) => describedClusters(input).map((name) => check('DescribeClusters', name)),
      run(input) {
        const include = textList(input, 'include');
        const names = describedClusters(input);
        return {
          clusters: names
            .flatMap((name) => state.cluster(name) ?? [])
            .map((cluster) => clusterShape(account, state, cluster, include)),
          failures: names
            .filter((name) => state.cluster(name) === undefined)
            .map((name) => missing(clusterArn(account, name))),
        };
      },
    },
    CreateCluster: {
      authorize(input) {
        const { context } = requestTags(input);
        return [{ ...check('CreateCluster', named(input, 'clusterName')), context }];
      },
      // For a cluster that exists already, CreateCluster returns that cluster.
      run(input) {
        const name = named(input, 'clusterName');
        if (!/^[A-Za-z0-9_-]{1,255}$/.test(name)) throw invalid('Identifier contains invalid characters.');
        const known = state.cluster(name);
        if (known?.status === 'ACTIVE') return answer(known);
        return answer(
          state.addCluster({
            name,
            ...execConfiguration(input),
            settings: pick(input, KEPT),
            tags: requestTags(input).tags,
            status: 'ACTIVE',
          }),
        );
      },
    },
    UpdateCluster: {
      authorize: (input) => [check('UpdateCluster', named(input))],
      run(input) {
        const cluster = found(named(input));
        Object.assign(cluster, input['configuration'] === undefined ? {} : execConfiguration(input));
        cluster.settings = { ...cluster.settings, ...pick(input, KEPT) };
        return answer(cluster);
      },
    },
    PutClusterCapacityProviders: {
      authorize: (input) => [check('PutClusterCapacityProviders', named(input))],
      run(input) {
        const cluster = found(named(input));
        cluster.settings = { ...cluster.settings, ...pick(input, KEPT) };
        return answer(cluster);
      },
    },
    DeleteCluster: {
      authorize: (input) => [
        check('DeleteCluster', nameOfArn(requiredText(input, 'cluster', 'InvalidParameterException'))),
      ],
      run(input) {
        const cluster = found(named(input));
        if (state.servicesIn(cluster.name).some(({ status }) => status !== 'INACTIVE'))
          throw new AwsError(
            'ClusterContainsServicesException',
            'The Cluster cannot be deleted while Services are active.',
          );
        if (state.tasks.some((task) => task.cluster === cluster.name && task.lastStatus !== 'STOPPED'))
          throw new AwsError(
            'ClusterContainsTasksException',
            'The Cluster cannot be deleted while Tasks are active.',
          );
        cluster.status = 'INACTIVE';
        return answer(cluster);
      },
    },
  };
}

function describedClusters(input: Fields): readonly string[] {
  const names = textList(input, 'clusters').map(nameOfArn);
  if (names.length > MAX_DESCRIBED) throw invalid(`Clusters can have at most ${MAX_DESCRIBED} items.`);
  return names.length === 0 ? [DEFAULT_CLUSTER] : names;
}

export const pick = (input: Fields, members: readonly string[]): Fields =>
  Object.fromEntries(members.flatMap((name) => (input[name] === undefined ? [] : [[name, input[name]]])));

/** The encryption key and the log of exec sessions, from `configuration.executeCommandConfiguration`. */
function execConfiguration(input: Fields): Pick<ClusterState, 'kmsKeyId' | 'logging'> {
  const exec = structOf(structOf(input, 'configuration'), 'executeCommandConfiguration');
  const log = structOf(exec, 'logConfiguration');
  const logging: SeedExecLogging | undefined =
    optionalText(exec, 'logging') !== 'OVERRIDE'
      ? undefined
      : {
          cloudWatchEncryptionEnabled: optionalFlag(log, 'cloudWatchEncryptionEnabled') ?? false,
          s3EncryptionEnabled: optionalFlag(log, 's3EncryptionEnabled') ?? false,
          ...texts(log, ['cloudWatchLogGroupName', 's3BucketName', 's3KeyPrefix']),
        };
  return { kmsKeyId: optionalText(exec, 'kmsKeyId'), logging };
}

const texts = (input: Fields, members: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    members.flatMap((name) => {
      const value = optionalText(input, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
