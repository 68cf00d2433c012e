import type * as sdk from '@aws-sdk/client-ec2';

import type {
  FleetOverride,
  FleetError,
  FleetResult,
  Instance,
  InstanceState,
  LaunchTemplate,
} from '../provision/ports/ec2.ts';
import type {
  GroupRule,
  Route,
  RouteTable,
  SecurityGroup,
  SecurityGroupRule,
  Subnet,
  Vpc,
  VpcEndpoint,
} from '../provision/ports/network.ts';
import type { TagFilter, Tags } from '../provision/ports/tags.ts';
import { nameOfArn } from '../core/arn.ts';
import { denialOf } from './denial.ts';

/** Converts EC2's types, in which every field may be absent, to ours and back. */

export const tagsOf = (tags: readonly sdk.Tag[] | undefined): Tags =>
  Object.fromEntries((tags ?? []).map((tag) => [tag.Key ?? '', tag.Value ?? '']));

export const tagList = (tags: Tags): sdk.Tag[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

export const tagSpecification = (ResourceType: sdk.ResourceType, tags: Tags): sdk.TagSpecification => ({
  ResourceType,
  Tags: tagList(tags),
});

export function tagFilters(tag: TagFilter | undefined): sdk.Filter[] {
  if (tag === undefined) return [];
  return tag.values === undefined
    ? [{ Name: 'tag-key', Values: [tag.key] }]
    : [{ Name: `tag:${tag.key}`, Values: [...tag.values] }];
}

/**
 * Uses a filter instead of an id parameter: then ids that do not exist are absent from the result instead of an error.
 */
export const idFilter = (name: string, ids: readonly string[] | undefined): sdk.Filter[] =>
  ids === undefined ? [] : [{ Name: name, Values: [...ids] }];

export const vpcOf = (vpc: sdk.Vpc): Vpc => ({
  id: vpc.VpcId ?? '',
  isDefault: vpc.IsDefault ?? false,
  tags: tagsOf(vpc.Tags),
  cidrs: [
    ...new Set(
      [vpc.CidrBlock, ...(vpc.CidrBlockAssociationSet ?? []).map((range) => range.CidrBlock)].flatMap(
        (cidr) => cidr ?? [],
      ),
    ),
  ],
  ipv6Cidrs: ipv6CidrsOf(vpc.Ipv6CidrBlockAssociationSet),
});

/** Leaves out ranges that are still being associated or disassociated. */
const ipv6CidrsOf = (
  associations: readonly (sdk.VpcIpv6CidrBlockAssociation | sdk.SubnetIpv6CidrBlockAssociation)[] | undefined,
): readonly string[] =>
  (associations ?? []).flatMap(({ Ipv6CidrBlock: cidr, Ipv6CidrBlockState: state }) =>
    cidr !== undefined && state?.State === 'associated' ? [cidr] : [],
  );

export const subnetOf = (subnet: sdk.Subnet): Subnet => ({
  id: subnet.SubnetId ?? '',
  vpcId: subnet.VpcId ?? '',
  ownerId: subnet.OwnerId,
  zone: subnet.AvailabilityZone ?? '',
  freeAddresses: subnet.AvailableIpAddressCount ?? 0,
  cidr: subnet.CidrBlock === '' ? undefined : subnet.CidrBlock,
  ipv6Cidr: ipv6CidrsOf(subnet.Ipv6CidrBlockAssociationSet)[0],
  dns64: subnet.EnableDns64 ?? false,
  tags: tagsOf(subnet.Tags),
});

function routeOf(route: sdk.Route): Route {
  const destination =
    route.DestinationCidrBlock ?? route.DestinationIpv6CidrBlock ?? route.DestinationPrefixListId ?? '';
  const blackhole = route.State === 'blackhole';
  const to = (target: Route['target'], targetId: string): Route => ({
    destination,
    target,
    targetId,
    blackhole,
  });
  if (route.NatGatewayId) return to('nat-gateway', route.NatGatewayId);
  if (route.TransitGatewayId) return to('transit-gateway', route.TransitGatewayId);
  if (route.EgressOnlyInternetGatewayId)
    return to('egress-only-internet-gateway', route.EgressOnlyInternetGatewayId);
  if (route.VpcPeeringConnectionId) return to('peering', route.VpcPeeringConnectionId);
  if (route.GatewayId === 'local') return to('local', 'local');
  if (route.GatewayId?.startsWith('igw-') === true) return to('internet-gateway', route.GatewayId);
  if (route.NetworkInterfaceId) return to('network-interface', route.NetworkInterfaceId);
  return to('other', route.GatewayId ?? route.CarrierGatewayId ?? route.LocalGatewayId ?? '');
}

export const routeTableOf = (table: sdk.RouteTable): RouteTable => ({
  id: table.RouteTableId ?? '',
  main: (table.Associations ?? []).some((association) => association.Main === true),
  subnetIds: (table.Associations ?? []).flatMap((association) =>
    association.SubnetId ? [association.SubnetId] : [],
  ),
  routes: (table.Routes ?? []).map(routeOf),
});

const ENDPOINT_TYPES: Readonly<Record<string, VpcEndpoint['type']>> = {
  Interface: 'Interface',
  Gateway: 'Gateway',
  GatewayLoadBalancer: 'GatewayLoadBalancer',
};

export const endpointOf = (endpoint: sdk.VpcEndpoint): VpcEndpoint => ({
  id: endpoint.VpcEndpointId ?? '',
  vpcId: endpoint.VpcId ?? '',
  service: endpoint.ServiceName?.split('.').at(-1) ?? '',
  type: ENDPOINT_TYPES[endpoint.VpcEndpointType ?? ''] ?? 'Gateway',
  state: (endpoint.State ?? '').toLowerCase(),
  privateDns: endpoint.PrivateDnsEnabled ?? false,
  addresses: addressesOf(endpoint),
  subnetIds: endpoint.SubnetIds ?? [],
  securityGroupIds: (endpoint.Groups ?? []).flatMap((group) => (group.GroupId ? [group.GroupId] : [])),
  policy: endpoint.PolicyDocument,
});

/**
 * An endpoint may have addresses of a family that its DNS records do not return; with `service-defined`, private names
 * resolve to IPv4.
 */
function addressesOf({ IpAddressType, DnsOptions }: sdk.VpcEndpoint): VpcEndpoint['addresses'] {
  const types = [IpAddressType ?? 'ipv4', DnsOptions?.DnsRecordIpType ?? 'dualstack'];
  const has = (...among: readonly string[]): boolean => types.every((type) => among.includes(type));
  return [
    ...(has('ipv4', 'dualstack', 'service-defined') ? (['ipv4'] as const) : []),
    ...(has('ipv6', 'dualstack') ? (['ipv6'] as const) : []),
  ];
}

/** One rule for each source of a permission. */
function rulesOf(permissions: readonly sdk.IpPermission[] | undefined): GroupRule[] {
  return (permissions ?? []).flatMap((permission) => {
    const all = permission.IpProtocol === '-1';
    const base = {
      protocol: permission.IpProtocol ?? '-1',
      fromPort: all ? 0 : (permission.FromPort ?? 0),
      toPort: all ? 65_535 : (permission.ToPort ?? 65_535),
    };
    return [
      ...(permission.IpRanges ?? []).map((range) => ({ ...base, cidr: range.CidrIp ?? '' })),
      ...(permission.Ipv6Ranges ?? []).map((range) => ({ ...base, cidr: range.CidrIpv6 ?? '' })),
      ...(permission.UserIdGroupPairs ?? []).map((pair) => ({ ...base, groupId: pair.GroupId ?? '' })),
      ...(permission.PrefixListIds ?? []).map((list) => ({ ...base, prefixListId: list.PrefixListId ?? '' })),
    ];
  });
}

export function permissionOf(rule: GroupRule, description?: string): sdk.IpPermission {
  const text = description === undefined ? {} : { Description: description };
  const ports = rule.protocol === '-1' ? {} : { FromPort: rule.fromPort, ToPort: rule.toPort };
  return {
    IpProtocol: rule.protocol,
    ...ports,
    ...(rule.cidr === undefined
      ? {}
      : rule.cidr.includes(':')
        ? { Ipv6Ranges: [{ CidrIpv6: rule.cidr, ...text }] }
        : { IpRanges: [{ CidrIp: rule.cidr, ...text }] }),
    ...(rule.groupId === undefined ? {} : { UserIdGroupPairs: [{ GroupId: rule.groupId, ...text }] }),
    ...(rule.prefixListId === undefined
      ? {}
      : { PrefixListIds: [{ PrefixListId: rule.prefixListId, ...text }] }),
  };
}

export const groupOf = (group: sdk.SecurityGroup): SecurityGroup => ({
  id: group.GroupId ?? '',
  name: group.GroupName ?? '',
  vpcId: group.VpcId ?? '',
  tags: tagsOf(group.Tags),
  ingress: rulesOf(group.IpPermissions),
  egress: rulesOf(group.IpPermissionsEgress),
});

export const groupRuleOf = (rule: sdk.SecurityGroupRule): SecurityGroupRule => ({
  id: rule.SecurityGroupRuleId ?? '',
  groupId: rule.GroupId ?? '',
  egress: rule.IsEgress ?? false,
  fromPort: rule.FromPort ?? 0,
  toPort: rule.ToPort ?? 65_535,
  sourceGroupId: rule.ReferencedGroupInfo?.GroupId,
  cidr: rule.CidrIpv4 ?? rule.CidrIpv6,
  tags: tagsOf(rule.Tags),
});

const STATES = new Set<string>(['pending', 'running', 'shutting-down', 'terminated', 'stopping', 'stopped']);
const isState = (name: string): name is InstanceState => STATES.has(name);

export function instanceOf(instance: sdk.Instance): Instance {
  const state = instance.State?.Name ?? 'pending';
  return {
    id: instance.InstanceId ?? '',
    state: isState(state) ? state : 'pending',
    type: instance.InstanceType ?? '',
    market: instance.InstanceLifecycle === 'spot' ? 'spot' : 'on-demand',
    vpcId: instance.VpcId ?? '',
    subnetId: instance.SubnetId ?? '',
    zone: instance.Placement?.AvailabilityZone ?? '',
    privateIp: instance.PrivateIpAddress ?? instance.Ipv6Address,
    publicIp: instance.PublicIpAddress,
    groupIds: (instance.SecurityGroups ?? []).flatMap((group) => group.GroupId ?? []),
    hasProfile: instance.IamInstanceProfile !== undefined,
    profileName:
      instance.IamInstanceProfile?.Arn === undefined ? undefined : nameOfArn(instance.IamInstanceProfile.Arn),
    launchedAt: instance.LaunchTime?.getTime() ?? 0,
    stateReason: instance.StateReason?.Code,
    stateMessage: instance.StateReason?.Message,
    tags: tagsOf(instance.Tags),
  };
}

export const launchTemplateOf = (template: sdk.LaunchTemplate): LaunchTemplate => ({
  id: template.LaunchTemplateId ?? '',
  name: template.LaunchTemplateName ?? '',
  createdAt: template.CreateTime?.getTime() ?? 0,
  tags: tagsOf(template.Tags),
});

/** Empty for a pool without type, subnet or image, which we would not have requested. */
export function poolOf(override: sdk.FleetLaunchTemplateOverrides): readonly FleetOverride[] {
  const { InstanceType, SubnetId, ImageId, Priority } = override;
  if (InstanceType === undefined || SubnetId === undefined || ImageId === undefined) return [];
  return [{ instanceType: InstanceType, subnetId: SubnetId, imageId: ImageId, priority: Priority ?? 0 }];
}

/** A fleet's refusals are texts of EC2, with the same wording as all other refusals. */
function denialIn(text: string): Pick<FleetError, 'denial' | 'message'> {
  const { message, action: _named, ...denial } = denialOf(text);
  return denial.deniedBy === undefined && denial.encoded === undefined ? { message } : { message, denial };
}

export const fleetResultOf = (result: sdk.CreateFleetResult): FleetResult => ({
  fleetId: result.FleetId,
  instanceIds: (result.Instances ?? []).flatMap((set) => set.InstanceIds ?? []),
  errors: (result.Errors ?? []).map((error) => ({
    code: error.ErrorCode ?? '',
    ...denialIn(error.ErrorMessage ?? ''),
    instanceType: error.LaunchTemplateAndOverrides?.Overrides?.InstanceType,
    subnetId: error.LaunchTemplateAndOverrides?.Overrides?.SubnetId,
  })),
});
