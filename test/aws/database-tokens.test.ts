import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import type { ClientConfig } from '../../src/aws/client-config.ts';
import { createDatabaseTokensPort } from '../../src/aws/database-tokens.ts';

/** Vectors of botocore's `generate_db_auth_token` (botocore 1.4x, 2026-11-30T10:00:00Z), with and without a session token. */

const HOST = 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';
const KEYS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-11-30T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

const tokenOf = (sessionToken?: string): Promise<string> =>
  createDatabaseTokensPort({
    region: 'eu-west-1',
    credentials: () => Promise.resolve(sessionToken === undefined ? KEYS : { ...KEYS, sessionToken }),
  } as unknown as ClientConfig).token({ host: HOST, port: 5432, user: 'orders_app' });

const EXPECTED = {
  Action: 'connect',
  DBUser: 'orders_app',
  'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
  'X-Amz-Credential': 'AKIDEXAMPLE/20261130/eu-west-1/rds-db/aws4_request',
  'X-Amz-Date': '20261130T100000Z',
  'X-Amz-Expires': '900',
  'X-Amz-SignedHeaders': 'host',
};

it.each([
  [undefined, '41ca748a8fa1413338be94d278dde6765dcbc64565946c44d3cb6ff428bc6ac1'],
  ['SESSIONTOKEN+/=', '823a55c03b5e5a9158ffc584dce79296435c854ed4c325cb6ade8be2a717d903'],
])('a token with the session token %s is the one that botocore signs', async (sessionToken, signature) => {
  const token = await tokenOf(sessionToken);
  expect(token.startsWith(`${HOST}:5432/?`)).toBe(true);
  const parameters = Object.fromEntries(new URL(`https://${token}`).searchParams);
  expect(parameters).toEqual({
    ...EXPECTED,
    ...(sessionToken === undefined ? {} : { 'X-Amz-Security-Token': sessionToken }),
    'X-Amz-Signature': signature,
  });
});
