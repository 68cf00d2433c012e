import { quoteWord } from '../../core/shell-words.ts';
import type { Change, DefinitionChanges } from '../../diagnose/change.ts';
import type { CommandLines } from '../advice/command-lines.ts';

/** A changed task definition as a command: the description of the present revision, edited by jq, is registered anew. */

/** Members that DescribeTaskDefinition returns and RegisterTaskDefinition refuses. */
const READ_ONLY = [
  'taskDefinitionArn',
  'revision',
  'status',
  'requiresAttributes',
  'compatibilities',
  'registeredAt',
  'registeredBy',
  'deregisteredAt',
];

/**
 * A pipeline of the AWS CLI and jq, because RegisterTaskDefinition needs the whole definition without the members
 * that AWS adds.
 */
export function registerDefinition(
  { taskDefinition, changes }: Extract<Change, { readonly kind: 'register-task-definition' }>,
  lines: CommandLines,
): { readonly command: string; readonly terraform: string } {
  const filter = [
    `del(${READ_ONLY.map((name) => `.${name}`).join(',')})`,
    ...(changes.taskRole === undefined ? [] : [`.taskRoleArn=${JSON.stringify(changes.taskRole)}`]),
    ...(changes.removePidMode === true ? ['del(.pidMode)'] : []),
    ...(changes.containers ?? []).map(containerFilter),
  ].join('|');
  const described = lines.aws(
    `ecs describe-task-definition --task-definition ${quoteWord(taskDefinition)} --query taskDefinition --output json`,
  );
  return {
    command: lines.aws(
      `ecs register-task-definition --cli-input-json "$(${described} | jq -c ${quoteWord(filter)})"`,
    ),
    terraform: terraformOf(changes),
  };
}

function containerFilter(container: NonNullable<DefinitionChanges['containers']>[number]): string {
  const { name, readonlyRoot, initProcess, removeVariables, addVariable } = container;
  const kept = `map(select(.name as $n|${JSON.stringify(removeVariables ?? [])}|index($n)|not))`;
  const steps = [
    ...(readonlyRoot === false ? ['.readonlyRootFilesystem=false'] : []),
    ...(initProcess === true ? ['.linuxParameters.initProcessEnabled=true'] : []),
    ...(removeVariables === undefined
      ? []
      : [`.environment|=((.//[])|${kept})`, `.secrets|=((.//[])|${kept})`]),
    ...(addVariable === undefined ? [] : [`.environment+=[${JSON.stringify(addVariable)}]`]),
  ];
  return `.containerDefinitions|=map(if .name==${JSON.stringify(name)} then ${steps.join('|')} else . end)`;
}

function terraformOf({ taskRole, removePidMode, containers = [] }: DefinitionChanges): string {
  return [
    ...(taskRole === undefined ? [] : [`aws_ecs_task_definition.task_role_arn = "${taskRole}"`]),
    ...(removePidMode === true ? ['aws_ecs_task_definition.pid_mode removed'] : []),
    ...containers.flatMap(({ name, readonlyRoot, initProcess, removeVariables, addVariable }) => [
      ...(readonlyRoot === false ? [`${name}: readonlyRootFilesystem = false`] : []),
      ...(initProcess === true ? [`${name}: linuxParameters = { initProcessEnabled = true }`] : []),
      ...(removeVariables === undefined
        ? []
        : [`${name}: environment and secrets without ${removeVariables.join(', ')}`]),
      ...(addVariable === undefined
        ? []
        : [`${name}: environment with { name = "${addVariable.name}", value = "${addVariable.value}" }`]),
    ]),
  ].join('; ');
}
