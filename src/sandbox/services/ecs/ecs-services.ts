import { nameOfArn } from '../../../core/arn.ts';
import { AwsError, type Operations } from '../../contracts.ts';
import { optionalCount, optionalFlag, optionalText, requiredText, textList } from '../members.ts';
import { pick } from './ecs-clusters.ts';
import {
  type EcsLookup,
  invalid,
  listPage,
  missing,
  networkOf,
  requestTags,
  SERVICES_PAGE,
} from './ecs-lookup.ts';
import type { DefinitionState, Fields, ServiceState } from './ecs-model.ts';
import { serviceArn } from './ecs-names.ts';
import type { ServiceScheduler } from './ecs-scheduler.ts';
import { serviceShape } from './ecs-shapes.ts';

const MAX_DESCRIBED_SERVICES = 10;
const taskRoleMissing = (verb: 'created' | 'updated'): AwsError =>
  invalid(
    `The service couldn't be ${verb} because a valid taskRoleArn is not being used. Specify a valid task role in your task definition and try again.`,
  );

/** Members of CreateService and UpdateService that the descriptions return unchanged. */
const KEPT = [
  'capacityProviderStrategy',
  'deploymentConfiguration',
  'deploymentController',
  'enableECSManagedTags',
  'healthCheckGracePeriodSeconds',
  'launchType',
  'loadBalancers',
  'placementConstraints',
  'placementStrategy',
  'platformVersion',
  'propagateTags',
  'role',
  'schedulingStrategy',
  'serviceConnectConfiguration',
  'serviceRegistries',
  'availabilityZoneRebalancing',
];

export function serviceOperations(lookup: EcsLookup, scheduler: ServiceScheduler): Operations {
  const { account, state } = lookup;
  const checkOn = (action: string, input: Fields, name: string, context: Fields = {}) => {
    const cluster = lookup.clusterName(input);
    const check = lookup.check(
      action,
      serviceArn(account, cluster, name),
      input,
      state.service(cluster, name)?.tags,
    );
    const more = Object.entries(context).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return { ...check, context: { ...check.context, ...Object.fromEntries(more) } };
  };
  const named = (input: Fields, member = 'service'): string =>
    nameOfArn(requiredText(input, member, 'InvalidParameterException'));
  return {
    ListServices: {
      authorize: (input) => [lookup.check('ListServices', '*', input)],
      run(input) {
        const cluster = lookup.cluster(input);
        const launchType = optionalText(input, 'launchType');
        const arns = state
          .servicesIn(cluster.name)
          .filter(({ status }) => status !== 'INACTIVE')
          .filter(() => launchType === undefined || launchType === 'FARGATE')
          .map((service) => serviceArn(account, cluster.name, service.name));
        const page = listPage(arns, input, SERVICES_PAGE);
        return { serviceArns: page.items, nextToken: page.next };
      },
    },
    DescribeServices: {
      authorize: (input) => describedServices(input).map((name) => checkOn('DescribeServices', input, name)),
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
    CreateService: {
      authorize(input) {
        const { context } = requestTags(input);
        const exec = optionalFlag(input, 'enableExecuteCommand');
        return [
          checkOn('CreateService', input, named(input, 'serviceName'), {
            ...context,
            'ecs:enable-execute-command': exec === undefined ? undefined : String(exec),
            'ecs:task-definition': optionalText(input, 'taskDefinition'),
          }),
        ];
      },
      run: (input, call) => createService(lookup, scheduler, input, call.principal.arn),
    },
    UpdateService: {
      authorize(input) {
        const exec = optionalFlag(input, 'enableExecuteCommand');
        return [
          checkOn('UpdateService', input, named(input), {
            'ecs:enable-execute-command': exec === undefined ? undefined : String(exec),
          }),
        ];
      },
      run: (input) => updateService(lookup, scheduler, input),
    },
    DeleteService: {
      authorize: (input) => [checkOn('DeleteService', input, named(input))],
      run(input) {
        const service = lookup.service(input);
        if (service.status !== 'ACTIVE') throw notActive();
        if (service.desiredCount > 0 && optionalFlag(input, 'force') !== true)
          throw invalid('The service cannot be stopped while it is scaled above 0.');
        scheduler.remove(service);
        return { service: serviceShape(account, state, service, []) };
      },
    },
  };
}

const notActive = (): AwsError => new AwsError('ServiceNotActiveException', 'Service was not ACTIVE.');

function definitionOf({ state }: EcsLookup, wanted: string): DefinitionState {
  const definition = state.definition(nameOfArn(wanted));
  if (definition === undefined)
    throw new AwsError('ClientException', `TaskDefinition not found: ${nameOfArn(wanted)}`);
  if (!state.isActive(definition)) throw new AwsError('ClientException', 'TaskDefinition is inactive');
  return definition;
}

function countOf(input: Fields): number | undefined {
  const desiredCount = optionalCount(input, 'desiredCount');
  if (desiredCount !== undefined && desiredCount < 0) throw invalid('desiredCount must not be negative.');
  return desiredCount;
}

function createService(
  lookup: EcsLookup,
  scheduler: ServiceScheduler,
  input: Fields,
  createdBy: string,
): unknown {
  const { account, state } = lookup;
  const cluster = lookup.activeCluster(input).name;
  const name = requiredText(input, 'serviceName', 'InvalidParameterException');
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(name)) throw invalid('Invalid service name.');
  const controller = optionalText((input['deploymentController'] ?? {}) as Fields, 'type') ?? 'ECS';
  if (controller !== 'ECS')
    throw invalid(`The sandbox deploys with the controller ECS only, not ${controller}.`);
  const definition = definitionOf(lookup, requiredText(input, 'taskDefinition', 'InvalidParameterException'));
  const execEnabled = optionalFlag(input, 'enableExecuteCommand') ?? false;
  if (execEnabled && (definition.taskRoleArn ?? '') === '') throw taskRoleMissing('created');
  const network = networkOf(state, input);
  if (network === undefined)
    throw invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  const known = state.service(cluster, name);
  if (known !== undefined && known.status !== 'INACTIVE')
    throw invalid(
      known.status === 'DRAINING'
        ? 'Unable to Start a service that is still Draining.'
        : 'Creation of service was not idempotent.',
    );
  const service: ServiceState = state.addService({
    name,
    cluster,
    createdAt: state.now,
    createdBy,
    ...network,
    tags: requestTags(input).tags,
    settings: { launchType: 'FARGATE', ...pick(input, KEPT) },
    status: 'ACTIVE',
    definition,
    desiredCount: countOf(input) ?? 0,
    execEnabled,
    deployments: [],
    events: [],
    isSteady: false,
  });
  scheduler.deploy(service);
  return { service: serviceShape(account, state, service, ['TAGS']) };
}

