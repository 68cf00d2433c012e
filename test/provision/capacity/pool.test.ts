import { describe, expect, it } from 'vitest';

import {
  architectureOf,
  checkTypes,
  cheapestPool,
  DEFAULT_TYPES,
  describeErrors,
  launchFailure,
  launchProblem,
  overrides,
} from '../../../src/provision/capacity/pool.ts';
import type { FleetError } from '../../../src/provision/ports/ec2.ts';

const error = (code: string, message = code, more: Partial<FleetError> = {}): FleetError => ({
  code,
  message,
  instanceType: 't4g.micro',
  subnetId: 'subnet-1',
  ...more,
});
const zones = new Map([['subnet-1', 'eu-west-1a']]);

describe('the architecture of a type', () => {
  it.each([
    ['t4g.micro', 'arm64'],
    ['c7gn.large', 'arm64'],
    ['im4gn.xlarge', 'arm64'],
    ['x2gd.metal', 'arm64'],
    ['a1.medium', 'arm64'],
    ['g5g.xlarge', 'arm64'],
    ['t3.micro', 'x86_64'],
    ['t3a.micro', 'x86_64'],
    ['g4dn.xlarge', 'x86_64'],
    ['m7i-flex.large', 'x86_64'],
    ['u-6tb1.metal', 'x86_64'],
  ])('%s is %s', (type, architecture) => {
    expect(architectureOf(type)).toBe(architecture);
  });

  it.each(['t4g', 'micro', '', 'mac2.metal', 'T4G.micro'])('%j is refused', (type) => {
    expect(() => architectureOf(type)).toThrow(expect.objectContaining({ code: 'instance-type' }) as Error);
  });

  it('nano is refused, and each architecture is returned once', () => {
    expect(() => checkTypes(['t4g.nano'])).toThrow(/too little memory/);
    expect(checkTypes(['t4g.micro', 't4g.micro'])).toEqual(['t4g.micro']);
  });
});

describe('overrides', () => {
  const images = [
    { id: 'ami-arm', architecture: 'arm64', rootDevice: '/dev/xvda', volumeGiB: 8 },
    { id: 'ami-x86', architecture: 'x86_64', rootDevice: '/dev/xvda', volumeGiB: 8 },
  ] as const;
  it('are all combinations of type and subnet, each with the image of its architecture', () => {
    const all = overrides(DEFAULT_TYPES, ['subnet-1', 'subnet-2'], images);
    expect(all.map((each) => `${each.priority} ${each.instanceType} ${each.subnetId} ${each.imageId}`))
      .toMatchInlineSnapshot(`
      [
        "0 t4g.micro subnet-1 ami-arm",
        "0 t4g.micro subnet-2 ami-arm",
        "1 t4g.small subnet-1 ami-arm",
        "1 t4g.small subnet-2 ami-arm",
        "2 t3a.micro subnet-1 ami-x86",
        "2 t3a.micro subnet-2 ami-x86",
        "3 t3.micro subnet-1 ami-x86",
        "3 t3.micro subnet-2 ami-x86",
      ]
    `);
  });
  it('need an image for each architecture', () => {
    expect(() => overrides(['t3.micro'], ['subnet-1'], images.slice(0, 1))).toThrow(/no x86_64 image/);
  });
});

describe('launch errors', () => {
  it.each([
    [error('InsufficientInstanceCapacity'), 'capacity'],
    [error('Unsupported'), 'capacity'],
    [error('MaxSpotInstanceCountExceeded'), 'quota'],
    [error('AuthFailure.ServiceLinkedRoleCreationNotPermitted'), 'service-linked-role'],
    [error('InvalidParameterValue', 'Invalid IAM Instance Profile name'), 'not-settled'],
    [error('InvalidParameterValue', "IAM Instance Profile 'x' has no associated IAM Roles"), 'not-settled'],
    [error('InvalidParameterValue', 'iamInstanceProfile.name is invalid'), 'not-settled'],
    [error('InvalidParameterValue', 'The volume size is too small'), 'other'],
    [error('InvalidGroup.NotFound'), 'not-settled'],
    [error('UnauthorizedOperation'), 'denied'],
  ] as const)('%o is classified as %s', (given, problem) => {
    expect(launchProblem(given)).toBe(problem);
  });

  it('are listed by pool, each once', () => {
    const lines = describeErrors(
      [
        error('UnfulfillableCapacity'),
        error('UnfulfillableCapacity'),
        error('VcpuLimitExceeded', 'limit 5', { instanceType: 't3.micro' }),
      ],
      zones,
    );
    expect(lines).toEqual([
      't4g.micro in subnet-1 (eu-west-1a): UnfulfillableCapacity',
      't3.micro in subnet-1 (eu-west-1a): VcpuLimitExceeded: limit 5',
    ]);
  });

  it.each([
    [[error('InsufficientInstanceCapacity')], 'no-capacity'],
    [[error('MaxSpotInstanceCountExceeded'), error('UnfulfillableCapacity')], 'quota-exceeded'],
    [[error('AuthFailure.ServiceLinkedRoleCreationNotPermitted')], 'spot-role-missing'],
    [[error('InvalidGroup.NotFound')], 'not-settled'],
    [[error('InvalidParameterValue', 'no')], 'launch-refused'],
    [[], 'launch-refused'],
  ] as const)('%# becomes %s', (errors, code) => {
    expect(launchFailure(errors, 'spot', zones)).toMatchObject({ code, role: 'failed' });
  });

  it('name the action that is missing for a denied launch', () => {
    const denied = error(
      'UnauthorizedOperation',
      'You are not authorized to perform this operation. User: arn:x is not authorized to perform: iam:PassRole on resource: arn:y',
    );
    expect(launchFailure([denied, error('UnfulfillableCapacity')], 'spot', zones)).toMatchObject({
      role: 'access',
      details: { action: 'iam:PassRole' },
    });
  });
});

describe('the cheapest pool', () => {
  const price = (instanceType: string, zone: string, dollarsPerHour: number, at = 1) => ({
    instanceType,
    zone,
    dollarsPerHour,
    at,
  });
  it('is found among the newest prices of the matching pools', () => {
    const prices = [
      price('t4g.micro', 'eu-west-1a', 0.001, 1),
      price('t4g.micro', 'eu-west-1a', 0.009, 2),
      price('t3.micro', 'eu-west-1a', 0.004),
      price('t3.micro', 'eu-west-1c', 0.0001),
      price('m5.large', 'eu-west-1a', 0.0001),
      price('t3a.micro', 'eu-west-1a', Number.NaN),
    ];
    const found = cheapestPool(prices, ['t4g.micro', 't3.micro', 't3a.micro'], ['eu-west-1a']);
    expect(found).toMatchObject({ instanceType: 't3.micro', dollarsPerHour: 0.004 });
    expect(cheapestPool([], ['t4g.micro'], ['eu-west-1a'])).toBeUndefined();
  });
});
