import { describe, expect, it } from 'vitest';
import { AccessKeys } from '../../../src/sandbox/iam/access-keys.ts';
import { systemRandomBytes } from '../../../src/sandbox/random.ts';
import { tokenSigner } from '../../../src/sandbox/world/database-token.ts';
import { databaseToken, type TokenOptions } from '../../support/database-token.ts';

const keys = new AccessKeys(systemRandomBytes);
const person = { arn: 'arn:aws:iam::111122223333:user/ada', userId: 'AIDAADA', accountId: '111122223333' };
const NOW = Date.parse('2026-11-21T10:00:00Z');
const MINUTE = 60_000;
const database = { host: 'orders-db.example', port: 5432 };

const envOf = (key: {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}) => ({
  AWS_ACCESS_KEY_ID: key.accessKeyId,
  AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
  ...(key.sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: key.sessionToken }),
});
const env = envOf(keys.issue(person));

const sign = (over: Partial<TokenOptions> = {}, who = env): Promise<string> =>
  databaseToken(who, { ...database, user: 'orders_app', signedAt: new Date(NOW), ...over });
const signer = (token: string, now = NOW) =>
  tokenSigner({
    token,
    hosts: [database.host, 'reader.example'],
    port: database.port,
    username: 'orders_app',
    region: 'eu-west-1',
    now,
    lookup: (id) => keys.lookup(id),
  });

describe('an IAM token of RDS', () => {
  it('identifies the user who signed it, for fifteen minutes', async () => {
    const token = await sign();
    expect(signer(token)).toBe(person);
    expect(signer(token, NOW + 14 * MINUTE)).toBe(person);
    expect(signer(token, NOW + 16 * MINUTE)).toBeUndefined();
  });

  it('may be signed with temporary credentials, until they expire', async () => {
    const session = envOf(keys.issueSession(person, NOW + 5 * MINUTE));
    const token = await sign({}, session);
    expect(signer(token)).toBe(person);
    expect(signer(token, NOW + 6 * MINUTE)).toBeUndefined();
  });

  it.each<[string, Partial<TokenOptions>]>([
    ['another host', { host: 'billing-db.example' }],
    ['the local end of a tunnel', { host: '127.0.0.1', port: 15432 }],
    ['another port', { port: 5433 }],
    ['another user', { user: 'orders' }],
    ['another region', { region: 'us-east-1' }],
    ['another service', { service: 'rds' }],
    ['another action', { action: 'disconnect' }],
    ['a lifetime of a day', { seconds: 86_400 }],
  ])('is refused if it is signed for %s', async (_, over) => {
    expect(signer(await sign(over))).toBeUndefined();
  });

  it('is rejected with a wrong secret, a changed byte, or another format', async () => {
    expect(signer(await sign({}, { ...env, AWS_SECRET_ACCESS_KEY: 'wrong' }))).toBeUndefined();
    const token = await sign();
    expect(signer(token.replace(/.$/, (last) => (last === '0' ? '1' : '0')))).toBeUndefined();
    for (const text of ['', 'secret', 'orders-db.example:5432/', `https://${token}`])
      expect(signer(text)).toBeUndefined();
  });
});
