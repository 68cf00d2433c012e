import { expect, test } from 'vitest';

import { checkRegion, regionsMeant } from '../../src/aws/regions.ts';

test.each([
  ['eu-west1', 'eu-west-1'],
  ['euwest-1', 'eu-west-1'],
  ['us-east', 'us-east-1'],
  ['EU-WEST-1', 'eu-west-1'],
  ['eu-west-1a', 'eu-west-1'],
])('%s is refused, and %s suggested', (region, suggestion) => {
  expect(() => checkRegion(region)).toThrow(
    expect.objectContaining({
      code: 'region-unknown',
      role: 'usage',
      details: { region, candidates: expect.arrayContaining([suggestion]) as string[] },
    }) as Error,
  );
});

test.each(['eu-west-1', 'us-gov-east-1', 'us-isob-east-1', 'eusc-de-east-1', 'cn-north-1', 'nz-north-7'])(
  '%s is accepted as an existing or future region',
  (region) => {
    expect(() => checkRegion(region)).not.toThrow();
  },
);

test('for a misspelt region of valid form only suggestions are given', () => {
  expect(regionsMeant('ecs.eu-wset-1.amazonaws.com')).toContain('eu-west-1');
  expect(regionsMeant('ecs.eu-west-1.amazonaws.com')).toEqual([]);
  expect(regionsMeant('company.example')).toEqual([]);
});
