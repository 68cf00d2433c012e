import { describe, expect, it } from 'vitest';

import { databaseReach, sentenceOf } from '../../../src/diagnose/network/database-reach.ts';
import type { GroupRule, SecurityGroup } from '../../../src/provision/ports/network.ts';

const group = (id: string, ingress: readonly GroupRule[], egress: readonly GroupRule[]): SecurityGroup => ({
  id,
  name: id,
  vpcId: 'vpc-1',
  tags: {},
  ingress,
  egress,
});
const tcp = (port: number, from: Partial<GroupRule>): GroupRule => ({
  protocol: 'tcp',
  fromPort: port,
  toPort: port,
  ...from,
});
const ALL_OUT: GroupRule = { protocol: '-1', fromPort: 0, toPort: 65_535, cidr: '0.0.0.0/0' };
const DATABASE = { securityGroups: ['sg-db'], port: 5432 };
const SOURCE = { groupIds: ['sg-task'], ranges: ['10.0.1.7/32'] };

const reach = (ingress: readonly GroupRule[], egress: readonly GroupRule[] = [ALL_OUT]) =>
  databaseReach(DATABASE, SOURCE, [group('sg-db', ingress, [ALL_OUT]), group('sg-task', [], egress)]);

describe('databaseReach', () => {
  it.each<[string, readonly GroupRule[]]>([
    ['a rule for the group', [tcp(5432, { groupId: 'sg-task' })]],
    ['a rule for the address', [tcp(5432, { cidr: '10.0.0.0/16' })]],
    ['a rule for everything', [{ ...ALL_OUT, cidr: '10.0.1.0/24' }]],
  ])('is admitted by %s', (_, ingress) => {
    expect(reach(ingress).state).toBe('admitted');
  });

  it.each<[string, readonly GroupRule[]]>([
    ['no rule', []],
    ['a rule for another group', [tcp(5432, { groupId: 'sg-other' })]],
    ['a rule for another port', [tcp(3306, { groupId: 'sg-task' })]],
    ['a rule for another range', [tcp(5432, { cidr: '10.1.0.0/16' })]],
  ])('is refused by %s, and names the missing rule', (_, ingress) => {
    const result = reach(ingress);
    expect(result).toEqual({
      state: 'refused',
      missing: { direction: 'ingress', groupId: 'sg-db', port: 5432, peers: ['sg-task'] },
    });
    if (result.state === 'refused')
      expect(sentenceOf(result.missing)).toBe('sg-db of the database has no rule for port 5432 from sg-task');
  });

  it('is refused where the source may not send to the port', () => {
    const admitting = [tcp(5432, { groupId: 'sg-task' })];
    expect(reach(admitting, [tcp(443, { cidr: '0.0.0.0/0' })])).toMatchObject({
      state: 'refused',
      missing: { direction: 'egress', groupId: 'sg-task' },
    });
    expect(reach(admitting, [tcp(5432, { groupId: 'sg-db' })]).state).toBe('admitted');
    expect(reach(admitting, [tcp(5432, { groupId: 'sg-elsewhere' })]).state).toBe('refused');
  });

  it('is unknown where the groups or the source are', () => {
    expect(databaseReach(DATABASE, SOURCE, undefined).state).toBe('unknown');
    expect(databaseReach(DATABASE, undefined, []).state).toBe('unknown');
    expect(databaseReach(DATABASE, SOURCE, [group('sg-task', [], [ALL_OUT])]).state).toBe('unknown');
  });
});
