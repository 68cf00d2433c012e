import type { AuthorizationCheck } from '../../contracts.ts';
import { AMAZON } from './ec2-catalog.ts';
import type { LaunchPlan } from './ec2-launch-plan.ts';
import { onTemplate } from './ec2-launch-templates.ts';
import { createTagsCheck, tagsFor, type TagsByType } from './ec2-request-tags.ts';
import type { Ec2State, Instance } from './ec2-state.ts';
import { requestTagContext, resourceTagContext } from '../tags.ts';

/**
 * The resources for which a launch is authorized, by the Service Authorization Reference (docs/reference/iam.md §7).
 */

type Context = Record<string, string | readonly string[]>;

/** The checks of RunInstances for one or several plans of the same request; each check is listed once. */
export function runInstancesChecks(
  state: Ec2State,
  plans: readonly LaunchPlan[],
  fromRequest: TagsByType,
  requestAction: 'CreateFleet' | 'RunInstances',
): readonly AuthorizationCheck[] {
  const checks = plans.flatMap((plan) => [
    ...existingResources(state, plan, 'RunInstances'),
    ...snapshotAndGroups(state, plan),
    ...newResources(state, plan, 'RunInstances'),
    ...['instance', 'volume', 'network-interface', 'spot-instances-request']
      .filter((type) => type !== 'spot-instances-request' || plan.market === 'spot')
      .flatMap((type) =>
        createTagsCheck(
          state,
          type,
          tagsFor(plan.tags, type),
          fromRequest.has(type) ? requestAction : 'RunInstances',
        ),
      ),
  ]);
  return distinct(checks);
}

/** The checks of CreateFleet itself; the checks of the RunInstances calls that it makes are added to them. */
export function createFleetChecks(
  state: Ec2State,
  plans: readonly LaunchPlan[],
  tags: TagsByType,
): readonly AuthorizationCheck[] {
  const fleetTags = tagsFor(tags, 'fleet');
  return distinct([
    {
      action: 'ec2:CreateFleet',
      resource: state.arn('fleet', '*'),
      context: { ...requestTagContext(fleetTags), 'ec2:Region': state.region },
    },
    ...plans.flatMap((plan) => [
      ...existingResources(state, plan, 'CreateFleet'),
      ...newResources(state, plan, 'CreateFleet').filter(
        ({ resource }) => resource.includes(':instance/') || resource.includes(':volume/'),
      ),
    ]),
    ...createTagsCheck(state, 'fleet', fleetTags, 'CreateFleet'),
  ]);
}

/** Amazon's images have an alias instead of the account id. */
const ownerOf = ({ image }: LaunchPlan): string => (image.owner === AMAZON ? 'amazon' : image.owner);

function launchContext(state: Ec2State, plan: LaunchPlan): Context {
  return {
    'ec2:Region': state.region,
    ...(plan.template === undefined
      ? {}
      : {
          'ec2:LaunchTemplate': state.arn('launch-template', plan.template.id),
          'ec2:IsLaunchTemplateResource': 'true',
        }),
  };
}

/** Image, subnet, launch template. */
function existingResources(
  state: Ec2State,
  plan: LaunchPlan,
  action: 'RunInstances' | 'CreateFleet',
): readonly AuthorizationCheck[] {
  const context = launchContext(state, plan);
  return [
    {
      action: `ec2:${action}`,
      resource: state.arn('image', plan.image.id),
      context: {
        ...context,
        'ec2:Owner': ownerOf(plan),
        'ec2:ImageID': plan.image.id,
        'ec2:ImageType': 'machine',
        'ec2:Public': String(plan.image.owner === AMAZON),
        'ec2:RootDeviceType': 'ebs',
      },
    },
    {
      action: `ec2:${action}`,
      resource: state.arn('subnet', plan.subnet.id),
      context: {
        ...context,
        ...resourceTagContext(plan.subnet.tags, 'ec2'),
        'ec2:SubnetID': plan.subnet.id,
        'ec2:AvailabilityZone': plan.subnet.zone,
        'ec2:Vpc': state.arn('vpc', plan.subnet.vpcId),
      },
    },
    ...(plan.template === undefined ? [] : [onTemplate(state, action, plan.template)]),
  ];
}

