import { nameOfArn } from '../../../core/arn.ts';
import type { Clock } from '../../../core/clock.ts';
import {
  type AccessControl,
  type AuthorizationCheck,
  AwsError,
  type ContainerHost,
  type ContainerLaunch,
  type Machine,
  type NetworkPolicy,
  type Operations,
  type SandboxService,
  type Timing,
} from '../../contracts.ts';
import type { Seed } from '../../seed-shapes.ts';
import type { Sessions } from '../../gateway/session-plan.ts';
import type { RandomBytes } from '../../random.ts';
import { paginate } from '../../wire/pages.ts';
import { kmsDescription } from '../kms/kms.ts';
import type { ServiceDescription } from '../service-description.ts';
import { isAgentConnected, taskRoleName } from './ecs-connectivity.ts';
import { executeCommandOperation } from './ecs-execute-command.ts';
import { EcsLookup, tagContext } from './ecs-lookup.ts';
import { clusterArn, type EcsAccount, serviceArn, taskArn, taskDefinitionArn } from './ecs-names.ts';
import { clusterShape, serviceShape, taskDefinitionShape, taskShape } from './ecs-shapes.ts';
import { definitionName, type TaskState } from './ecs-model.ts';
import { EcsState } from './ecs-state.ts';
import { optionalCount, optionalFlag, optionalText, requiredText, textList } from '../members.ts';

export interface EcsDeps {
  readonly seed: Seed;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly timing: Timing;
  readonly access: AccessControl;
  readonly network: NetworkPolicy;
  readonly sessions: Sessions;
  readonly containers: ContainerHost;
  /** A task's network interface came up; the returned function is called when it goes. */
  readonly onTaskStarted?: (containers: readonly ContainerLaunch[]) => () => void;
  /** Encrypts sessions into clusters that have no key of their own. */
  readonly demandedKmsKeyId?: string;
}

/** Where a session to a container would go: SSM's view of ECS. */
export interface TaskTarget {
  readonly taskArn: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly roleName: string | undefined;
  readonly isConnected: boolean;
  /** Undefined for a container that does not run. */
  machine(): Machine;
}

export interface EcsService extends SandboxService {
  /** By session target `ecs:<cluster>_<taskId>_<runtimeId>`; undefined if there is no such container. */
  findTarget(target: string): TaskTarget | undefined;
}

const MAX_PAGE = 100;
const SERVICES_PAGE = 10;
const MAX_DESCRIBED_SERVICES = 10;
const MAX_DESCRIBED = 100;
const DEFAULT_CLUSTER = 'default';
const TASK_ROLE_MISSING =
  "The service couldn't be updated because a valid taskRoleArn is not being used. Specify a valid task role in your task definition and try again.";

type Input = Readonly<Record<string, unknown>>;

const invalid = (message: string): AwsError => new AwsError('InvalidParameterException', message);

export function createEcsService(deps: EcsDeps): EcsService {
  const account: EcsAccount = { region: deps.seed.region, accountId: deps.seed.accountId };
  const state = new EcsState({
    ...account,
    seed: deps.seed,
    clock: deps.clock,
    randomBytes: deps.randomBytes,
    timing: deps.timing,
    containers: deps.containers,
    onTaskStarted: deps.onTaskStarted,
    onTargetGone: (target) => deps.sessions.endTarget(target, ''),
  });
  const lookup = new EcsLookup(account, state);
  const isConnected = (task: TaskState, container: TaskState['containers'][number]): boolean =>
    isAgentConnected(deps, state, task, container);

  return {
    operations: {
      ...clusterOperations(lookup),
      ...serviceOperations(lookup),
      ...taskOperations(lookup),
      ...taskDefinitionOperations(lookup),
      ExecuteCommand: executeCommandOperation({
        lookup,
        sessions: deps.sessions,
        randomBytes: deps.randomBytes,
        demandedKmsKeyId: deps.demandedKmsKeyId,
        isConnected,
      }),
    },
    // Services and their tasks were there before; only what a run changed in them matters.
    snapshot: () =>
      state.services.map((service) => ({
        service: serviceArn(account, service.cluster, service.name),
        desiredCount: service.desiredCount,
        taskDefinition: definitionName(service.definition),
        enableExecuteCommand: service.execEnabled,
      })),
    findTarget(target) {
      const found = state.findTarget(target);
      if (found === undefined) return undefined;
      const { task, container } = found;
      return {
        taskArn: taskArn(account, task.cluster, task.id),
        tags: Object.fromEntries(lookup.tagsOfTask(task).map(({ key, value }) => [key, value])),
        roleName: taskRoleName(task),
        isConnected: isConnected(task, container),
        machine: () => state.machine(task, container),
      };
    },
    close: () => state.close(),
  };
}

