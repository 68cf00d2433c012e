import { describe, expect, it } from 'vitest';

import { costSoFar, describeCost, describeDuration, hourlyCost, leaseOf } from '../../src/provision/lease.ts';

const HOUR = 3_600_000;

describe('durations', () => {
  it.each([
    [-5, 'over'],
    [0, 'over'],
    [1_000, '1 min'],
    [29.6 * 60_000, '30 min'],
    [HOUR, '1 h 00 min'],
    [2 * HOUR + 5 * 60_000, '2 h 05 min'],
    [50 * HOUR, '2 d 2 h'],
  ])('%d ms: %s', (ms, text) => {
    expect(describeDuration(ms)).toBe(text);
  });
});

describe('the lease', () => {
  it('is read from tags, and says when it cannot be', () => {
    const tags = {
      'fargate-connect:expires-at': '2026-11-21T18:00:00.000Z',
      'fargate-connect:idle-minutes': '0',
    };
    expect(leaseOf({ tags })).toEqual({ expiresAt: Date.parse('2026-11-21T18:00:00Z'), idleMinutes: 0 });
    expect(leaseOf({ tags: { 'fargate-connect:expires-at': 'soon' } })).toEqual({
      expiresAt: undefined,
      idleMinutes: undefined,
    });
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

  it('follows the spot price through the hours', () => {
    const history = [price(0.004, 2 * HOUR), price(0.002, -HOUR), price(0.001, 3 * HOUR)];
    const cost = costSoFar(instance, 0, history, 4 * HOUR);
    expect(cost).toBeCloseTo(2 * 0.002 + 0.004 + 0.001, 10);
  });

  it('adds volume and public address', () => {
    const cost = costSoFar({ ...instance, publicIp: '3.3.3.3' }, 8, [price(0.002, 0)], 10 * HOUR);
    expect(cost).toBeCloseTo(10 * (0.002 + 0.005 + (8 * 0.08) / 730), 10);
  });

  it('is not guessed without a price', () => {
    expect(costSoFar(instance, 8, [], HOUR)).toBeUndefined();
    expect(costSoFar({ ...instance, market: 'on-demand' }, 8, [price(1, 0)], HOUR)).toBeUndefined();
  });

  it('names its parts', () => {
    const text = describeCost(hourlyCost(0.0031, 8, true), price(0.0031, 0), 8);
    expect(text).toBe(
      'about $0.0090 an hour: t4g.micro spot $0.0031 (eu-west-1a), 8 GiB gp3 $0.0009, public IPv4 $0.0050',
    );
  });
});
