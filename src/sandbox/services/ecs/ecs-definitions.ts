import { nameOfArn } from '../../../core/arn.ts';
import { type AuthorizationCheck, AwsError, type Operations } from '../../contracts.ts';
import type { SeedContainerDefinition } from '../../seed-shapes.ts';
import {
  optionalCount,
  optionalFlag,
  optionalText,
  requiredText,
  structList,
  textList,
  textMap,
} from '../members.ts';
import { type EcsLookup, listPage, MAX_PAGE, requestTags, structOf } from './ecs-lookup.ts';
import { definitionName, type DefinitionState, type Fields } from './ecs-model.ts';
import { taskDefinitionArn } from './ecs-names.ts';
import { taskDefinitionShape } from './ecs-shapes.ts';

/** Task definitions for Fargate: their revisions, and the members that the sandbox evaluates. */

const client = (message: string): AwsError => new AwsError('ClientException', message);

/** MiB of memory that Fargate offers for CPU units ("Task CPU and memory", Amazon ECS Developer Guide). */
const MEMORY: Readonly<Record<string, readonly [least: number, most: number]>> = {
  '256': [512, 2048],
  '512': [1024, 4096],
  '1024': [2048, 8192],
  '2048': [4096, 16_384],
  '4096': [8192, 30_720],
  '8192': [16_384, 61_440],
  '16384': [32_768, 122_880],
};

/** A caller that passes a role to a task needs `iam:PassRole` on it. */
export const passRoleChecks = (roles: readonly (string | undefined)[]): readonly AuthorizationCheck[] =>
  [...new Set(roles)].flatMap((role) =>
    role === undefined || role === ''
      ? []
      : [
          {
            action: 'iam:PassRole',
            resource: role,
            context: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' },
          },
        ],
  );

export function taskDefinitionOperations({ account, state }: EcsLookup): Operations {
  const answer = (definition: DefinitionState) => ({
    taskDefinition: taskDefinitionShape(account, state, definition),
    tags: (definition.tags ?? []).map(({ key, value }) => ({ key, value })),
  });
  const found = (input: Fields, refusal: string): DefinitionState => {
    const definition = state.definition(nameOfArn(requiredText(input, 'taskDefinition', 'ClientException')));
    if (definition === undefined) throw client(refusal);
    return definition;
  };
  return {
    RegisterTaskDefinition: {
      authorize(input, { principal }) {
        const family = requiredText(input, 'family', 'ClientException');
        const { context } = requestTags(input);
        const role = (member: string): string | undefined => {
          const name = optionalText(input, member);
          if (name === undefined || name === '' || name.startsWith('arn:')) return name;
          return `arn:aws:iam::${principal.accountId}:role/${name}`;
        };
        return [
          {
            action: 'ecs:RegisterTaskDefinition',
            resource: taskDefinitionArn(account, `${family}:${state.nextRevision(family)}`),
            context,
          },
          ...passRoleChecks([role('taskRoleArn'), role('executionRoleArn')]),
        ];
      },
      run(input, { principal }) {
        const parsed = parseDefinition(input);
        return answer(
          state.addDefinition({
            ...parsed,
            revision: state.nextRevision(parsed.family),
            registered: input,
            registeredAt: state.now,
            registeredBy: principal.arn,
            tags: requestTags(input).tags,
          }),
        );
      },
    },
    DeregisterTaskDefinition: {
      authorize: () => [{ action: 'ecs:DeregisterTaskDefinition', resource: '*' }],
      run(input) {
        const definition = found(input, 'The specified task definition does not exist.');
        state.deactivate(definition);
        return { taskDefinition: taskDefinitionShape(account, state, definition) };
      },
    },
    DescribeTaskDefinition: {
      authorize: () => [{ action: 'ecs:DescribeTaskDefinition', resource: '*' }],
      run(input) {
        const { taskDefinition, tags } = answer(found(input, 'Unable to describe task definition.'));
        return { taskDefinition, tags: textList(input, 'include').includes('TAGS') ? tags : [] };
      },
    },
    ListTaskDefinitions: {
      authorize: () => [{ action: 'ecs:ListTaskDefinitions', resource: '*' }],
      run(input) {
        const family = optionalText(input, 'familyPrefix');
        const active = (optionalText(input, 'status') ?? 'ACTIVE') === 'ACTIVE';
        const arns = state.definitions
          .filter((definition) => state.isActive(definition) === active)
          .filter((definition) => family === undefined || definition.family === family)
          .map((definition) => taskDefinitionArn(account, definitionName(definition)))
          .sort();
        const page = listPage(arns, input, MAX_PAGE);
        return { taskDefinitionArns: page.items, nextToken: page.next };
      },
    },
  };
}

