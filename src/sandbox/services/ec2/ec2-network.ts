import { ipv4Range } from '../../../core/cidr.ts';
import { AwsError, type Operations } from '../../contracts.ts';
import { type Fields, requiredText } from '../../wire/fields.ts';
import { resourceTagContext } from '../tags.ts';
import { describeOperation, tagSet } from './ec2-describe.ts';
import type { Ec2State, Instance, NetworkInterface, Subnet, Vpc, VpcEndpoint } from './ec2-state.ts';

/** The attributes of every VPC of the sandbox. */
const VPC_ATTRIBUTES: Readonly<Record<string, boolean>> = {
  enableDnsSupport: true,
  enableDnsHostnames: true,
  enableNetworkAddressUsageMetrics: false,
};

function vpcOf(state: Ec2State, input: Fields): Vpc {
  const id = requiredText(input, 'VpcId');
  const vpc = state.visible(state.vpcs).find((candidate) => candidate.id === id);
  if (vpc === undefined) throw new AwsError('InvalidVpcID.NotFound', `The vpc ID '${id}' does not exist`);
  return vpc;
}

/** The read-only network: VPCs, subnets, endpoints, network interfaces. */
export function networkOperations(state: Ec2State): Operations {
  return {
    DescribeVpcAttribute: {
      authorize(input) {
        const { id, tags } = vpcOf(state, input);
        const context = { ...resourceTagContext(tags, 'ec2'), 'ec2:Region': state.region, 'ec2:VpcID': id };
        return [{ action: 'ec2:DescribeVpcAttribute', resource: state.arn('vpc', id), context }];
      },
      run(input) {
        const attribute = requiredText(input, 'Attribute');
        const value = VPC_ATTRIBUTES[attribute];
        if (value === undefined)
          throw new AwsError(
            'InvalidParameterValue',
            `Value (${attribute}) for parameter attribute is invalid.`,
          );
        return { vpcId: vpcOf(state, input).id, [attribute]: { value } };
      },
    },
    DescribeVpcs: describeOperation({
      action: 'DescribeVpcs',
      answer: 'vpcSet',
      items: () => state.visible(state.vpcs),
      tags: (vpc) => vpc.tags,
      ids: { parameter: 'VpcId', of: (vpc) => vpc.id, notFound: 'InvalidVpcID.NotFound' },
      filters: {
        'vpc-id': (vpc) => vpc.id,
        cidr: (vpc) => vpc.cidr,
        'cidr-block-association.cidr-block': (vpc) => vpc.cidr,
        'ipv6-cidr-block-association.ipv6-cidr-block': (vpc) => vpc.ipv6Cidr,
        'is-default': (vpc) => vpc.isDefault,
        state: () => 'available',
        'owner-id': (vpc) => vpc.ownerId,
      },
      shape: (vpc) => ({
        ownerId: vpc.ownerId,
        instanceTenancy: 'default',
        cidrBlockAssociationSet: [
          {
            associationId: vpc.id.replace('vpc', 'vpc-cidr-assoc'),
            cidrBlock: vpc.cidr,
            cidrBlockState: { state: 'associated' },
          },
        ],
        ipv6CidrBlockAssociationSet: ipv6Associations('vpc', vpc.id, vpc.ipv6Cidr),
        isDefault: vpc.isDefault,
        tagSet: tagSet(vpc.tags),
        vpcId: vpc.id,
        state: 'available',
        cidrBlock: vpc.cidr,
        dhcpOptionsId: 'default',
      }),
    }),
    DescribeSubnets: describeOperation<Subnet>({
      action: 'DescribeSubnets',
      answer: 'subnetSet',
      items: () => state.visible(state.subnets),
      tags: (subnet) => subnet.tags,
      ids: { parameter: 'SubnetId', of: (subnet) => subnet.id, notFound: 'InvalidSubnetID.NotFound' },
      filters: {
        'subnet-id': (subnet) => subnet.id,
        'vpc-id': (subnet) => subnet.vpcId,
        'availability-zone': (subnet) => subnet.zone,
        'availability-zone-id': (subnet) => zoneId(subnet.zone),
        'cidr-block': (subnet) => subnet.cidr,
        'map-public-ip-on-launch': (subnet) => subnet.mapPublicIp,
        'default-for-az': (subnet) => state.vpcs.get(subnet.vpcId)?.isDefault ?? false,
        state: () => 'available',
        'owner-id': (subnet) => state.ownerOf(subnet.vpcId),
      },
      shape: (subnet) => ({
        availabilityZoneId: zoneId(subnet.zone),
        mapCustomerOwnedIpOnLaunch: false,
        ownerId: state.ownerOf(subnet.vpcId),
        assignIpv6AddressOnCreation: subnet.ipv6?.only === true,
        ipv6CidrBlockAssociationSet: ipv6Associations('subnet', subnet.id, subnet.ipv6?.cidr),
        tagSet: tagSet(subnet.tags),
        subnetArn: state.arn('subnet', subnet.id),
        enableDns64: subnet.ipv6?.dns64 === true,
        ipv6Native: subnet.ipv6?.only === true,
        subnetId: subnet.id,
        state: 'available',
        vpcId: subnet.vpcId,
        cidrBlock: subnet.ipv6?.only === true ? undefined : subnet.cidr,
        availableIpAddressCount: freeAddresses(state, subnet),
        availabilityZone: subnet.zone,
        defaultForAz: state.vpcs.get(subnet.vpcId)?.isDefault ?? false,
        mapPublicIpOnLaunch: subnet.mapPublicIp,
      }),
    }),
    DescribeVpcEndpoints: describeOperation<VpcEndpoint>({
      action: 'DescribeVpcEndpoints',
      answer: 'vpcEndpointSet',
      items: () => state.visible(state.endpoints).filter((item) => !state.isOfAnotherAccount(item)),
      tags: (endpoint) => endpoint.tags,
      ids: {
        parameter: 'VpcEndpointId',
        of: (endpoint) => endpoint.id,
        notFound: 'InvalidVpcEndpointId.NotFound',
      },
      minPage: 1,
      filters: {
        'vpc-endpoint-id': (endpoint) => endpoint.id,
        'vpc-id': (endpoint) => endpoint.vpcId,
        'service-name': (endpoint) => serviceName(state, endpoint),
        'vpc-endpoint-type': (endpoint) => endpoint.type,
        'vpc-endpoint-state': () => 'available',
      },
      shape: (endpoint) => endpointMembers(state, endpoint),
    }),
    DescribeNetworkInterfaces: describeOperation<NetworkInterface>({
      action: 'DescribeNetworkInterfaces',
      answer: 'networkInterfaceSet',
      items: () => state.visible(state.interfaces),
      tags: (item) => item.tags,
      ids: {
        parameter: 'NetworkInterfaceId',
        of: (item) => item.id,
        notFound: 'InvalidNetworkInterfaceID.NotFound',
      },
      filters: {
        'network-interface-id': (item) => item.id,
        'subnet-id': (item) => item.subnetId,
        'vpc-id': (item) => state.subnets.get(item.subnetId)?.vpcId,
        'availability-zone': (item) => state.subnets.get(item.subnetId)?.zone,
        'group-id': (item) => item.groupIds,
        'attachment.instance-id': (item) => item.instanceId,
        'private-ip-address': (item) => item.privateIp,
        'ipv6-addresses.ipv6-address': (item) => item.ipv6Address,
        'addresses.private-ip-address': (item) => item.privateIp,
        'association.public-ip': (item) => item.publicIp,
        description: (item) => item.description,
        'requester-managed': (item) => item.requesterManaged,
        status: () => 'in-use',
      },
      shape: (item) => interfaceMembers(state, item),
    }),
  };
}

