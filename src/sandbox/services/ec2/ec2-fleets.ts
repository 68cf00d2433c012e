import { type ApiCall, type AuthorizationCheck, AwsError, type Operations } from '../../contracts.ts';
import {
  count,
  type Fields,
  flag,
  optionalText,
  requiredText,
  structure,
  structures,
  texts,
} from '../../wire/fields.ts';
import { createFleetChecks, runInstancesChecks } from './ec2-authorization.ts';
import { anyResource, selectPage, tagSet } from './ec2-describe.ts';
import { isRefusal, launch, type LaunchDeps, type LaunchExtras, poolOf } from './ec2-launcher.ts';
import { type LaunchPlan, planLaunch } from './ec2-launch-plan.ts';
import { checkVersion, templateOf } from './ec2-launch-templates.ts';
import type { LaunchRefusal, Pool } from './ec2-market.ts';
import { tagsFor, tagSpecifications, type TagsByType } from './ec2-request-tags.ts';
import type { Ec2State, Fleet, Instance, LaunchTemplate } from './ec2-state.ts';
import type { Idempotency } from '../idempotency.ts';
import { resourceTagContext } from '../tags.ts';

/**
 * EC2 Fleet of type `instant`: one synchronous attempt, answered with HTTP 200 whether or not instances were
 * launched.
 */

export interface FleetDeps extends LaunchDeps {
  readonly idempotency: Idempotency;
  /** The iam:PassRole checks for the instance profiles of these plans. */
  passRoleChecks(plans: readonly LaunchPlan[]): readonly AuthorizationCheck[];
}

const MAX_INSTANT_PER_DELETE = 25;

/** One override with its template; `plan` is missing if EC2 would refuse its form. */
interface Candidate {
  readonly template: LaunchTemplate;
  readonly override: Fields;
  readonly plan: LaunchPlan | undefined;
  readonly refusal: LaunchRefusal | undefined;
}

export function fleetOperations(deps: FleetDeps): Operations {
  const { state } = deps;
  return {
    CreateFleet: {
      authorize: (input) => {
        const tags = requestTags(input);
        const plans = candidates(state, input).flatMap(({ plan }) => (plan === undefined ? [] : [plan]));
        return [
          ...createFleetChecks(state, plans, tags),
          ...runInstancesChecks(state, plans, tags, 'CreateFleet'),
          ...deps.passRoleChecks(plans),
        ];
      },
      run: (input, call) => deps.idempotency.once(call.action, input, () => createFleet(deps, input, call)),
    },
    DescribeFleets: {
      authorize: () => anyResource('DescribeFleets'),
      run: (input) => describeFleets(state, input),
    },
    DeleteFleets: {
      authorize: (input) =>
        texts(input, 'FleetId').flatMap((id) => {
          const fleet = state.fleets.get(id);
          return [
            {
              action: 'ec2:DeleteFleets',
              resource: state.arn('fleet', id),
              context: {
                ...resourceTagContext(fleet?.tags ?? new Map<string, string>(), 'ec2'),
                'ec2:Region': state.region,
              },
            },
          ];
        }),
      run: (input) => deleteFleets(deps, input),
    },
  };
}

const requestTags = (input: Fields): TagsByType => tagSpecifications(input, ['fleet', 'instance', 'volume']);

function marketOf(input: Fields): Pool['market'] {
  const capacity = structure(input, 'TargetCapacitySpecification') ?? {};
  const total = count(capacity, 'TotalTargetCapacity') ?? 0;
  const spot = count(capacity, 'SpotTargetCapacity') ?? 0;
  const onDemand = count(capacity, 'OnDemandTargetCapacity') ?? 0;
  if (spot + onDemand > total) {
    throw new AwsError('InvalidParameterValue', 'TotalTargetCapacity is less than its parts');
  }
  if (spot > 0) return 'spot';
  if (onDemand > 0) return 'on-demand';
  return optionalText(capacity, 'DefaultTargetCapacityType') === 'spot' ? 'spot' : 'on-demand';
}

/** Every pool that the request names, in its order. Throws AwsError for a request that EC2 refuses as a whole. */
function candidates(state: Ec2State, input: Fields): readonly Candidate[] {
  const type = optionalText(input, 'Type') ?? 'maintain';
  if (type !== 'instant') {
    throw new AwsError('UnsupportedOperation', `the sandbox knows fleets of type instant only, not ${type}`);
  }
  const market = marketOf(input);
  const tags = requestTags(input);
  const configs = structures(input, 'LaunchTemplateConfigs');
  if (configs.length === 0) {
    throw new AwsError('MissingParameter', 'The request must contain the parameter LaunchTemplateConfigs');
  }
  return configs.flatMap((config) => {
    const specification = structure(config, 'LaunchTemplateSpecification') ?? {};
    const template = templateOf(state, specification);
    checkVersion(template, optionalText(specification, 'Version'));
    const overrides = structures(config, 'Overrides');
    return (overrides.length === 0 ? [{}] : overrides).map((override) =>
      candidate(state, template, override, market, tags),
    );
  });
}

