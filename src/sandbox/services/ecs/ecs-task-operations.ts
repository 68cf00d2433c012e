import { nameOfArn } from '../../../core/arn.ts';
import { type AuthorizationCheck, AwsError, type Operations } from '../../contracts.ts';
import { optionalCount, optionalFlag, optionalText, requiredText, textList } from '../members.ts';
import { passRoleChecks } from './ecs-definitions.ts';
import {
  type EcsLookup,
  invalid,
  listPage,
  MAX_PAGE,
  missing,
  networkOf,
  requestTags,
  structOf,
  tagContext,
} from './ecs-lookup.ts';
import { definitionName, type Fields, type TaskState } from './ecs-model.ts';
import { clusterArn, taskArn, taskDefinitionArn } from './ecs-names.ts';
import { taskShape } from './ecs-shapes.ts';
import type { TaskRunner } from './ecs-tasks.ts';

const MAX_DESCRIBED = 100;
const MAX_RUN = 10;

export function taskOperations(lookup: EcsLookup, tasks: TaskRunner): Operations {
  const { account, state } = lookup;
  const taskCheck = (action: string, identifier: string, input: Fields): AuthorizationCheck => {
    const cluster = lookup.clusterName(input);
    const id = nameOfArn(identifier);
    return lookup.check(action, taskArn(account, cluster, id), input, state.task(cluster, id)?.tags ?? []);
  };
  return {
    ListTasks: {
      authorize: (input) => [lookup.check('ListTasks', '*', input)],
      run(input) {
        const arns = listedTasks(lookup, input).map((task) => taskArn(account, task.cluster, task.id));
        const page = listPage(arns, input, MAX_PAGE);
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
    RunTask: {
      authorize(input) {
        const name = nameOfArn(requiredText(input, 'taskDefinition', 'InvalidParameterException'));
        const definition = state.definition(name);
        const { context } = requestTags(input);
        const exec = optionalFlag(input, 'enableExecuteCommand');
        return [
          {
            action: 'ecs:RunTask',
            resource: taskDefinitionArn(
              account,
              definition === undefined ? name : definitionName(definition),
            ),
            context: {
              'ecs:cluster': clusterArn(account, lookup.clusterName(input)),
              ...context,
              ...(exec === undefined ? {} : { 'ecs:enable-execute-command': String(exec) }),
              ...tagContext(definition?.tags ?? []),
            },
          },
          ...passRoleChecks([definition?.taskRoleArn, definition?.executionRoleArn]),
        ];
      },
      run: (input) => runTask(lookup, tasks, input),
    },
    StopTask: {
      authorize: (input) => [
        taskCheck('StopTask', requiredText(input, 'task', 'InvalidParameterException'), input),
      ],
      run(input) {
        const cluster = lookup.cluster(input).name;
        const task = lookup.task(cluster, requiredText(input, 'task', 'InvalidParameterException'));
        if (task === undefined) throw invalid('The referenced task was not found.');
        tasks.stop(task, 'UserInitiated', optionalText(input, 'reason') ?? 'Task stopped by user');
        return { task: taskShape(account, state, task) };
      },
    },
  };
}

function runTask(lookup: EcsLookup, tasks: TaskRunner, input: Fields): unknown {
  const { account, state } = lookup;
  const cluster = lookup.activeCluster(input).name;
  const definition = state.definition(
    nameOfArn(requiredText(input, 'taskDefinition', 'InvalidParameterException')),
  );
  if (definition === undefined) throw new AwsError('ClientException', 'TaskDefinition not found.');
  if (!state.isActive(definition)) throw new AwsError('ClientException', 'TaskDefinition is inactive');
  const network = networkOf(state, input);
  if (network === undefined)
    throw invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  const count = optionalCount(input, 'count') ?? 1;
  if (count < 1 || count > MAX_RUN) throw invalid(`Count must be between 1 and ${MAX_RUN}.`);
  const overrides = input['overrides'] === undefined ? undefined : structOf(input, 'overrides');
  const execEnabled = optionalFlag(input, 'enableExecuteCommand') ?? false;
  if (execEnabled && (definition.taskRoleArn ?? '') === '')
    throw invalid(
      "The task couldn't be started because a valid taskRoleArn is not being used. Specify a valid task role in your task definition and try again.",
    );
  const started = Array.from({ length: count }, () =>
    tasks.start({
      cluster,
      startedBy: optionalText(input, 'startedBy'),
      group: optionalText(input, 'group') ?? `family:${definition.family}`,
      definition,
      execEnabled,
      ...network,
      tags: requestTags(input).tags,
      overrides,
    }),
  );
  return { tasks: started.map((task) => taskShape(account, state, task)), failures: [] };
}

function listedTasks(lookup: EcsLookup, input: Fields): readonly TaskState[] {
  const cluster = lookup.cluster(input);
  const service =
    optionalText(input, 'serviceName') === undefined ? undefined : lookup.service(input, 'serviceName');
  const family = optionalText(input, 'family');
  const startedBy = optionalText(input, 'startedBy');
  const desiredStatus = optionalText(input, 'desiredStatus') ?? 'RUNNING';
  if (!['RUNNING', 'PENDING', 'STOPPED'].includes(desiredStatus))
    throw invalid(`desiredStatus should be one of [PENDING,RUNNING,STOPPED]`);
  const candidates = service === undefined ? lookup.state.tasks : lookup.state.tasksOf(service);
  return candidates
    .filter((task) => task.cluster === cluster.name && task.desiredStatus === desiredStatus)
    .filter((task) => family === undefined || task.definition.family === family)
    .filter((task) => startedBy === undefined || task.startedBy === startedBy);
}

function describedTasks(input: Fields): readonly string[] {
  const tasks = textList(input, 'tasks');
  if (tasks.length === 0) throw invalid('Tasks cannot be empty.');
  if (tasks.length > MAX_DESCRIBED) throw invalid(`Tasks can have at most ${MAX_DESCRIBED} items.`);
  return tasks;
}
