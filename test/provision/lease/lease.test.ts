import { describe, expect, it } from 'vitest';

import {
  costSoFar,
  idleLeft,
  leaseOf,
  type PriceFacts,
  priceOf,
} from '../../../src/provision/lease/lease.ts';

const HOUR = 3_600_000;

it.each([
  [30, 0, 30],
  [30, 59_000, 30],
  [30, 12 * 60_000, 18],
  [30, 40 * 60_000, 0],
  [0, 40 * 60_000, undefined],
  [undefined, 0, undefined],
])('with %s idle minutes, %d ms without a session leave %s', (idleMinutes, ms, left) => {
  expect(idleLeft({ expiresAt: undefined, idleMinutes }, 5_000, 5_000 + ms)).toBe(left);
});

describe('the lease', () => {
  it('is read from tags, and is undefined if they are invalid', () => {
    const tags = {
      'fargate-connect:expires-at': '2026-11-21T18:00:00.000Z',
      'fargate-connect:idle-minutes': '0',
    };
    expect(leaseOf({ tags, launchedAt: 0 })).toEqual({
      expiresAt: Date.parse('2026-11-21T18:00:00Z'),
      idleMinutes: 0,
    });
    expect(leaseOf({ tags: { 'fargate-connect:expires-at': 'soon' }, launchedAt: 0 })).toEqual({
      expiresAt: undefined,
      idleMinutes: undefined,
    });
  });

  it('is counted from the launch for exported code', () => {
    const tags = { 'fargate-connect:ttl-minutes': '480' };
    expect(leaseOf({ tags, launchedAt: 60_000 }).expiresAt).toBe(481 * 60_000);
    const extended = { ...tags, 'fargate-connect:expires-at': '2026-11-21T18:00:00.000Z' };
    expect(leaseOf({ tags: extended, launchedAt: 0 }).expiresAt).toBe(Date.parse('2026-11-21T18:00:00Z'));
  });
});

describe('cost', () => {
  const instance = {
    launchedAt: 0,
    market: 'spot',
    type: 't4g.micro',
    zone: 'eu-west-1a',
    publicIp: undefined,
  } as const;
  const price = (dollarsPerHour: number, at: number) => ({
    instanceType: 't4g.micro',
    zone: 'eu-west-1a',
    dollarsPerHour,
    at,
  });

  it('follows the spot price over the hours', () => {
    const history = [price(0.004, 2 * HOUR), price(0.002, -HOUR), price(0.001, 3 * HOUR)];
    const cost = costSoFar(instance, 0, history, 4 * HOUR);
    expect(cost).toBeCloseTo(2 * 0.002 + 0.004 + 0.001, 10);
  });

  it('adds the volume and the public address', () => {
    const cost = costSoFar({ ...instance, publicIp: '3.3.3.3' }, 8, [price(0.002, 0)], 10 * HOUR);
    expect(cost).toBeCloseTo(10 * (0.002 + 0.005 + (8 * 0.08) / 730), 10);
  });

  it('is not estimated without a price', () => {
    expect(costSoFar(instance, 8, [], HOUR)).toBeUndefined();
    expect(costSoFar({ ...instance, market: 'on-demand' }, 8, [price(1, 0)], HOUR)).toBeUndefined();
  });
});

describe('the price of a plan', () => {
  const pool = { instanceType: 't4g.micro', zone: 'eu-west-1a', dollarsPerHour: 0.0031, at: 0 };
  const facts: PriceFacts = {
    region: 'eu-west-1',
    market: 'spot',
    type: 't4g.micro',
    pool,
    volumeGiB: 8,
    publicIp: false,
  };
  const said: readonly (readonly [string, PriceFacts, string])[] = [
    [
      'spot',
      facts,
      'about $0.0040 an hour: t4g.micro spot $0.0031 (eu-west-1a), 8 GiB gp3 $0.0009 (us-east-1 list price)',
    ],
    [
      'spot with a public address',
      { ...facts, publicIp: true },
      'about $0.0090 an hour: t4g.micro spot $0.0031 (eu-west-1a), 8 GiB gp3 $0.0009, public IPv4 $0.0050 (us-east-1 list prices)',
    ],
    [
      'in the region of the list prices',
      { ...facts, region: 'us-east-1', pool: { ...pool, zone: 'us-east-1a' } },
      'about $0.0040 an hour: t4g.micro spot $0.0031 (us-east-1a), 8 GiB gp3 $0.0009',
    ],
    [
      'spot without a price',
      { ...facts, pool: undefined },
      'an instance at a spot price that AWS did not name; beside it $0.0009 an hour: 8 GiB gp3 $0.0009 (us-east-1 list price)',
    ],
    [
      'on-demand, which is not guessed',
      { ...facts, market: 'on-demand' },
      "t4g.micro on-demand at AWS's list price, spot is $0.0031; beside it $0.0009 an hour: 8 GiB gp3 $0.0009 (us-east-1 list price)",
    ],
    [
      'on-demand without any price',
      { ...facts, market: 'on-demand', pool: undefined },
      "t4g.micro on-demand at AWS's list price; beside it $0.0009 an hour: 8 GiB gp3 $0.0009 (us-east-1 list price)",
    ],
  ];
  it.each(said)('%s', (_what, given, text) => expect(priceOf(given).text).toBe(text));

  it('is a number only if every part is known', () => {
    expect(priceOf(facts).dollarsPerHour).toBeCloseTo(0.0031 + (8 * 0.08) / 730, 10);
    for (const unknown of [{ pool: undefined }, { market: 'on-demand' }] as const)
      expect(priceOf({ ...facts, ...unknown }).dollarsPerHour).toBeUndefined();
  });
});
