import type {
  SeedEndpoint,
  SeedRule,
  SeedSecurityGroup,
  SeedSubnet,
  SeedTag,
  SeedVpc,
} from '../seed-shapes.ts';

/**
 * Four VPCs, one for each way in which a task can reach Session Manager or cannot: `main` has NAT, `default` has
 * public subnets only, `sealed` has interface endpoints, `airgap` has no route out.
 */
export const VPC = {
  main: 'vpc-0a1b2c3d4e5f60001',
  default: 'vpc-0d5f1e2a3b4c50002',
  sealed: 'vpc-0b7c8d9e0f1a20003',
  airgap: 'vpc-0e9f8a7b6c5d40004',
} as const;

export const SUBNET = {
  mainPrivateA: 'subnet-0a10000000000001a',
  mainPrivateB: 'subnet-0a10000000000002b',
  mainPrivateC: 'subnet-0a10000000000003c',
  mainPublicA: 'subnet-0a20000000000001a',
  mainPublicB: 'subnet-0a20000000000002b',
  mainPublicC: 'subnet-0a20000000000003c',
  mainDataA: 'subnet-0a30000000000001a',
  mainDataB: 'subnet-0a30000000000002b',
  defaultA: 'subnet-0462b87709683ccaa',
  defaultB: 'subnet-066a53dd88d557e05',
  defaultC: 'subnet-021a6adafb79249e3',
  sealedA: 'subnet-0b10000000000001a',
  sealedB: 'subnet-0b10000000000002b',
  airgapA: 'subnet-0e10000000000001a',
} as const;

export const GROUP = {
  mainDefault: 'sg-0a00000000000de00',
  ordersApi: 'sg-0a0000000000a0001',
  billingTasks: 'sg-0a0000000000a0002',
  storefront: 'sg-0a0000000000a0003',
  internalTools: 'sg-0a0000000000a0004',
  loadBalancer: 'sg-0a0000000000a0005',
  exampleTask: 'sg-0a0000000000a0006',
  ordersDb: 'sg-0a0000000000db001',
  billingDb: 'sg-0a0000000000db002',
  dbClients: 'sg-0a0000000000db003',
  caches: 'sg-0a0000000000ca001',
  analytics: 'sg-0a0000000000db005',
  defaultDefault: 'sg-0d00000000000de00',
  cruddur: 'sg-04ca5ebd69e0aec6f',
  ecsService: 'sg-0d0000000000a0002',
  sealedDefault: 'sg-0b00000000000de00',
  sealedEndpoints: 'sg-0b0000000000e0001',
  ledger: 'sg-0b0000000000a0001',
  airgapDefault: 'sg-0e00000000000de00',
  archiver: 'sg-0e0000000000a0001',
} as const;

const named = (name: string): readonly SeedTag[] => [{ key: 'Name', value: name }];

export const SEED_VPCS: readonly SeedVpc[] = [
  { id: VPC.main, cidr: '10.0.0.0/16', isDefault: false, tags: named('demo') },
  { id: VPC.default, cidr: '172.31.0.0/16', isDefault: true, tags: [] },
  { id: VPC.sealed, cidr: '10.20.0.0/16', isDefault: false, tags: named('sealed') },
  { id: VPC.airgap, cidr: '10.30.0.0/16', isDefault: false, tags: named('airgap') },
];

const subnet = (
  id: string,
  vpcId: string,
  zone: 'a' | 'b' | 'c',
  cidr: string,
  route: SeedSubnet['route'],
  name: string | undefined,
): SeedSubnet => ({
  id,
  vpcId,
  zone: `eu-west-1${zone}`,
  cidr,
  tags: name === undefined ? [] : named(name),
  route,
  mapPublicIp: route === 'internet-gateway',
});

export const SEED_SUBNETS: readonly SeedSubnet[] = [
  subnet(SUBNET.mainPrivateA, VPC.main, 'a', '10.0.1.0/24', 'nat-gateway', 'demo-private-a'),
  subnet(SUBNET.mainPrivateB, VPC.main, 'b', '10.0.2.0/24', 'nat-gateway', 'demo-private-b'),
  subnet(SUBNET.mainPrivateC, VPC.main, 'c', '10.0.3.0/24', 'nat-gateway', 'demo-private-c'),
  subnet(SUBNET.mainPublicA, VPC.main, 'a', '10.0.101.0/24', 'internet-gateway', 'demo-public-a'),
  subnet(SUBNET.mainPublicB, VPC.main, 'b', '10.0.102.0/24', 'internet-gateway', 'demo-public-b'),
  subnet(SUBNET.mainPublicC, VPC.main, 'c', '10.0.103.0/24', 'internet-gateway', 'demo-public-c'),
  subnet(SUBNET.mainDataA, VPC.main, 'a', '10.0.201.0/24', 'none', 'demo-data-a'),
  subnet(SUBNET.mainDataB, VPC.main, 'b', '10.0.202.0/24', 'none', 'demo-data-b'),
  subnet(SUBNET.defaultA, VPC.default, 'a', '172.31.0.0/20', 'internet-gateway', undefined),
  subnet(SUBNET.defaultB, VPC.default, 'b', '172.31.16.0/20', 'internet-gateway', undefined),
  subnet(SUBNET.defaultC, VPC.default, 'c', '172.31.32.0/20', 'internet-gateway', undefined),
  subnet(SUBNET.sealedA, VPC.sealed, 'a', '10.20.1.0/24', 'none', 'sealed-a'),
  subnet(SUBNET.sealedB, VPC.sealed, 'b', '10.20.2.0/24', 'none', 'sealed-b'),
  subnet(SUBNET.airgapA, VPC.airgap, 'a', '10.30.1.0/24', 'none', 'airgap-a'),
];

