import { createHash } from 'node:crypto';
import type { Seed, SeedRule, SeedTag } from '../contracts.ts';
import type { Ec2State, GroupRule } from './ec2-state.ts';
import type { Tags } from './tags.ts';

/** Fills a region's state from the seed: route tables, gateways and endpoint interfaces follow from the subnets. */
export function seedNetwork(state: Ec2State, seed: Seed): void {
  for (const vpc of seed.vpcs) {
    state.vpcs.set(vpc.id, { ...settled(vpc.id, vpc.tags), cidr: vpc.cidr, isDefault: vpc.isDefault });
    seedRoutes(state, seed, vpc.id);
  }
  for (const subnet of seed.subnets) {
    state.subnets.set(subnet.id, {
      ...settled(subnet.id, subnet.tags),
      vpcId: subnet.vpcId,
      zone: subnet.zone,
      cidr: subnet.cidr,
      mapPublicIp: subnet.mapPublicIp,
      route: subnet.route,
      ipv6: subnet.ipv6,
    });
  }
  for (const group of seed.securityGroups) {
    const rules = [
      ...group.ingress.map((rule, index) => seededRule(group.id, rule, false, index)),
      ...group.egress.map((rule, index) => seededRule(group.id, rule, true, index)),
    ];
    state.groups.set(group.id, {
      ...settled(group.id, group.tags),
      name: group.name,
      description: group.description,
      vpcId: group.vpcId,
      rules: new Map(rules.map((rule) => [rule.id, rule])),
    });
  }
  for (const endpoint of seed.endpoints) {
    state.endpoints.set(endpoint.id, {
      ...settled(endpoint.id, []),
      vpcId: endpoint.vpcId,
      service: endpoint.service,
      type: endpoint.type,
      subnetIds: endpoint.subnetIds,
      groupIds: endpoint.securityGroupIds,
      privateDns: endpoint.privateDns,
    });
    if (endpoint.type === 'Interface') seedEndpointInterfaces(state, seed, endpoint);
  }
}

function settled(id: string, tags: readonly SeedTag[]): { id: string; tags: Tags; createdAt: number } {
  return { id, tags: new Map(tags.map(({ key, value }) => [key, value])), createdAt: 0 };
}

/** Ids that follow from another resource's id, so that a seed always looks the same. */
const derived = (prefix: string, from: string, index = 0): string =>
  `${prefix}-${createHash('sha256').update(`${from}/${index}`).digest('hex').slice(0, 17)}`;

function seedRoutes(state: Ec2State, seed: Seed, vpcId: string): void {
  const subnets = seed.subnets.filter((subnet) => subnet.vpcId === vpcId);
  const publicSubnets = subnets.filter((subnet) => subnet.route === 'internet-gateway');
  const natSubnets = subnets.filter((subnet) => subnet.route === 'nat-gateway');
  const gatewayId = publicSubnets.length > 0 || natSubnets.length > 0 ? derived('igw', vpcId) : undefined;
  if (gatewayId !== undefined) state.internetGateways.set(gatewayId, { ...settled(gatewayId, []), vpcId });
  const natGatewayId = natSubnets.length > 0 ? derived('nat', vpcId) : undefined;
  if (natGatewayId !== undefined) {
    const home = publicSubnets[0] ?? natSubnets[0];
    state.natGateways.set(natGatewayId, {
      ...settled(natGatewayId, []),
      vpcId,
      subnetId: home?.id ?? '',
      publicIp: '203.0.113.7',
    });
  }
  const table = (index: number, part: Partial<{ gatewayId: string; natGatewayId: string }>): void => {
    const id = derived('rtb', vpcId, index);
    const route = part.gatewayId === undefined ? 'nat-gateway' : 'internet-gateway';
    state.routeTables.set(id, {
      ...settled(id, []),
      vpcId,
      main: false,
      subnetIds: subnets.filter((subnet) => subnet.route === route).map((subnet) => subnet.id),
      gatewayId: part.gatewayId,
      natGatewayId: part.natGatewayId,
    });
  };
  const mainId = derived('rtb', vpcId);
  // Isolated subnets use the main table by not being associated with any, as in most real VPCs.
  state.routeTables.set(mainId, {
    ...settled(mainId, []),
    vpcId,
    main: true,
    subnetIds: [],
    gatewayId: undefined,
    natGatewayId: undefined,
  });
  if (gatewayId !== undefined && publicSubnets.length > 0) table(1, { gatewayId });
  if (natGatewayId !== undefined) table(2, { natGatewayId });
}

function seededRule(groupId: string, rule: SeedRule, egress: boolean, index: number): GroupRule {
  const peer: GroupRule['peer'] =
    rule.groupId === undefined
      ? { type: 'cidr', cidr: rule.cidr ?? '0.0.0.0/0' }
      : { type: 'group', groupId: rule.groupId };
  return {
    ...settled(derived('sgr', groupId, index + (egress ? 1000 : 0)), []),
    egress,
    protocol: rule.protocol,
    fromPort: rule.fromPort,
    toPort: rule.toPort,
    peer,
    description: rule.description,
  };
}

function seedEndpointInterfaces(state: Ec2State, seed: Seed, endpoint: Seed['endpoints'][number]): void {
  endpoint.subnetIds.forEach((subnetId, index) => {
    const subnet = seed.subnets.find((candidate) => candidate.id === subnetId);
    const id = derived('eni', endpoint.id, index);
    const base = (subnet?.cidr ?? '10.0.0.0/24').split('/')[0] ?? '10.0.0.0';
    const octets = base.split('.');
    state.interfaces.set(id, {
      ...settled(id, []),
      subnetId,
      privateIp: [...octets.slice(0, 3), String(200 + (state.interfaces.size % 50))].join('.'),
      publicIp: undefined,
      groupIds: endpoint.securityGroupIds,
      description: `VPC Endpoint Interface ${endpoint.id}`,
      instanceId: undefined,
      requesterManaged: true,
    });
  });
}
