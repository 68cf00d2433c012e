import { describe, expect, it } from 'vitest';

import { describeRule, egressChanges, wantedEgress } from '../../../src/provision/network/egress.ts';
import type { GroupRule } from '../../../src/provision/ports/network.ts';
import { sampleSpec } from '../sample-spec.ts';

const everything = (cidr: string): GroupRule => ({ protocol: '-1', fromPort: 0, toPort: 65_535, cidr });
const https: GroupRule = { protocol: 'tcp', fromPort: 443, toPort: 443, cidr: '0.0.0.0/0' };
const mysql: GroupRule = { protocol: 'tcp', fromPort: 3306, toPort: 3306, groupId: 'sg-9' };

describe('changes to the outbound rules of a security group', () => {
  it('EC2 creates a group in a VPC with IPv6 with two rules that allow everything: both are removed, even while a user is connected', () => {
    const group = { egress: [everything('0.0.0.0/0'), everything('::/0')] };
    for (const exact of [true, false]) {
      const changes = egressChanges(group, [https], exact);
      expect(changes.revoke.map(describeRule)).toEqual(['everything to 0.0.0.0/0', 'everything to ::/0']);
      expect(changes.add).toEqual([https]);
    }
  });

  it('rules that others added stay while a user is connected', () => {
    expect(egressChanges({ egress: [https, mysql] }, [https], false)).toEqual({ add: [], revoke: [] });
    expect(egressChanges({ egress: [https, mysql] }, [https], true)).toEqual({ add: [], revoke: [mysql] });
  });
});

describe('the wanted outbound rules', () => {
  const databases = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      id: `db-${index}`,
      host: `db-${index}.internal`,
      port: index % 2 === 0 ? 5432 : 3306,
      groupId: `sg-${index}`,
      admit: index === 0,
      ingress: [],
    }));
  const rules = (count: number): readonly string[] =>
    wantedEgress(sampleSpec({ databases: databases(count) })).map(describeRule);

  it('there is one rule for each database', () => {
    expect(rules(2)).toEqual(['tcp/443 to 0.0.0.0/0', 'tcp/5432 to sg-0', 'tcp/3306 to sg-1']);
    expect(rules(20)).toHaveLength(21);
  });

  it('for more databases than a group can have rules, there is one rule for each port, to the ranges of the VPC', () => {
    expect(rules(21)).toEqual([
      'tcp/443 to 0.0.0.0/0',
      'tcp/5432 to sg-0',
      'tcp/5432 to 10.0.0.0/16',
      'tcp/3306 to 10.0.0.0/16',
    ]);
  });
});
