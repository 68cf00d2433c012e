import type { Operations } from '../../contracts.ts';
import type { Fields } from '../../wire/fields.ts';
import { describeOperation, tagSet } from './ec2-describe.ts';
import type { Ec2State, RouteTable } from './ec2-state.ts';

/** Route tables and gateways of a VPC, read-only. */
export function routeOperations(state: Ec2State): Operations {
  return {
    DescribeRouteTables: describeOperation<RouteTable>({
      action: 'DescribeRouteTables',
      answer: 'routeTableSet',
      items: () => state.visible(state.routeTables),
      tags: (table) => table.tags,
      ids: { parameter: 'RouteTableId', of: (table) => table.id, notFound: 'InvalidRouteTableID.NotFound' },
      filters: {
        'route-table-id': (table) => table.id,
        'vpc-id': (table) => table.vpcId,
        'association.subnet-id': (table) => table.subnetIds,
        'association.main': (table) => table.main,
        'association.route-table-id': (table) => table.id,
        'route.gateway-id': (table) => [table.gatewayId, table.ipv6GatewayId].flatMap((id) => id ?? []),
        'route.nat-gateway-id': (table) =>
          [table.natGatewayId, table.nat64GatewayId].flatMap((id) => id ?? []),
        'route.destination-ipv6-cidr-block': (table) =>
          ipv6Routes(table).map((route) => route.destinationIpv6CidrBlock),
        'owner-id': (table) => state.ownerOf(table.vpcId),
      },
      shape: (table) => routeTableMembers(state, table),
    }),
    // The sandbox has no peering connections.
    DescribeVpcPeeringConnections: describeOperation<never>({
      action: 'DescribeVpcPeeringConnections',
      answer: 'vpcPeeringConnectionSet',
      items: () => [],
      filters: { 'requester-vpc-info.vpc-id': () => undefined, 'accepter-vpc-info.vpc-id': () => undefined },
      shape: (nothing) => nothing,
    }),
    DescribeInternetGateways: describeOperation({
      action: 'DescribeInternetGateways',
      answer: 'internetGatewaySet',
      items: () => state.visible(state.internetGateways),
      tags: (gateway) => gateway.tags,
      ids: {
        parameter: 'InternetGatewayId',
        of: (gateway) => gateway.id,
        notFound: 'InvalidInternetGatewayID.NotFound',
      },
      filters: {
        'internet-gateway-id': (gateway) => gateway.id,
        'attachment.vpc-id': (gateway) => gateway.vpcId,
        'attachment.state': () => 'available',
      },
      shape: (gateway) => ({
        attachmentSet: [{ state: 'available', vpcId: gateway.vpcId }],
        internetGatewayId: gateway.id,
        ownerId: state.ownerOf(gateway.vpcId),
        tagSet: tagSet(gateway.tags),
      }),
    }),
    DescribeEgressOnlyInternetGateways: describeOperation({
      action: 'DescribeEgressOnlyInternetGateways',
      answer: 'egressOnlyInternetGatewaySet',
      items: () => state.visible(state.egressOnlyGateways),
      tags: (gateway) => gateway.tags,
      ids: {
        parameter: 'EgressOnlyInternetGatewayId',
        of: (gateway) => gateway.id,
        notFound: 'InvalidGatewayID.NotFound',
      },
      filters: {},
      shape: (gateway) => ({
        attachmentSet: [{ state: 'attached', vpcId: gateway.vpcId }],
        egressOnlyInternetGatewayId: gateway.id,
        tagSet: tagSet(gateway.tags),
      }),
    }),
    DescribeNatGateways: describeOperation({
      action: 'DescribeNatGateways',
      answer: 'natGatewaySet',
      items: () => state.visible(state.natGateways).filter((nat) => !state.isOfAnotherAccount(nat)),
      tags: (nat) => nat.tags,
      ids: { parameter: 'NatGatewayId', of: (nat) => nat.id, notFound: 'NatGatewayNotFound' },
      filters: {
        'nat-gateway-id': (nat) => nat.id,
        'vpc-id': (nat) => nat.vpcId,
        'subnet-id': (nat) => nat.subnetId,
        state: () => 'available',
      },
      shape: (nat) => ({
        natGatewayAddressSet: [
          { privateIp: nat.privateIp, publicIp: nat.publicIp, isPrimary: true, status: 'succeeded' },
        ],
        natGatewayId: nat.id,
        state: 'available',
        subnetId: nat.subnetId,
        vpcId: nat.vpcId,
        tagSet: tagSet(nat.tags),
        connectivityType: 'public',
      }),
    }),
  };
}

function routeTableMembers(state: Ec2State, table: RouteTable): Fields {
  const vpc = state.vpcs.get(table.vpcId);
  const association = (index: number, subnetId?: string): Fields => ({
    routeTableAssociationId: `${table.id.replace('rtb', 'rtbassoc').slice(0, -1)}${index.toString(16)}`,
    routeTableId: table.id,
    ...(subnetId === undefined ? {} : { subnetId }),
    main: subnetId === undefined,
    associationState: { state: 'associated' },
  });
  const created = { state: 'active', origin: 'CreateRoute' };
  const local = { gatewayId: 'local', state: 'active', origin: 'CreateRouteTable' };
  const everything = { destinationCidrBlock: '0.0.0.0/0', ...created };
  const prefixRoutes = [...state.endpoints.values()]
    .filter((endpoint) => endpoint.vpcId === table.vpcId && endpoint.type === 'Gateway')
    .map((endpoint) => ({
      destinationPrefixListId: endpoint.id.replace('vpce', 'pl'),
      gatewayId: endpoint.id,
      ...created,
    }));
  return {
    associationSet: [
      ...(table.main ? [association(0)] : []),
      ...table.subnetIds.map((subnetId, index) => association(index + 1, subnetId)),
    ],
    propagatingVgwSet: [],
    routeTableId: table.id,
    routeSet: [
      { destinationCidrBlock: vpc?.cidr, ...local },
      ...(vpc?.ipv6Cidr === undefined ? [] : [{ destinationIpv6CidrBlock: vpc.ipv6Cidr, ...local }]),
      ...(table.gatewayId === undefined ? [] : [{ ...everything, gatewayId: table.gatewayId }]),
      ...(table.natGatewayId === undefined ? [] : [{ ...everything, natGatewayId: table.natGatewayId }]),
      ...ipv6Routes(table).map((route) => ({ ...route, ...created })),
      ...prefixRoutes,
    ],
    tagSet: tagSet(table.tags),
    vpcId: table.vpcId,
    ownerId: state.ownerOf(table.vpcId),
  };
}

function ipv6Routes(table: RouteTable): readonly (Fields & { readonly destinationIpv6CidrBlock: string })[] {
  const { ipv6GatewayId: gatewayId, nat64GatewayId } = table;
  const target =
    gatewayId?.startsWith('eigw-') === true ? { egressOnlyInternetGatewayId: gatewayId } : { gatewayId };
  return [
    ...(gatewayId === undefined ? [] : [{ destinationIpv6CidrBlock: '::/0', ...target }]),
    ...(nat64GatewayId === undefined
      ? []
      : [{ destinationIpv6CidrBlock: '64:ff9b::/96', natGatewayId: nat64GatewayId }]),
  ];
}
