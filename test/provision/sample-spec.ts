import { DEFAULT_IAM_NAMING, iamNames } from '../../src/provision/roles/iam-names.ts';
import type { Inventory } from '../../src/provision/bastion/inventory.ts';
import { commonName, resourceTags, TAG } from '../../src/provision/bastion/names.ts';
import type { Instance } from '../../src/provision/ports/ec2.ts';
import type { GroupRule, SecurityGroup } from '../../src/provision/ports/network.ts';
import type { BastionSpec, DatabaseAccess } from '../../src/provision/plan/spec.ts';

export const NOW = Date.parse('2026-11-21T10:00:00Z');
export const OWNER = 'arn:aws:iam::111122223333:user/ada';

export const SCOPE = {
  name: 'default',
  region: 'eu-west-1',
  accountId: '111122223333',
  partition: 'aws',
  iam: DEFAULT_IAM_NAMING,
} as const;

/** An account without a bastion. */
export const EMPTY: Inventory = {
  name: 'default',
  iam: DEFAULT_IAM_NAMING,
  role: undefined,
  profile: undefined,
  boundary: undefined,
  groups: [],
  templates: [],
  fleets: [],
  instances: [],
  databaseRules: [],
  foreign: [],
};

const ADMITS_VPC: GroupRule = { protocol: 'tcp', fromPort: 5432, toPort: 5432, cidr: '10.0.0.0/16' };
export const ORDERS_DB: DatabaseAccess = {
  id: 'orders-db',
  host: 'orders-db.internal',
  port: 5432,
  groupId: 'sg-db',
  admit: false,
  ingress: [ADMITS_VPC],
};

/** The trust policy of a role that EC2 may assume. */
export const TRUST = JSON.stringify({
  Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
});

/** A complete spec; every part can be overridden. */
export function sampleSpec(change: Partial<BastionSpec> = {}): BastionSpec {
  const expiresAt = NOW + 8 * 3_600_000;
  const subnet = {
    id: 'subnet-1',
    vpcId: 'vpc-1',
    zone: 'eu-west-1a',
    ownerId: undefined,
    freeAddresses: 100,
    cidr: '10.0.1.0/24',
    ipv6Cidr: undefined,
    dns64: false,
    tags: {},
  };
  return {
    name: 'default',
    region: 'eu-west-1',
    cluster: 'demo',
    network: {
      vpcId: 'vpc-1',
      subnets: [subnet],
      stack: 'ipv4',
      publicIp: false,
      reason: 'private, through a NAT gateway',
      considered: [],
    },
    role: {
      kind: 'own',
      trust: TRUST,
      policy: '{"Version":"2012-10-17","Statement":[{"Sid":"A"}]}',
      boundary: {
        kind: 'own',
        arn: 'arn:aws:iam::111122223333:policy/fargate-connect/fargate-connect-default-eu-west-1-boundary',
        document: '{"Version":"2012-10-17","Statement":[]}',
      },
    },
    iam: DEFAULT_IAM_NAMING,
    types: ['t4g.micro', 't3.micro'],
    images: [
      { id: 'ami-arm', architecture: 'arm64', rootDevice: '/dev/xvda', volumeGiB: 8 },
      { id: 'ami-x86', architecture: 'x86_64', rootDevice: '/dev/xvda', volumeGiB: 8 },
    ],
    market: 'spot',
    databases: [ORDERS_DB],
    egressPorts: [],
    vpcCidrs: ['10.0.0.0/16'],
    clientGroups: [],
    expiresAt,
    extends: false,
    asked: { idle: false, types: false, subnets: false },
    idleMinutes: 30,
    volumeKey: undefined,
    userData: '#!/bin/bash\n',
    givenTags: {},
    tags: resourceTags({
      name: 'default',
      owner: OWNER,
      given: {},
      expiresAt,
      idleMinutes: 30,
      cluster: 'demo',
      roleIsGiven: false,
      iam: DEFAULT_IAM_NAMING,
      ports: [5432],
      version: '0.1.0',
    }),
    ...change,
  };
}

/** The spot instance of that spec, running. */
export const sampleInstance = (change: Partial<Instance> = {}): Instance => ({
  id: 'i-1',
  state: 'running',
  type: 't4g.micro',
  market: 'spot',
  vpcId: 'vpc-1',
  subnetId: 'subnet-1',
  zone: 'eu-west-1a',
  privateIp: '10.0.1.9',
  publicIp: undefined,
  groupIds: [],
  launchedAt: NOW,
  stateReason: undefined,
  tags: sampleSpec().tags,
  ...change,
});

export const NAMES = {
  ...iamNames('default', 'eu-west-1', DEFAULT_IAM_NAMING),
  common: commonName('default'),
};
const tags = sampleSpec().tags;

export const GROUP: SecurityGroup = {
  id: 'sg-1',
  name: NAMES.common,
  vpcId: 'vpc-1',
  tags,
  ingress: [],
  egress: [
    { protocol: 'tcp', fromPort: 443, toPort: 443, cidr: '0.0.0.0/0' },
    { protocol: 'tcp', fromPort: 5432, toPort: 5432, groupId: 'sg-db' },
  ],
};
export const INSTANCE = sampleInstance({ launchedAt: NOW - 3_600_000 });
/** An account with a bastion of `sampleSpec()`, all of whose resources exist. */
export const FULL: Inventory = {
  ...EMPTY,
  boundary: { name: NAMES.boundary, arn: 'arn:boundary', path: '/fargate-connect/', tags },
  role: {
    name: NAMES.role,
    arn: 'arn:role',
    path: '/fargate-connect/',
    boundaryArn: 'arn:boundary',
    trust: TRUST,
    tags,
    policyNames: ['bastion'],
    policy: '{"Statement":[{"Sid":"A"}],"Version":"2012-10-17"}',
  },
  profile: {
    name: NAMES.profile,
    arn: 'arn:profile',
    path: '/fargate-connect/',
    roleNames: [NAMES.role],
    trust: TRUST,
    tags,
  },
  groups: [GROUP],
  templates: [
    { id: 'lt-1', name: NAMES.common, createdAt: NOW - 3_600_000, tags: { ...tags, [TAG.digest]: 'old' } },
  ],
  fleets: [{ id: 'fleet-1', state: 'active', tags }],
  instances: [INSTANCE],
};
