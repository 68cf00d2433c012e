import { describe, expect, it } from 'vitest';

import { checkBastionName } from '../../../src/provision/bastion/names.ts';
import { parseIdle, parsePort, parseTtl } from '../../../src/provision/plan/spec.ts';

describe('durations on the command line', () => {
  it.each([
    ['8h', 28_800_000],
    ['1h30m', 5_400_000],
    ['90m', 5_400_000],
    ['2d', 172_800_000],
    [' 10m ', 600_000],
  ])('--ttl %s is parsed', (text, ms) => {
    expect(parseTtl(text)).toBe(ms);
  });
  it.each(['', 'soon', '5', '9m', '8d', '-1h', '1h 30m', '99999999h', '8H'])(
    '--ttl %j is refused',
    (text) => {
      expect(() => parseTtl(text)).toThrow(
        expect.objectContaining({ code: 'duration', role: 'usage' }) as Error,
      );
    },
  );
  it.each([
    ['0', 0],
    ['0m', 0],
    ['5m', 5],
    ['2h', 120],
  ])('--idle %s is parsed', (text, minutes) => {
    expect(parseIdle(text)).toBe(minutes);
  });
  it.each(['1m', '25h', 'x'])('--idle %s is refused', (text) => {
    expect(() => parseIdle(text)).toThrow(expect.objectContaining({ code: 'duration' }) as Error);
  });
  it.each(['0', '65536', '5432x', ''])('port %j is refused', (text) => {
    expect(() => parsePort(text, '--egress-port')).toThrow(
      expect.objectContaining({ code: 'port' }) as Error,
    );
  });
});

describe('names', () => {
  it.each(['default', 'a', 'orders-2', 'x'.repeat(32)])('%s is valid', (name) => {
    expect(checkBastionName(name)).toBe(name);
  });
  it.each(['', 'Orders', '-a', 'a-', 'a b', 'x'.repeat(33), 'a/b', '*'])('%j is invalid', (name) => {
    expect(() => checkBastionName(name)).toThrow(expect.objectContaining({ code: 'bastion-name' }) as Error);
  });
});