function candidate(
  state: Ec2State,
  template: LaunchTemplate,
  override: Fields,
  market: Pool['market'],
  tags: TagsByType,
): Candidate {
  const over = Object.fromEntries(
    ['InstanceType', 'SubnetId', 'ImageId', 'Placement', 'BlockDeviceMapping']
      .filter((name) => override[name] !== undefined)
      .map((name) => [name, override[name]]),
  );
  const maxPrice = optionalText(override, 'MaxPrice');
  try {
    const plan = planLaunch(state, {
      data: { ...template.data, ...over },
      template,
      market,
      maxPrice: maxPrice === undefined ? undefined : Number(maxPrice),
      tags,
    });
    return { template, override, plan, refusal: undefined };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return { template, override, plan: undefined, refusal: { code: error.code, message: error.message } };
  }
}

function createFleet(deps: FleetDeps, input: Fields, call: ApiCall): Fields {
  const { state } = deps;
  const market = marketOf(input);
  const wanted = count(structure(input, 'TargetCapacitySpecification') ?? {}, 'TotalTargetCapacity') ?? 0;
  if (wanted < 1)
    throw new AwsError('InvalidParameterValue', `TotalTargetCapacity ${wanted} is not positive`);
  const fleetId = `fleet-${state.ids.uuid()}`;
  const ordered = inOrder(deps, input, market, candidates(state, input));
  const extras = {
    fleetId,
    clientToken: optionalText(input, 'ClientToken'),
    principal: call.principal,
  };
  const members: Fields[] = [];
  const errors: Fields[] = [];
  const instanceIds: string[] = [];
  for (const pool of ordered) {
    const missing = wanted - instanceIds.length;
    if (missing === 0) break;
    const { instances, refusal } = launchFrom(deps, pool, missing, extras);
    if (instances.length > 0) members.push(instanceMembers(pool, market, instances));
    instanceIds.push(...instances.map((instance) => instance.id));
    if (refusal !== undefined) errors.push(errorMembers(pool, market, refusal));
  }
  state.fleets.set(fleetId, {
    id: fleetId,
    tags: tagsFor(requestTags(input), 'fleet'),
    createdAt: state.now,
    clientToken: extras.clientToken,
    request: input,
    instanceIds,
    errors,
    instances: members,
    state: 'active',
  });
  return { fleetId, errorSet: errors, fleetInstanceSet: members };
}

/** Launches as many instances as the pool allows, and returns why it allows no more. */
function launchFrom(
  deps: FleetDeps,
  pool: Candidate,
  wanted: number,
  extras: LaunchExtras,
): { readonly instances: readonly Instance[]; readonly refusal: LaunchRefusal | undefined } {
  if (pool.plan === undefined) return { instances: [], refusal: pool.refusal };
  const instances: Instance[] = [];
  while (instances.length < wanted) {
    const result = launch(deps, pool.plan, extras);
    if (isRefusal(result)) return { instances, refusal: result };
    instances.push(result);
  }
  return { instances, refusal: undefined };
}

/**
 * The order in which pools are tried. Capacity is scripted, so every capacity-optimized strategy sorts by price and
 * then by position in the list.
 */
function inOrder(
  deps: FleetDeps,
  input: Fields,
  market: Pool['market'],
  pools: readonly Candidate[],
): readonly Candidate[] {
  const options = structure(input, market === 'spot' ? 'SpotOptions' : 'OnDemandOptions') ?? {};
  const strategy = optionalText(options, 'AllocationStrategy') ?? 'lowest-price';
  const price = ({ plan }: Candidate): number =>
    plan === undefined ? Number.POSITIVE_INFINITY : deps.market.price(poolOf(plan));
  const priority = ({ override }: Candidate): number =>
    Number(optionalText(override, 'Priority') ?? Number.MAX_SAFE_INTEGER);
  switch (strategy) {
    case 'price-capacity-optimized':
    case 'lowest-price':
      return [...pools].sort((a, b) => price(a) - price(b));
    case 'prioritized':
    case 'capacity-optimized-prioritized':
      return [...pools].sort((a, b) => priority(a) - priority(b));
    case 'capacity-optimized':
    case 'diversified':
      return pools;
    default:
      throw new AwsError('InvalidParameterValue', `Invalid AllocationStrategy ${strategy}`);
  }
}

function poolMembers({ template, override, plan }: Candidate): Fields {
  return {
    launchTemplateSpecification: { launchTemplateId: template.id, version: '1' },
    overrides: {
      instanceType: plan?.type.name ?? optionalText(override, 'InstanceType'),
      maxPrice: optionalText(override, 'MaxPrice'),
      subnetId: plan?.subnet.id ?? optionalText(override, 'SubnetId'),
      availabilityZone: plan?.subnet.zone,
      imageId: optionalText(override, 'ImageId'),
    },
  };
}

const errorMembers = (pool: Candidate, market: Pool['market'], refusal: LaunchRefusal): Fields => ({
  launchTemplateAndOverrides: poolMembers(pool),
  lifecycle: market,
  errorCode: refusal.code,
  errorMessage: refusal.message,
});

