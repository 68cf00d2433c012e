import { describe, expect, it } from 'vitest';

import { describeRule, egressChanges, wantedEgress } from '../../../src/provision/network/egress.ts';
import type { GroupRule } from '../../../src/provision/ports/network.ts';
import { sampleSpec } from '../sample-spec.ts';

const everything = (cidr: string): GroupRule => ({ protocol: '-1', fromPort: 0, toPort: 65_535, cidr });
const https: GroupRule = { protocol: 'tcp', fromPort: 443, toPort: 443, cidr: '0.0.0.0/0' };
const mysql: GroupRule = { protocol: 'tcp', fromPort: 3306, toPort: 3306, groupId: 'sg-9' };

describe('what changes in a group', () => {
  it('a new group of a VPC with IPv6 lets everything out twice: both rules go, whoever is connected', () => {
    const group = { egress: [everything('0.0.0.0/0'), everything('::/0')] };
    for (const exact of [true, false]) {
      const changes = egressChanges(group, [https], exact);
      expect(changes.revoke.map(describeRule)).toEqual(['everything to 0.0.0.0/0', 'everything to ::/0']);
      expect(changes.add).toEqual([https]);
    }
  });

  it('what others opened stays while somebody is connected', () => {
    expect(egressChanges({ egress: [https, mysql] }, [https], false)).toEqual({ add: [], revoke: [] });
    expect(egressChanges({ egress: [https, mysql] }, [https], true)).toEqual({ add: [], revoke: [mysql] });
  });
});

describe('what is let out', () => {
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

  it('one rule for each database', () => {
    expect(rules(2)).toEqual(['tcp/443 to 0.0.0.0/0', 'tcp/5432 to sg-0', 'tcp/3306 to sg-1']);
    expect(rules(20)).toHaveLength(21);
  });

  it('for more than a group has room for: each port once, towards the VPC', () => {
    expect(rules(21)).toEqual([
      'tcp/443 to 0.0.0.0/0',
      'tcp/5432 to sg-0',
      'tcp/5432 to 10.0.0.0/16',
      'tcp/3306 to 10.0.0.0/16',
    ]);
  });
});