type Parsed = Omit<DefinitionState, 'revision'>;

function parseDefinition(input: Fields): Parsed {
  const family = requiredText(input, 'family', 'ClientException');
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(family)) throw client('Family contains invalid characters.');
  const containers = structList(input, 'containerDefinitions').map(parseContainer);
  if (containers.length === 0) throw client('Container list cannot be empty.');
  if (new Set(containers.map(({ name }) => name)).size < containers.length)
    throw client('Container names must be unique within a task definition.');
  if (!containers.some(({ essential }) => essential))
    throw client('At least one container must be essential.');
  const cpu = optionalText(input, 'cpu');
  const memory = optionalText(input, 'memory');
  checkSize(cpu, memory);
  const networkMode = optionalText(input, 'networkMode');
  if (networkMode !== 'awsvpc') throw client('Fargate only supports network mode ‘awsvpc’.');
  const executionRoleArn = optionalText(input, 'executionRoleArn');
  if (executionRoleArn === undefined && containers.some(({ logGroup }) => logGroup !== undefined))
    throw client(
      'Fargate requires task definition to have execution role ARN to support log driver awslogs.',
    );
  if (executionRoleArn === undefined && containers.some(({ secretNames }) => secretNames.length > 0))
    throw client(
      "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    );
  return {
    family,
    cpu: cpu ?? '',
    memory: memory ?? '',
    taskRoleArn: optionalText(input, 'taskRoleArn'),
    executionRoleArn,
    containers,
  };
}

/** Checks the size. Fargate accepts CPU units or vCPU, and MiB or GB. */
function checkSize(cpu: string | undefined, memory: string | undefined): void {
  const units = /^([\d.]+)\s*vcpu$/i.exec(cpu ?? '')?.[1];
  const gigabytes = /^([\d.]+)\s*gb$/i.exec(memory ?? '')?.[1];
  const range = MEMORY[units === undefined ? (cpu ?? '') : String(Number(units) * 1024)];
  const size = gigabytes === undefined ? Number(memory ?? Number.NaN) : Number(gigabytes) * 1024;
  if (range === undefined || !(size >= range[0] && size <= range[1]))
    throw client('No Fargate configuration exists for given values.');
}

function parseContainer(input: Fields): SeedContainerDefinition {
  const name = requiredText(input, 'name', 'ClientException');
  const image = requiredText(input, 'image', 'ClientException');
  const entryPoint = textList(input, 'entryPoint');
  const secrets = structList(input, 'secrets').map(
    (item) =>
      [
        requiredText(item, 'name', 'ClientException'),
        requiredText(item, 'valueFrom', 'ClientException'),
      ] as const,
  );
  const log = structOf(input, 'logConfiguration');
  const options = textMap(log, 'options');
  const logGroup = optionalText(log, 'logDriver') === 'awslogs' ? options['awslogs-group'] : undefined;
  return {
    name,
    image,
    essential: optionalFlag(input, 'essential') ?? true,
    entryPoint,
    command: [...entryPoint, ...textList(input, 'command')],
    environment: Object.fromEntries(
      structList(input, 'environment').map((item) => [
        requiredText(item, 'name', 'ClientException'),
        optionalText(item, 'value') ?? '',
      ]),
    ),
    secretNames: secrets.map(([variable]) => variable),
    secretSources: Object.fromEntries(secrets),
    ports: structList(input, 'portMappings').flatMap((item) => optionalCount(item, 'containerPort') ?? []),
    initProcess: optionalFlag(structOf(input, 'linuxParameters'), 'initProcessEnabled') ?? false,
    readonlyRoot: optionalFlag(input, 'readonlyRootFilesystem') ?? false,
    ...(logGroup === undefined ? {} : { logGroup }),
    ...(options['awslogs-stream-prefix'] === undefined
      ? {}
      : { logPrefix: options['awslogs-stream-prefix'] }),
    ...(options['awslogs-create-group'] === 'true' ? { createsLogGroup: true } : {}),
  };
}