export const ecsDescription: ServiceDescription<EcsService> = {
  name: 'ecs',
  title: 'ECS',
  wire: { kind: 'json', target: 'AmazonEC2ContainerServiceV20141113' },
  errors: {
    throttling: { code: 'ThrottlingException', status: 400 },
    internal: 'ServerException',
  },
  serviceLinkedRoles: [{ principal: 'ecs.amazonaws.com', roleName: 'AWSServiceRoleForECS', isPresent: true }],
  create: (context) =>
    createEcsService({
      seed: context.seed,
      clock: context.clock,
      randomBytes: context.randomBytes,
      timing: context.timing,
      access: context.access,
      network: context.network,
      sessions: context.gateway.sessions,
      containers: context.world.containers,
      onTaskStarted: (containers) => context.world.taskStarted(containers),
      ...(context.demandEncryption ? { demandedKmsKeyId: context.peer(kmsDescription).defaultKeyArn } : {}),
    }),
};

function clusterOperations({ account, state }: EcsLookup): Operations {
  return {
    ListClusters: {
      authorize: () => [{ action: 'ecs:ListClusters', resource: '*' }],
      run(input) {
        const arns = state.clusters.map((cluster) => clusterArn(account, cluster.name));
        const page = listPage(arns, input, MAX_PAGE);
        return { clusterArns: page.items, nextToken: page.next };
      },
    },
    DescribeClusters: {
      authorize: (input) =>
        describedClusters(input).map((name) => ({
          action: 'ecs:DescribeClusters',
          resource: clusterArn(account, name),
          context: tagContext(state.cluster(name)?.tags ?? []),
        })),
      run(input) {
        const include = textList(input, 'include');
        const names = describedClusters(input);
        const found = names.flatMap((name) => state.cluster(name) ?? []);
        return {
          clusters: found.map((cluster) => clusterShape(account, state, cluster, include)),
          failures: names
            .filter((name) => state.cluster(name) === undefined)
            .map((name) => missing(clusterArn(account, name))),
        };
      },
    },
  };
}

function describedClusters(input: Input): readonly string[] {
  const names = textList(input, 'clusters').map(nameOfArn);
  if (names.length > MAX_DESCRIBED) throw invalid(`Clusters can have at most ${MAX_DESCRIBED} items.`);
  return names.length === 0 ? [DEFAULT_CLUSTER] : names;
}

