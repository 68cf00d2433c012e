import { describe, expect, it } from 'vitest';

import type { GroupRule, SecurityGroup } from '../../../src/provision/ports/network.ts';
import { admissionOf, reachWarnings } from '../../../src/provision/network/reach.ts';
import type { BastionSpec, DatabaseAccess } from '../../../src/provision/plan/spec.ts';
import { sampleSpec } from '../sample-spec.ts';

const tcp = (fromPort: number, from: Partial<GroupRule>, toPort = fromPort): GroupRule => ({
  protocol: 'tcp',
  fromPort,
  toPort,
  ...from,
});
const everything: GroupRule = { protocol: '-1', fromPort: 0, toPort: 65_535, cidr: '0.0.0.0/0' };
const database = (...ingress: readonly GroupRule[]): DatabaseAccess => ({
  id: 'orders-db',
  host: 'orders-db.internal',
  port: 5432,
  groupId: 'sg-db',
  admit: false,
  ingress,
});
type ClientGroup = Pick<SecurityGroup, 'id' | 'vpcId' | 'egress'>;
const clients = (change: Partial<ClientGroup> = {}): ClientGroup => ({
  id: 'sg-clients',
  vpcId: 'vpc-1',
  egress: [],
  ...change,
});
const twoSubnets = (): BastionSpec['network'] => {
  const { network } = sampleSpec();
  const [subnet] = network.subnets;
  return {
    ...network,
    subnets: [...network.subnets, ...(subnet === undefined ? [] : [{ ...subnet, cidr: '10.0.2.0/24' }])],
  };
};

describe('whom a database admits', () => {
  it.each([
    [
      'the group that is carried',
      database(tcp(5432, { groupId: 'sg-clients' })),
      'sg-clients (--client-security-group)',
    ],
    [
      'a range of ports',
      database(tcp(5000, { groupId: 'sg-clients' }, 6000)),
      'sg-clients (--client-security-group)',
    ],
    ['every protocol', database({ ...everything, cidr: '10.0.0.0/16' }), '10.0.0.0/16'],
    ['the range of the subnet', database(tcp(5432, { cidr: '10.0.0.0/16' })), '10.0.0.0/16'],
    [
      "the bastion's own group, of an earlier run",
      database(tcp(5432, { groupId: 'sg-own' })),
      "the bastion's own group",
    ],
    ['a prefix list, taken on trust', database(tcp(5432, { prefixListId: 'pl-1' })), 'prefix list pl-1'],
  ] as const)('%s', (_what, wanted, by) => {
    const spec = sampleSpec({ clientGroups: [clients()] });
    expect(admissionOf(wanted, spec, 'sg-own')).toEqual({
      kind: 'admitted',
      by: expect.stringContaining(by) as string,
    });
  });

  it.each([
    ['nobody', database(), []],
    ['another port', database(tcp(3306, { groupId: 'sg-clients' })), []],
    ['UDP', database({ ...tcp(5432, { groupId: 'sg-clients' }), protocol: 'udp' }), []],
    ['another range', database(tcp(5432, { cidr: '10.9.0.0/16' })), []],
    ['one of two subnets', database(tcp(5432, { cidr: '10.0.1.0/24' })), []],
    ['another group', database(tcp(5432, { groupId: 'sg-app' })), ['sg-app']],
  ] as const)('not: %s', (_what, wanted, groups) => {
    const spec = sampleSpec({ clientGroups: [clients()], network: twoSubnets() });
    expect(admissionOf(wanted, spec, 'sg-own')).toEqual({ kind: 'closed', groups });
  });
});

describe('warnings about a bastion that could not reach a database', () => {
  const warnings = (change: Partial<BastionSpec>): readonly string[] =>
    reachWarnings(sampleSpec(change), undefined).map(({ code, message }) => `${code}: ${message}`);

  it('for a database that does not admit the bastion: which flag to add', () => {
    expect(warnings({ databases: [database(tcp(5432, { groupId: 'sg-app' }))] })).toEqual([
      'database-closed: orders-db does not admit port 5432 from any group or range of this bastion: add --allow-db orders-db, or --client-security-group sg-app',
    ]);
  });
  it('none for a database that --allow-db opens', () => {
    expect(warnings({ databases: [{ ...database(), admit: true }] })).toEqual([]);
  });
  it('a group of another VPC', () => {
    expect(
      warnings({ databases: [], clientGroups: [clients({ vpcId: 'vpc-9', egress: [everything] })] }),
    ).toEqual([expect.stringContaining('client-group-elsewhere: sg-clients belongs to vpc-9')]);
  });
  it.each([
    ['nothing at all', []],
    ['443 only', [tcp(443, { cidr: '0.0.0.0/0' })]],
  ])('a group that allows %s outbound, and no database named', (_what, egress) => {
    expect(warnings({ databases: [], clientGroups: [clients({ egress })] })).toEqual([
      expect.stringContaining('client-group-closed: sg-clients allows no outbound traffic'),
    ]);
  });
  it.each([
    ['everything', { databases: [], clientGroups: [clients({ egress: [everything] })] }],
    [
      'a database port',
      { databases: [], clientGroups: [clients({ egress: [tcp(5432, { cidr: '10.0.0.0/16' })] })] },
    ],
    ['nothing, while a database is named', { databases: [database(everything)], clientGroups: [clients()] }],
    ['nothing, while a port is opened', { databases: [], egressPorts: [5432], clientGroups: [clients()] }],
  ])('nothing of a group that lets out %s', (_what, change) => {
    expect(warnings(change)).toEqual([]);
  });
});
