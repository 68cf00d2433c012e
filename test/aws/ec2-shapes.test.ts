import { describe, expect, it } from 'vitest';

import { endpointOf, subnetOf } from '../../src/aws/ec2-shapes.ts';

describe('endpointOf', () => {
  it.each([
    [undefined, undefined, ['ipv4']],
    ['ipv4', 'ipv4', ['ipv4']],
    ['ipv6', 'ipv6', ['ipv6']],
    ['dualstack', 'dualstack', ['ipv4', 'ipv6']],
    ['dualstack', 'ipv4', ['ipv4']],
    ['dualstack', 'ipv6', ['ipv6']],
    ['dualstack', 'service-defined', ['ipv4']],
  ] as const)(
    'addresses %s, records %s: names resolve to %s',
    (IpAddressType, DnsRecordIpType, addresses) => {
      const type = IpAddressType === undefined ? {} : { IpAddressType, DnsOptions: { DnsRecordIpType } };
      expect(endpointOf(type).addresses).toEqual(addresses);
    },
  );
});

it('subnetOf: a range that is being removed is ignored', () => {
  const association = (Ipv6CidrBlock: string, State: 'associated' | 'disassociating') => ({
    Ipv6CidrBlock,
    Ipv6CidrBlockState: { State },
  });
  const gone = association('2600:1f18:1:1::/64', 'disassociating');
  const here = association('2600:1f18:1:2::/64', 'associated');
  expect(subnetOf({ Ipv6CidrBlockAssociationSet: [gone, here] })).toMatchObject({
    cidr: undefined,
    ipv6Cidr: '2600:1f18:1:2::/64',
  });
  expect(subnetOf({ Ipv6CidrBlockAssociationSet: [gone] }).ipv6Cidr).toBeUndefined();
});
