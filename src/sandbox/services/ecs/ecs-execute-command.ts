import { nameOfArn } from '../../../core/arn.ts';
import { type AuthorizationCheck, AwsError, type Machine, type Operation } from '../../contracts.ts';
import { hexId } from '../../gateway/identifiers.ts';
import type { Sessions } from '../../gateway/session-plan.ts';
import type { RandomBytes } from '../../random.ts';
import { taskRoleName } from './ecs-connectivity.ts';
import { type EcsLookup, tagContext } from './ecs-lookup.ts';
import { clusterArn, containerArn, targetOf, taskArn } from './ecs-names.ts';
import type { ClusterState, ContainerState, TaskState } from './ecs-model.ts';
import { optionalFlag, optionalText, requiredText } from '../members.ts';

export interface ExecuteCommandDeps {
  readonly lookup: EcsLookup;
  machine(task: TaskState, container: ContainerState): Machine;
  readonly sessions: Sessions;
  readonly randomBytes: RandomBytes;
  readonly demandedKmsKeyId: string | undefined;
  isConnected(task: TaskState, container: ContainerState): boolean;
}

type Input = Readonly<Record<string, unknown>>;

const NOT_ENABLED =
  'The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.';
const NOT_CONNECTED = 'The execute command failed due to an internal error. Try again later.';
const DOCUMENT = 'AmazonECS-ExecuteInteractiveCommand';
const SESSION_ID_DIGITS = 17;

const invalid = (message: string): AwsError => new AwsError('InvalidParameterException', message);

/**
 * ecs:ExecuteCommand: starts a session under ECS's own role, so the caller needs no ssm:StartSession
 * (docs/reference/ecs-exec.md §7).
 */
export function executeCommandOperation(deps: ExecuteCommandDeps): Operation {
  return {
    authorize: (input) => checks(deps.lookup, input),
    run(input, call) {
      const { account } = deps.lookup;
      const command = requiredText(input, 'command', 'InvalidParameterException');
      if (optionalFlag(input, 'interactive') !== true)
        throw invalid('Interactive is the only mode supported currently.');
      const cluster = deps.lookup.cluster(input);
      const task = deps.lookup.task(cluster.name, requiredText(input, 'task', 'InvalidParameterException'));
      if (task === undefined) throw invalid('The task provided in the request was not found.');
      const container = chosenContainer(task, optionalText(input, 'container'));
      const runtimeId = container.runtimeId;
      if (
        runtimeId === undefined ||
        !task.execEnabled ||
        task.lastStatus !== 'RUNNING' ||
        container.agent !== 'RUNNING'
      )
        throw invalid(NOT_ENABLED);
      if (!deps.isConnected(task, container))
        throw new AwsError('TargetNotConnectedException', NOT_CONNECTED);
      const session = deps.sessions.open({
        sessionId: `ecs-execute-command-${hexId(deps.randomBytes, SESSION_ID_DIGITS)}`,
        target: targetOf(cluster.name, task.id, runtimeId),
        machine: deps.machine(task, container),
        plan: { type: 'InteractiveCommands', command },
        kmsKeyId: keyOf(cluster, deps),
        ...(cluster.logging === undefined ? {} : { logging: cluster.logging }),
        roleName: taskRoleName(task),
        documentName: DOCUMENT,
        reason: undefined,
        owner: call.principal,
      });
      return {
        clusterArn: clusterArn(account, cluster.name),
        containerArn: containerArn(account, cluster.name, task.id, container.id),
        containerName: container.name,
        interactive: true,
        session,
        taskArn: taskArn(account, cluster.name, task.id),
      };
    },
  };
}

const keyOf = (cluster: ClusterState, deps: ExecuteCommandDeps): string | undefined =>
  cluster.kmsKeyId ?? deps.demandedKmsKeyId;

/**
 * A container name that the task does not have gets the same answer as an agent that does not run
 * (docs/reference/ecs-exec.md §8).
 */
function chosenContainer(task: TaskState, name: string | undefined): ContainerState {
  const [only, ...others] = task.containers;
  if (name === undefined && others.length > 0)
    throw invalid('Container name must be specified for a task with more than one container.');
  const container = name === undefined ? only : task.containers.find((item) => item.name === name);
  if (container === undefined) throw invalid(NOT_ENABLED);
  return container;
}

/** The checks on the cluster and on the task, each with its own tags. */
function checks(lookup: EcsLookup, input: Input): readonly AuthorizationCheck[] {
  const { account, state } = lookup;
  const name = lookup.clusterName(input);
  const id = nameOfArn(requiredText(input, 'task', 'InvalidParameterException'));
  const task = state.task(name, id);
  const container = optionalText(input, 'container') ?? task?.containers[0]?.name;
  const arn = taskArn(account, name, id);
  const context = {
    'ecs:cluster': clusterArn(account, name),
    'ecs:task': arn,
    ...(container === undefined ? {} : { 'ecs:container-name': container }),
  };
  const action = 'ecs:ExecuteCommand';
  return [
    {
      action,
      resource: clusterArn(account, name),
      context: { ...context, ...tagContext(state.cluster(name)?.tags ?? []) },
    },
    {
      action,
      resource: arn,
      context: { ...context, ...tagContext(task === undefined ? [] : task.tags) },
    },
  ];
}