function snapshotAndGroups(state: Ec2State, plan: LaunchPlan): readonly AuthorizationCheck[] {
  const context = launchContext(state, plan);
  const groups = plan.groupIds.flatMap((id) => {
    const group = state.groups.get(id);
    if (group === undefined) return [];
    return [
      {
        action: 'ec2:RunInstances',
        resource: state.arn('security-group', id),
        context: {
          ...context,
          ...resourceTagContext(group.tags, 'ec2'),
          'ec2:SecurityGroupID': id,
          'ec2:Vpc': state.arn('vpc', group.vpcId),
        },
      },
    ];
  });
  return [
    {
      action: 'ec2:RunInstances',
      resource: state.arn('snapshot', plan.image.snapshotId),
      context: { ...context, 'ec2:Owner': ownerOf(plan), 'ec2:VolumeSize': String(plan.image.volumeGiB) },
    },
    ...groups,
  ];
}

/** Instance, volume, network interface and spot request, each with the tags that it would get. */
function newResources(
  state: Ec2State,
  plan: LaunchPlan,
  action: 'RunInstances' | 'CreateFleet',
): readonly AuthorizationCheck[] {
  const context = launchContext(state, plan);
  const check = (type: string, more: Context): AuthorizationCheck => ({
    action: `ec2:${action}`,
    resource: state.arn(type, '*'),
    context: { ...context, ...requestTagContext(tagsFor(plan.tags, type)), ...more },
  });
  const zone = { 'ec2:AvailabilityZone': plan.subnet.zone };
  return [
    check('instance', {
      ...zone,
      'ec2:InstanceType': plan.type.name,
      'ec2:InstanceMarketType': plan.market,
      'ec2:MetadataHttpTokens': plan.metadata.httpTokens,
      'ec2:MetadataHttpPutResponseHopLimit': plan.metadata.hopLimit,
      'ec2:MetadataHttpEndpoint': plan.metadata.httpEndpoint,
      'ec2:RootDeviceType': 'ebs',
      'ec2:Tenancy': 'default',
      'ec2:EbsOptimized': 'false',
      ...(plan.profile?.field === 'arn' ? { 'ec2:InstanceProfile': plan.profile.value } : {}),
    }),
    check('volume', {
      ...zone,
      'ec2:Encrypted': String(plan.volume.encrypted),
      'ec2:VolumeSize': String(plan.volume.sizeGiB),
      'ec2:VolumeType': plan.volume.type,
    }),
    check('network-interface', {
      ...zone,
      'ec2:AssociatePublicIpAddress': String(plan.publicIp),
      'ec2:Subnet': state.arn('subnet', plan.subnet.id),
      'ec2:Vpc': state.arn('vpc', plan.subnet.vpcId),
    }),
    ...(plan.market === 'spot' ? [check('spot-instances-request', {})] : []),
  ];
}

export function onInstance(state: Ec2State, action: string, instance: Instance): AuthorizationCheck {
  return {
    action: `ec2:${action}`,
    resource: state.arn('instance', instance.id),
    context: {
      ...resourceTagContext(instance.tags, 'ec2'),
      'ec2:Region': state.region,
      'ec2:InstanceID': instance.id,
      'ec2:InstanceType': instance.instanceType,
      'ec2:AvailabilityZone': instance.zone,
      'ec2:InstanceMarketType': instance.spotRequestId === undefined ? 'on-demand' : 'spot',
      ...(instance.profile === undefined ? {} : { 'ec2:InstanceProfile': instance.profile.arn }),
    },
  };
}

function distinct(checks: readonly AuthorizationCheck[]): readonly AuthorizationCheck[] {
  return [...new Map(checks.map((check) => [JSON.stringify(check), check])).values()];
}