function updateService(lookup: EcsLookup, scheduler: ServiceScheduler, input: Fields): unknown {
  const { account, state } = lookup;
  const service = lookup.service(input);
  if (service.status !== 'ACTIVE') throw notActive();
  const wanted = optionalText(input, 'taskDefinition');
  const definition = wanted === undefined ? service.definition : definitionOf(lookup, wanted);
  const execEnabled = optionalFlag(input, 'enableExecuteCommand') ?? service.execEnabled;
  if (execEnabled && (definition.taskRoleArn ?? '') === '') throw taskRoleMissing('updated');
  const desiredCount = countOf(input);
  const network = networkOf(state, input);
  // Changing the flag starts no deployment: running tasks keep the value with which they started
  // (docs/reference/ecs-exec.md §1).
  service.execEnabled = execEnabled;
  service.settings = { ...service.settings, ...pick(input, KEPT) };
  Object.assign(service, network);
  const isNew = definition !== service.definition || network !== undefined;
  service.definition = definition;
  if (desiredCount !== undefined && desiredCount !== service.desiredCount)
    scheduler.scale(service, desiredCount);
  if (isNew || optionalFlag(input, 'forceNewDeployment') === true) scheduler.deploy(service);
  return { service: serviceShape(account, state, service, ['TAGS']) };
}

function describedServices(input: Fields): readonly string[] {
  const names = textList(input, 'services').map(nameOfArn);
  if (names.length === 0) throw invalid('Services cannot be empty.');
  if (names.length > MAX_DESCRIBED_SERVICES)
    throw invalid(`Services can have at most ${MAX_DESCRIBED_SERVICES} items.`);
  return names;
}
