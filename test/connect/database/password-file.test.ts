import { describe, expect, it } from 'vitest';

import { hasPassword } from '../../../src/connect/database/password-file.ts';

const WANTED = { host: 'db.internal', port: 23_400, database: 'orders', user: 'app' };

describe('hasPassword', () => {
  it.each([
    ['db.internal:23400:orders:app:word', true],
    ['# comment\n\n*:*:*:*:word', true],
    ['*:*:*:app:a\\:b\r\n', true],
    ['*:5432:*:app:word', false],
    ['*:*:other:app:word', false],
    ['*:*:*:other:word', false],
    ['other:*:*:app:word', false],
    ['*:*:*:app:', false],
    ['*:*:*:app', false],
    ['#*:*:*:*:word', false],
    ['', false],
  ])('%j', (text, expected) => {
    expect(hasPassword(text, WANTED)).toBe(expected);
  });

  it('reads escaped colons and backslashes', () => {
    expect(hasPassword('*:*:*:a\\:p\\\\p:word', { ...WANTED, user: 'a:p\\p' })).toBe(true);
  });

  it('takes every line for an unknown user or database', () => {
    const unknown = { ...WANTED, user: undefined, database: undefined };
    expect(hasPassword('*:*:orders:app:word', unknown)).toBe(true);
  });
});