function serviceOperations(lookup: EcsLookup): Operations {
  const { account, state } = lookup;
  return {
    ListServices: {
      authorize: (input) => [lookup.check('ListServices', '*', input)],
      run(input) {
        const cluster = lookup.cluster(input);
        const launchType = optionalText(input, 'launchType');
        const arns = state.services
          .filter((service) => service.cluster === cluster.name)
          .filter(() => launchType === undefined || launchType === 'FARGATE')
          .map((service) => serviceArn(account, cluster.name, service.name));
        const page = listPage(arns, input, SERVICES_PAGE);
        return { serviceArns: page.items, nextToken: page.next };
      },
    },
    DescribeServices: {
      authorize: (input) =>
        describedServices(input).map((name) => {
          const cluster = lookup.clusterName(input);
          const tags = state.service(cluster, name)?.tags;
          return lookup.check('DescribeServices', serviceArn(account, cluster, name), input, tags);
        }),
      run(input) {
        const cluster = lookup.cluster(input).name;
        const include = textList(input, 'include');
        const names = describedServices(input);
        return {
          services: names
            .flatMap((name) => state.service(cluster, name) ?? [])
            .map((service) => serviceShape(account, state, service, include)),
          failures: names
            .filter((name) => state.service(cluster, name) === undefined)
            .map((name) => missing(serviceArn(account, cluster, name))),
        };
      },
    },
    UpdateService: {
      authorize(input) {
        const name = nameOfArn(requiredText(input, 'service', 'InvalidParameterException'));
        const cluster = lookup.clusterName(input);
        const exec = optionalFlag(input, 'enableExecuteCommand');
        const check = lookup.check(
          'UpdateService',
          serviceArn(account, cluster, name),
          input,
          state.service(cluster, name)?.tags,
        );
        return [
          exec === undefined
            ? check
            : { ...check, context: { ...check.context, 'ecs:enable-execute-command': String(exec) } },
        ];
      },
      run: (input) => updateService(lookup, input),
    },
  };
}

function updateService(lookup: EcsLookup, input: Input): unknown {
  const { account, state } = lookup;
  const service = lookup.service(input);
  const wanted = optionalText(input, 'taskDefinition');
  const definition = wanted === undefined ? service.definition : state.definition(nameOfArn(wanted));
  if (definition === undefined)
    throw new AwsError('ClientException', `TaskDefinition not found: ${nameOfArn(wanted ?? '')}`);
  const execEnabled = optionalFlag(input, 'enableExecuteCommand') ?? service.execEnabled;
  if (execEnabled && (definition.taskRoleArn ?? '') === '') throw invalid(TASK_ROLE_MISSING);
  const desiredCount = optionalCount(input, 'desiredCount');
  if (desiredCount !== undefined && desiredCount < 0) throw invalid('desiredCount must not be negative.');
  // The flag alone starts no deployment: running tasks keep what they started with (docs/reference/ecs-exec.md §1).
  service.execEnabled = execEnabled;
  const isNewDefinition = definition !== service.definition;
  service.definition = definition;
  if (desiredCount !== undefined) state.scale(service, desiredCount);
  if (isNewDefinition || optionalFlag(input, 'forceNewDeployment') === true) state.deploy(service);
  return { service: serviceShape(account, state, service, []) };
}

function describedServices(input: Input): readonly string[] {
  const names = textList(input, 'services').map(nameOfArn);
  if (names.length === 0) throw invalid('Services cannot be empty.');
  if (names.length > MAX_DESCRIBED_SERVICES)
    throw invalid(`Services can have at most ${MAX_DESCRIBED_SERVICES} items.`);
  return names;
}