const instanceMembers = (
  pool: Candidate,
  market: Pool['market'],
  instances: readonly Instance[],
): Fields => ({
  launchTemplateAndOverrides: poolMembers(pool),
  lifecycle: market,
  instanceIds: instances.map((instance) => instance.id),
  instanceType: pool.plan?.type.name,
});

/** Instant fleets are returned only when they are requested by id (EC2 API reference, DescribeFleets). */
function describeFleets(state: Ec2State, input: Fields): Fields {
  const asked = texts(input, 'FleetId').length > 0;
  const { items, next } = selectPage<Fleet>(
    {
      action: 'DescribeFleets',
      items: () => (asked ? state.visible(state.fleets).filter((fleet) => fleet.forgotten !== true) : []),
      tags: (fleet) => fleet.tags,
      ids: { parameter: 'FleetId', of: (fleet) => fleet.id, notFound: 'InvalidFleetId.NotFound' },
      minPage: 1,
      filters: {
        'fleet-state': (fleet) => fleet.state,
        'activity-status': () => 'fulfilled',
        type: () => 'instant',
        'replace-unhealthy-instances': () => false,
        'excess-capacity-termination-policy': () => 'no-termination',
      },
    },
    input,
  );
  return { fleetSet: items.map((fleet) => fleetMembers(fleet)), nextToken: next };
}

function fleetMembers(fleet: Fleet): Fields {
  const capacity = structure(fleet.request, 'TargetCapacitySpecification') ?? {};
  return {
    activityStatus: 'fulfilled',
    createTime: new Date(fleet.createdAt),
    fleetId: fleet.id,
    fleetState: fleet.state,
    clientToken: fleet.clientToken,
    fulfilledCapacity: fleet.instanceIds.length,
    fulfilledOnDemandCapacity: 0,
    targetCapacitySpecification: {
      totalTargetCapacity: optionalText(capacity, 'TotalTargetCapacity'),
      defaultTargetCapacityType: optionalText(capacity, 'DefaultTargetCapacityType') ?? 'on-demand',
    },
    launchTemplateConfigs: structures(fleet.request, 'LaunchTemplateConfigs').map(templateConfigMembers),
    terminateInstancesWithExpiration: false,
    type: 'instant',
    replaceUnhealthyInstances: false,
    tagSet: tagSet(fleet.tags),
    errorSet: fleet.errors,
    fleetInstanceSet: fleet.instances,
  };
}

const templateConfigMembers = (config: Fields): Fields => {
  const template = structure(config, 'LaunchTemplateSpecification') ?? {};
  return {
    launchTemplateSpecification: {
      launchTemplateId: optionalText(template, 'LaunchTemplateId'),
      launchTemplateName: optionalText(template, 'LaunchTemplateName'),
      version: optionalText(template, 'Version'),
    },
    overrides: structures(config, 'Overrides').map((override) => ({
      instanceType: optionalText(override, 'InstanceType'),
      subnetId: optionalText(override, 'SubnetId'),
      imageId: optionalText(override, 'ImageId'),
      priority: optionalText(override, 'Priority'),
    })),
  };
};

/** Deleting an instant fleet terminates its instances; it cannot keep them. */
function deleteFleets(deps: FleetDeps, input: Fields): Fields {
  const { state, lifecycle } = deps;
  const ids = texts(input, 'FleetId');
  requiredText(input, 'TerminateInstances');
  if (ids.length > MAX_INSTANT_PER_DELETE) {
    throw new AwsError(
      'InvalidParameterValue',
      `more than ${MAX_INSTANT_PER_DELETE} instant fleets in one call`,
    );
  }
  if (flag(input, 'TerminateInstances') === false && ids.some((id) => state.fleets.has(id))) {
    throw new AwsError(
      'InvalidParameterValue',
      'NoTerminateInstances option is not supported for instant fleets',
    );
  }
  const deleted: Fields[] = [];
  const refused: Fields[] = [];
  for (const fleetId of ids) {
    const fleet = state.fleets.get(fleetId);
    if (fleet === undefined || fleet.forgotten === true || !state.isVisible(fleet)) {
      const error = { code: 'fleetIdDoesNotExist', message: `The fleet ID '${fleetId}' does not exist` };
      refused.push({ error, fleetId });
      continue;
    }
    if (fleet.state !== 'active') {
      const error = {
        code: 'fleetNotInDeletableState',
        message: `The fleet '${fleetId}' is in state ${fleet.state}`,
      };
      refused.push({ error, fleetId });
      continue;
    }
    const living = fleet.instanceIds.flatMap((id): Instance[] => {
      const instance = state.instances.get(id);
      return instance === undefined || instance.state === 'terminated' ? [] : [instance];
    });
    fleet.state = living.length === 0 ? 'deleted' : 'deleted_terminating';
    for (const instance of living) lifecycle.terminate(instance, 'fleet-deleted');
    deleted.push({ currentFleetState: fleet.state, previousFleetState: 'active', fleetId });
  }
  return { successfulFleetDeletionSet: deleted, unsuccessfulFleetDeletionSet: refused };
}