/** `eu-west-1a` → `euw1-az1`. */
export function zoneId(zone: string): string {
  const [area = '', direction = '', rest = ''] = zone.split('-');
  const letter = rest.slice(-1);
  return `${area}${direction.slice(0, 1)}${rest.slice(0, -1)}-az${letter.charCodeAt(0) - 96}`;
}

const ipv6Associations = (kind: string, id: string, ipv6CidrBlock: string | undefined): readonly Fields[] =>
  ipv6CidrBlock === undefined
    ? []
    : [
        {
          associationId: `${kind}-cidr-assoc-${id.slice(kind.length + 1)}`,
          ipv6CidrBlock,
          ipv6CidrBlockState: { state: 'associated' },
        },
      ];

/** AWS reserves five addresses of every subnet; an IPv6-only subnet has no IPv4 addresses to count. */
export function freeAddresses(state: Ec2State, subnet: Subnet): number {
  if (subnet.ipv6?.only === true) return 0;
  const size = ipv4Range(subnet.cidr)?.size ?? 0;
  const used = [...state.interfaces.values()].filter((item) => item.subnetId === subnet.id).length;
  return Math.max(0, size - 5 - used);
}

const serviceName = (state: Ec2State, endpoint: VpcEndpoint): string =>
  `com.amazonaws.${state.region}.${endpoint.service}`;