const tcp = (port: number, from: { readonly cidr: string } | { readonly groupId: string }): SeedRule => ({
  protocol: 'tcp',
  fromPort: port,
  toPort: port,
  ...from,
});
const anywhere = { cidr: '0.0.0.0/0' } as const;
/** The egress rule that EC2 adds to every new group. */
const allOutbound: SeedRule = { protocol: '-1', fromPort: -1, toPort: -1, ...anywhere };

const group = (
  id: string,
  vpcId: string,
  name: string,
  description: string,
  ingress: readonly SeedRule[],
): SeedSecurityGroup => ({ id, vpcId, name, description, tags: [], ingress, egress: [allOutbound] });

const defaultGroup = (id: string, vpcId: string): SeedSecurityGroup =>
  group(id, vpcId, 'default', 'default VPC security group', [
    { protocol: '-1', fromPort: -1, toPort: -1, groupId: id },
  ]);

export const SEED_SECURITY_GROUPS: readonly SeedSecurityGroup[] = [
  defaultGroup(GROUP.mainDefault, VPC.main),
  defaultGroup(GROUP.defaultDefault, VPC.default),
  defaultGroup(GROUP.sealedDefault, VPC.sealed),
  defaultGroup(GROUP.airgapDefault, VPC.airgap),
  group(GROUP.ordersApi, VPC.main, 'orders-api', 'orders-api tasks', [
    tcp(8080, { cidr: '10.0.0.0/16' }),
    tcp(9901, { groupId: GROUP.mainDefault }),
  ]),
  group(GROUP.billingTasks, VPC.main, 'billing-tasks', 'billing tasks', []),
  group(GROUP.storefront, VPC.main, 'storefront', 'storefront tasks behind the load balancer', [
    tcp(80, { groupId: GROUP.loadBalancer }),
  ]),
  group(GROUP.internalTools, VPC.main, 'internal-tools', 'tools for the team', [
    tcp(3000, { cidr: '10.0.0.0/16' }),
    tcp(9200, { cidr: '10.0.0.0/16' }),
  ]),
  group(
    GROUP.loadBalancer,
    VPC.main,
    'example-app-sg-alb',
    'Allow access to ALB over HTTP port 80, HTTPS port 443 and allow all egress',
    [tcp(80, anywhere), tcp(443, anywhere)],
  ),
  group(
    GROUP.exampleTask,
    VPC.main,
    'example-app-sg-task',
    'Allow access from ALB sg to port 80 and allow all egress traffic',
    [tcp(80, { groupId: GROUP.loadBalancer })],
  ),
  group(GROUP.ordersDb, VPC.main, 'orders-db', 'orders-db: the whole VPC', [
    tcp(5432, { cidr: '10.0.0.0/16' }),
  ]),
  group(GROUP.billingDb, VPC.main, 'billing-db', 'billing-db: billing tasks and named clients only', [
    tcp(5432, { groupId: GROUP.billingTasks }),
    tcp(5432, { groupId: GROUP.dbClients }),
  ]),
  group(GROUP.caches, VPC.main, 'caches', 'caches: the whole VPC', [tcp(6379, { cidr: '10.0.0.0/16' })]),
  group(GROUP.analytics, VPC.main, 'analytics', 'warehouse and search: the whole VPC', [
    tcp(5439, { cidr: '10.0.0.0/16' }),
    tcp(443, { cidr: '10.0.0.0/16' }),
  ]),
  group(GROUP.dbClients, VPC.main, 'db-clients', 'attach to reach the databases', []),
  group(GROUP.cruddur, VPC.default, 'crud-srv-sg', 'Security group for Cruddur services on ECS', [
    tcp(80, anywhere),
  ]),
  group(GROUP.ecsService, VPC.default, 'ecs-service-sg', 'Security group for ECS service', [
    tcp(8443, anywhere),
  ]),
  group(GROUP.sealedEndpoints, VPC.sealed, 'endpoints', 'VPC endpoints', [
    tcp(443, { cidr: '10.20.0.0/16' }),
  ]),
  group(GROUP.ledger, VPC.sealed, 'ledger', 'ledger tasks', [tcp(7000, { cidr: '10.20.0.0/16' })]),
  group(GROUP.archiver, VPC.airgap, 'archiver', 'archiver tasks', [tcp(6000, { cidr: '10.30.0.0/16' })]),
];

const interfaceEndpoint = (id: string, service: string): SeedEndpoint => ({
  id,
  vpcId: VPC.sealed,
  service,
  type: 'Interface',
  subnetIds: [SUBNET.sealedA, SUBNET.sealedB],
  securityGroupIds: [GROUP.sealedEndpoints],
  privateDns: true,
});

export const SEED_ENDPOINTS: readonly SeedEndpoint[] = [
  interfaceEndpoint('vpce-0b000000000000551', 'ssm'),
  interfaceEndpoint('vpce-0b000000000000552', 'ssmmessages'),
];