function taskOperations(lookup: EcsLookup): Operations {
  const { account, state } = lookup;
  const taskCheck = (action: string, identifier: string, input: Input): AuthorizationCheck => {
    const cluster = lookup.clusterName(input);
    const task = state.task(cluster, nameOfArn(identifier));
    const tags = task === undefined ? [] : lookup.tagsOfTask(task);
    return lookup.check(action, taskArn(account, cluster, nameOfArn(identifier)), input, tags);
  };
  return {
    ListTasks: {
      authorize: (input) => [lookup.check('ListTasks', '*', input)],
      run(input) {
        const page = listPage(
          listedTasks(lookup, input).map((task) => taskArn(account, task.cluster, task.id)),
          input,
          MAX_PAGE,
        );
        return { taskArns: page.items, nextToken: page.next };
      },
    },
    DescribeTasks: {
      authorize: (input) =>
        describedTasks(input).map((identifier) => taskCheck('DescribeTasks', identifier, input)),
      run(input) {
        const cluster = lookup.cluster(input).name;
        const found = describedTasks(input).map((identifier) => ({
          identifier,
          task: lookup.task(cluster, identifier),
        }));
        return {
          tasks: found.flatMap(({ task }) => (task === undefined ? [] : [taskShape(account, state, task)])),
          failures: found
            .filter(({ task }) => task === undefined)
            .map(({ identifier }) => missing(taskArn(account, cluster, nameOfArn(identifier)))),
        };
      },
    },
    StopTask: {
      authorize: (input) => [
        taskCheck('StopTask', requiredText(input, 'task', 'InvalidParameterException'), input),
      ],
      run(input) {
        const cluster = lookup.cluster(input).name;
        const task = lookup.task(cluster, requiredText(input, 'task', 'InvalidParameterException'));
        if (task === undefined) throw invalid('The referenced task was not found.');
        state.stopTask(task, 'UserInitiated', optionalText(input, 'reason') ?? 'Task stopped by user');
        return { task: taskShape(account, state, task) };
      },
    },
  };
}

function listedTasks(lookup: EcsLookup, input: Input): readonly TaskState[] {
  const cluster = lookup.cluster(input);
  const service =
    optionalText(input, 'serviceName') === undefined ? undefined : lookup.service(input, 'serviceName');
  const family = optionalText(input, 'family');
  const startedBy = optionalText(input, 'startedBy');
  const desiredStatus = optionalText(input, 'desiredStatus') ?? 'RUNNING';
  if (!['RUNNING', 'PENDING', 'STOPPED'].includes(desiredStatus))
    throw invalid(`desiredStatus should be one of [PENDING,RUNNING,STOPPED]`);
  return lookup.state.tasks
    .filter((task) => task.cluster === cluster.name && task.desiredStatus === desiredStatus)
    .filter((task) => service === undefined || task.service === service.name)
    .filter((task) => family === undefined || task.definition.family === family)
    .filter((task) => startedBy === undefined || task.deploymentId === startedBy);
}

function describedTasks(input: Input): readonly string[] {
  const tasks = textList(input, 'tasks');
  if (tasks.length === 0) throw invalid('Tasks cannot be empty.');
  if (tasks.length > MAX_DESCRIBED) throw invalid(`Tasks can have at most ${MAX_DESCRIBED} items.`);
  return tasks;
}

function taskDefinitionOperations({ account, state }: EcsLookup): Operations {
  return {
    DescribeTaskDefinition: {
      authorize: () => [{ action: 'ecs:DescribeTaskDefinition', resource: '*' }],
      run(input) {
        const name = nameOfArn(requiredText(input, 'taskDefinition', 'ClientException'));
        const definition = state.definition(name);
        if (definition === undefined)
          throw new AwsError('ClientException', 'Unable to describe task definition.');
        return { taskDefinition: taskDefinitionShape(account, definition), tags: [] };
      },
    },
    ListTaskDefinitions: {
      authorize: () => [{ action: 'ecs:ListTaskDefinitions', resource: '*' }],
      run(input) {
        const family = optionalText(input, 'familyPrefix');
        const arns = state.definitions
          .filter((definition) => family === undefined || definition.family === family)
          .map((definition) => taskDefinitionArn(account, definitionName(definition)))
          .sort();
        const page = listPage(arns, input, MAX_PAGE);
        return { taskDefinitionArns: page.items, nextToken: page.next };
      },
    },
  };
}

const missing = (arn: string): unknown => ({ arn, reason: 'MISSING' });

function listPage<T>(items: readonly T[], input: Input, defaultSize: number) {
  const size = optionalCount(input, 'maxResults') ?? defaultSize;
  if (size < 1 || size > MAX_PAGE) throw invalid(`maxResults must be between 1 and ${MAX_PAGE}.`);
  return paginate(items, optionalText(input, 'nextToken'), size, 'InvalidParameterException');
}