export const groupSet = (state: Ec2State, groupIds: readonly string[]): readonly Fields[] =>
  groupIds.map((id) => ({ groupId: id, groupName: state.groups.get(id)?.name }));

function endpointMembers(state: Ec2State, endpoint: VpcEndpoint): Fields {
  const isInterface = endpoint.type === 'Interface';
  const name = `${endpoint.service}.${state.region}`;
  return {
    vpcEndpointId: endpoint.id,
    vpcEndpointType: endpoint.type,
    vpcId: endpoint.vpcId,
    serviceName: serviceName(state, endpoint),
    state: 'available',
    routeTableIdSet: isInterface
      ? []
      : [...state.routeTables.values()]
          .filter((table) => table.vpcId === endpoint.vpcId)
          .map((table) => table.id),
    subnetIdSet: endpoint.subnetIds,
    groupSet: groupSet(state, endpoint.groupIds),
    privateDnsEnabled: endpoint.privateDns,
    ipAddressType: endpoint.ipAddressType,
    dnsOptions: { dnsRecordIpType: endpoint.ipAddressType },
    requesterManaged: false,
    policyDocument: JSON.stringify({
      Version: '2008-10-17',
      Statement: [{ Effect: 'Allow', Principal: '*', Action: endpoint.allowedActions ?? '*', Resource: '*' }],
    }),
    networkInterfaceIdSet: [...state.interfaces.values()]
      .filter((item) => item.description.endsWith(endpoint.id))
      .map((item) => item.id),
    dnsEntrySet: isInterface ? [{ dnsName: `${endpoint.id}.${name}.vpce.amazonaws.com` }] : [],
    tagSet: tagSet(endpoint.tags),
    ownerId: state.accountId,
  };
}

/** The address members of a network interface, and of an instance. */
export const addressMembers = (
  { privateIp, ipv6Address }: Pick<Instance, 'privateIp' | 'ipv6Address'>,
  association: Fields | undefined,
): Fields => ({
  privateIpAddress: privateIp,
  privateIpAddressesSet:
    privateIp === undefined ? [] : [{ association, primary: true, privateIpAddress: privateIp }],
  ipv6AddressesSet: ipv6Address === undefined ? [] : [{ ipv6Address, isPrimaryIpv6: false }],
});

function interfaceMembers(state: Ec2State, item: NetworkInterface): Fields {
  const subnet = state.subnets.get(item.subnetId);
  const association =
    item.publicIp === undefined ? undefined : { publicIp: item.publicIp, ipOwnerId: 'amazon' };
  return {
    association,
    attachment:
      item.instanceId === undefined
        ? undefined
        : {
            attachmentId: item.id.replace('eni', 'eni-attach'),
            deleteOnTermination: true,
            deviceIndex: 0,
            instanceId: item.instanceId,
            instanceOwnerId: state.accountId,
            status: 'attached',
          },
    availabilityZone: subnet?.zone,
    description: item.description,
    groupSet: groupSet(state, item.groupIds),
    interfaceType: item.requesterManaged ? 'vpc_endpoint' : 'interface',
    networkInterfaceId: item.id,
    ownerId: state.accountId,
    ...addressMembers(item, association),
    requesterManaged: item.requesterManaged,
    sourceDestCheck: true,
    status: 'in-use',
    subnetId: item.subnetId,
    tagSet: tagSet(item.tags),
    vpcId: subnet?.vpcId,
  };
}
