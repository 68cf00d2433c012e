import { describe, expect, it } from 'vitest';

import { parseSecret } from '../../../src/connect/database/secret-login.ts';

const CANARY = 'canary-5f1d';

describe('parseSecret', () => {
  it.each([
    [
      'the one that RDS keeps',
      JSON.stringify({ username: 'admin', password: CANARY }),
      { user: 'admin', database: undefined, host: undefined },
    ],
    [
      'one of the rotation templates',
      JSON.stringify({
        engine: 'postgres',
        host: 'h',
        username: 'u',
        password: CANARY,
        dbname: 'd',
        port: 5432,
      }),
      { user: 'u', database: 'd', host: 'h' },
    ],
    ['the password alone', CANARY, { user: undefined, database: undefined, host: undefined }],
  ])('reads %s', (_, text, rest) => {
    expect(parseSecret('s', text)).toEqual({ password: CANARY, ...rest });
  });

  it('takes digits as a password', () => {
    expect(parseSecret('s', '12345678').password).toBe('12345678');
  });

  it.each([
    ['', 'is empty'],
    [JSON.stringify({ token: CANARY }), 'token'],
    [JSON.stringify({ username: 'u', password: '' }), 'username'],
    ['x'.repeat(65_537), 'longer'],
  ])('refuses what holds no password, and says no value', (text, said) => {
    expect(() => parseSecret('my-secret', text)).toThrow(said);
    try {
      parseSecret('my-secret', text);
    } catch (error) {
      expect(String(error)).not.toContain(CANARY);
      expect(JSON.stringify(error)).not.toContain(CANARY);
    }
  });
});
