import { describe, expect, it } from 'vitest';

import type { GroupRule, SecurityGroup } from '../../../src/provision/ports/network.ts';
import { reachFindings, ruleAdmitting } from '../../../src/diagnose/network/reach.ts';
import type { BastionSpec, DatabaseAccess } from '../../../src/provision/plan/spec.ts';
import { sentenceOf } from '../../../src/diagnose/sentences.ts';
import { sampleSpec } from '../../provision/sample-spec.ts';

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

describe('a database admits the bastion', () => {
  it.each([
    ['a group that the bastion has', tcp(5432, { groupId: 'sg-clients' })],
    ['a range of ports', tcp(5000, { groupId: 'sg-clients' }, 6000)],
    ['every protocol', { ...everything, cidr: '10.0.0.0/16' }],
    ['the range of the subnet', tcp(5432, { cidr: '10.0.0.0/16' })],
    ["the bastion's own group, from an earlier run", tcp(5432, { groupId: 'sg-own' })],
    ['a prefix list, whose entries are not read', tcp(5432, { prefixListId: 'pl-1' })],
  ] as const)('by %s', (_what, rule) => {
    const spec = sampleSpec({ clientGroups: [clients()] });
    expect(ruleAdmitting(database(tcp(22, { groupId: 'sg-own' }), rule), spec, 'sg-own')).toBe(rule);
  });

  it('by a certain rule rather than a prefix list, if both exist', () => {
    const certain = tcp(5432, { cidr: '10.0.0.0/16' });
    const wanted = database(tcp(5432, { prefixListId: 'pl-1' }), certain);
    expect(ruleAdmitting(wanted, sampleSpec(), undefined)).toBe(certain);
  });

  it.each([
    ['no source', database(), []],
    ['another port', database(tcp(3306, { groupId: 'sg-clients' })), []],
    ['UDP', database({ ...tcp(5432, { groupId: 'sg-clients' }), protocol: 'udp' }), []],
    ['another range', database(tcp(5432, { cidr: '10.9.0.0/16' })), []],
    ['one of two subnets', database(tcp(5432, { cidr: '10.0.1.0/24' })), []],
    ['another group', database(tcp(5432, { groupId: 'sg-app' })), ['sg-app']],
  ] as const)('but not if it admits only: %s', (_what, wanted, admittedGroups) => {
    const spec = sampleSpec({ databases: [wanted], clientGroups: [clients()], network: twoSubnets() });
    expect(ruleAdmitting(wanted, spec, 'sg-own')).toBeUndefined();
    expect(reachFindings(spec, 'sg-own')).toEqual([
      {
        id: 'database-closed',
        severity: 'blocking',
        evidence: { database: 'orders-db', port: 5432, group: 'sg-db', admittedGroups },
        fixes: [
          [{ kind: 'admit', group: 'sg-db', port: 5432, from: ['sg-own'] }],
          ...admittedGroups.map((group) => [{ kind: 'carry-group', group }]),
        ],
      },
    ]);
  });
});

describe('findings about a bastion that could not reach a database', () => {
  const findings = (change: Partial<BastionSpec>): readonly string[] =>
    reachFindings(sampleSpec(change), undefined).map((finding) => `${finding.id}: ${sentenceOf(finding)}`);

  it('report a database that does not admit the bastion', () => {
    expect(findings({ databases: [database(tcp(5432, { groupId: 'sg-app' }))] })).toEqual([
      'database-closed: orders-db does not admit port 5432 from any group or range of this bastion',
    ]);
  });
  it('do not report a database that --allow-db opens', () => {
    expect(findings({ databases: [{ ...database(), admit: true }] })).toEqual([]);
  });
  it('report a group of another VPC', () => {
    expect(
      findings({ databases: [], clientGroups: [clients({ vpcId: 'vpc-9', egress: [everything] })] }),
    ).toEqual([expect.stringContaining('client-group-elsewhere: sg-clients belongs to vpc-9')]);
  });
  it.each([
    ['nothing', []],
    ['443 only', [tcp(443, { cidr: '0.0.0.0/0' })]],
  ])('report a group that allows %s outbound, if no database is named', (_what, egress) => {
    expect(findings({ databases: [], clientGroups: [clients({ egress })] })).toEqual([
      expect.stringContaining('client-group-closed: sg-clients allows no outbound traffic'),
    ]);
  });
  it.each([
    ['everything', { databases: [], clientGroups: [clients({ egress: [everything] })] }],
    [
      'a database port',
      { databases: [], clientGroups: [clients({ egress: [tcp(5432, { cidr: '10.0.0.0/16' })] })] },
    ],
    ['nothing, if a database is named', { databases: [database(everything)], clientGroups: [clients()] }],
    ['nothing, if a port is opened', { databases: [], egressPorts: [5432], clientGroups: [clients()] }],
  ])('do not report a group that allows outbound: %s', (_what, change) => {
    expect(findings(change)).toEqual([]);
  });
});
