import { expect, test } from 'vitest';

import { checkRegion, partitionOf, regionsMeant } from '../../src/core/regions.ts';

const MISSPELT = [
  ['eu-west1', 'eu-west-1'],
  ['euwest-1', 'eu-west-1'],
  ['us-east', 'us-east-1'],
  ['EU-WEST-1', 'eu-west-1'],
  ['eu-west-1a', 'eu-west-1'],
  ['eu-wset-1', 'eu-west-1'],
  ['us-gov-wes-1', 'us-gov-west-1'],
] as const;

test.each(MISSPELT.flatMap(([region, near]) => [true, false].map((own) => ({ region, near, own }))))(
  '$region is refused, and $near suggested (endpoint of its own: $own)',
  ({ region, near, own }) => {
    expect(() => checkRegion(region, { ownEndpoint: own })).toThrow(
      expect.objectContaining({
        code: 'region-unknown',
        role: 'usage',
        details: { region, candidates: expect.arrayContaining([near]) as string[] },
      }) as Error,
    );
  },
);

test('a name that is similar to no region is refused, except at an endpoint of its own', () => {
  expect(() => checkRegion('local')).toThrow("'local' is no AWS region");
  expect(() => checkRegion('local', { ownEndpoint: true })).not.toThrow();
});

test.each(['eu-west-1', 'us-gov-east-1', 'us-isob-east-1', 'eusc-de-east-1', 'cn-north-1', 'nz-north-7'])(
  '%s is accepted as an existing or future region',
  (region) => {
    expect(() => checkRegion(region)).not.toThrow();
  },
);

test('for a host that does not exist, suggestions are given', () => {
  expect(regionsMeant('ecs.eu-west-9.amazonaws.com')).toContain('eu-west-1');
  expect(regionsMeant('portal.sso.eu-west1.amazonaws.com')).toContain('eu-west-1');
  expect(regionsMeant('vpce-0a1b-2c3d.ssm.eu-west-1.vpce.amazonaws.com')).toEqual([]);
  expect(regionsMeant('ecs.eu-west-1.amazonaws.com')).toEqual([]);
  expect(regionsMeant('company.example')).toEqual([]);
});

test.each([
  ['eu-west-1', 'aws'],
  ['nz-north-7', 'aws'],
  ['cn-northwest-1', 'aws-cn'],
  ['us-gov-west-1', 'aws-us-gov'],
  ['eusc-de-east-1', 'aws-eusc'],
  ['us-iso-east-1', 'aws-iso'],
  ['us-isob-east-1', 'aws-iso-b'],
  ['eu-isoe-west-1', 'aws-iso-e'],
])('%s is in partition %s', (region, partition) => {
  expect(partitionOf(region)).toBe(partition);
});

test('the error names where the region came from, if that is known', () => {
  expect(() => checkRegion('eu-west1', { from: 'profile ops' })).toThrow(
    "'eu-west1' is no AWS region (region of profile ops)",
  );
  expect(() => checkRegion('eu-west1')).toThrow(/is no AWS region$/);
});

test.each(['-eu-west-1', 'xx.eu-west-1', 'us-iso-east', 'eu-west-1-', 'toolong-west-1'])(
  '%s is not accepted, although a part of it looks like a region',
  (region) => {
    expect(() => checkRegion(region)).toThrow(expect.objectContaining({ code: 'region-unknown' }));
  },
);

test('the number of a region may have two digits', () => {
  expect(() => checkRegion('eu-west-12')).not.toThrow();
});
