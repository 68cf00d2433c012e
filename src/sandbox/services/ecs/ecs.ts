import type { Clock } from '../../../core/clock.ts';
import type {
  AccessControl,
  ContainerHost,
  ContainerLaunch,
  Machine,
  NetworkPolicy,
  SandboxService,
  Timing,
} from '../../contracts.ts';
import type { Seed } from '../../seed-shapes.ts';
import type { Sessions } from '../../gateway/session-plan.ts';
import type { RandomBytes } from '../../random.ts';
import { kmsDescription } from '../kms/kms.ts';
import { logsDescription, type LogsService } from '../logs/logs.ts';
import { secretsManagerDescription, type SecretsManagerService } from '../secretsmanager/secretsmanager.ts';
import type { ServiceDescription } from '../service-description.ts';
import { clusterOperations } from './ecs-clusters.ts';
import { isAgentConnected, taskRoleName } from './ecs-connectivity.ts';
import { taskDefinitionOperations } from './ecs-definitions.ts';
import { executeCommandOperation } from './ecs-execute-command.ts';
import { EcsLookup } from './ecs-lookup.ts';
import { definitionName, type TaskState } from './ecs-model.ts';
import { type EcsAccount, taskArn } from './ecs-names.ts';
import { TaskPreparation } from './ecs-preparation.ts';
import { ServiceScheduler } from './ecs-scheduler.ts';
import { serviceOperations } from './ecs-services.ts';
import { EcsState } from './ecs-state.ts';
import { tagOperations } from './ecs-tags.ts';
import { taskOperations } from './ecs-task-operations.ts';
import { TaskRunner } from './ecs-tasks.ts';

export interface EcsDeps {
  readonly seed: Seed;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly timing: Timing;
  readonly access: AccessControl;
  /** Where the awslogs driver writes; absent = containers have no log. */
  readonly logs?: LogsService;
  /** Where containers get the values of their secrets; absent = they get placeholders. */
  readonly secrets?: SecretsManagerService;
  readonly network: NetworkPolicy;
  readonly sessions: Sessions;
  readonly containers: ContainerHost;
  /** Called when a task's network interface is up; the returned function is called when the interface is removed. */
  readonly onTaskStarted?: (containers: readonly ContainerLaunch[]) => () => void;
  /** The key that encrypts sessions into clusters without a key of their own. */
  readonly demandedKmsKeyId?: string;
}

/** The target of a session to a container, as SSM gets it from ECS. */
export interface TaskTarget {
  readonly taskArn: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly roleName: string | undefined;
  readonly isConnected: boolean;
  /** Undefined for a container that is not running. */
  machine(): Machine;
}

export interface EcsService extends SandboxService {
  /** Looks up a session target `ecs:<cluster>_<taskId>_<runtimeId>`; undefined if there is no such container. */
  findTarget(target: string): TaskTarget | undefined;
}

function createEcsService(deps: EcsDeps): EcsService {
  const account: EcsAccount = { region: deps.seed.region, accountId: deps.seed.accountId };
  const { seed, clock, randomBytes, timing, access } = deps;
  const state = new EcsState({ ...account, seed, clock, randomBytes });
  const preparation = new TaskPreparation({
    ...account,
    access,
    logs: deps.logs,
    secrets: deps.secrets,
    now: () => clock.now(),
  });
  const tasks = new TaskRunner({
    state,
    clock,
    randomBytes,
    timing,
    containers: deps.containers,
    preparation,
    onTaskStarted: deps.onTaskStarted,
    onTargetGone: (target) => deps.sessions.endTarget(target, ''),
  });
  const scheduler = new ServiceScheduler(state, tasks, timing);
  for (const task of state.adoptSeed()) {
    tasks.adopt(task);
    preparation.writeHistory(task);
  }
  const lookup = new EcsLookup(account, state);
  const isConnected = (task: TaskState, container: TaskState['containers'][number]): boolean =>
    isAgentConnected(deps, state, task, container);

  return {
    operations: {
      ...clusterOperations(lookup),
      ...serviceOperations(lookup, scheduler),
      ...taskOperations(lookup, tasks),
      ...taskDefinitionOperations(lookup),
      ...tagOperations(lookup),
      ExecuteCommand: executeCommandOperation({
        lookup,
        machine: (task, container) => tasks.machine(task, container),
        sessions: deps.sessions,
        randomBytes,
        demandedKmsKeyId: deps.demandedKmsKeyId,
        isConnected,
      }),
    },
    snapshot: () => snapshotOf(state),
    findTarget(target) {
      const found = state.findTarget(target);
      if (found === undefined) return undefined;
      const { task, container } = found;
      return {
        taskArn: taskArn(account, task.cluster, task.id),
        tags: Object.fromEntries(task.tags.map(({ key, value }) => [key, value])),
        roleName: taskRoleName(task),
        isConnected: isConnected(task, container),
        machine: () => tasks.machine(task, container),
      };
    },
    close: () => tasks.close(),
  };
}

/** Tasks of services are left out, because services start and stop them by themselves; so are deleted resources. */
function snapshotOf(state: EcsState): unknown {
  return {
    clusters: state.clusters.filter(({ status }) => status === 'ACTIVE').map(({ name }) => name),
    taskDefinitions: state.definitions
      .filter((definition) => definition.registered !== undefined && state.isActive(definition))
      .map(definitionName),
    services: state.services
      .filter(({ status }) => status !== 'INACTIVE')
      .map((service) => ({
        service: `${service.cluster}/${service.name}`,
        desiredCount: service.desiredCount,
        taskDefinition: definitionName(service.definition),
        enableExecuteCommand: service.execEnabled,
      })),
    tasks: state.tasks
      .filter((task) => task.service === undefined && task.lastStatus !== 'STOPPED')
      .map(({ id }) => id),
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
      logs: context.peer(logsDescription),
      secrets: context.peer(secretsManagerDescription),
      network: context.network,
      sessions: context.gateway.sessions,
      containers: context.world.containers,
      onTaskStarted: (containers) => context.world.taskStarted(containers),
      ...(context.demandEncryption ? { demandedKmsKeyId: context.peer(kmsDescription).defaultKeyArn } : {}),
    }),
};
