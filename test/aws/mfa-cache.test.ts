import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

import { mfaCacheFile, readRoleSession, writeRoleSession } from '../../src/aws/mfa-cache.ts';

const HOME = mkdtempSync(join(tmpdir(), 'fc-mfa-'));
afterAll(() => rmSync(HOME, { recursive: true }));
const folder = join(HOME, '.aws', 'cli', 'cache');

const NOW = Date.parse('2026-03-01T12:00:00Z');
const SESSION = {
  accessKeyId: 'ASIA',
  secretAccessKey: 'secret',
  sessionToken: 'token',
  expiration: new Date(NOW + 3_600_000),
};

describe('the cache file has the name that the AWS CLI uses', () => {
  // Both names were computed by botocore 1.43.11 (AssumeRoleCredentialFetcher._create_cache_key).
  const role = {
    role_arn: 'arn:aws:iam::111122223333:role/Ops',
    mfa_serial: 'arn:aws:iam::111122223333:mfa/p',
  };
  test.each([
    ['49bb64af3bc7973a2d0787d540a40ceb558bd5fc.json', role],
    [
      '2bd13ce9a94729c9e8c0c4ad815844c568c58c71.json',
      { ...role, external_id: 'äx', duration_seconds: '7200', role_session_name: 'me' },
    ],
  ])('%s', (name, profile) => {
    expect(mfaCacheFile(profile)).toBe(name);
  });

  test('a role without MFA, and MFA without a role, have no cache file', () => {
    expect(mfaCacheFile({ role_arn: role.role_arn })).toBeUndefined();
    expect(mfaCacheFile({ mfa_serial: role.mfa_serial })).toBeUndefined();
  });
});

test('a session that is written can be read again, and only by its owner', async () => {
  await writeRoleSession({ HOME }, 'a.json', SESSION);
  expect(await readRoleSession({ HOME }, 'a.json', NOW)).toEqual(SESSION);
  expect(statSync(join(folder, 'a.json')).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['a.json']);
});

test.each([
  ['a session that ends within five minutes', JSON.stringify(inFile('2026-03-01T12:04:59+00:00'))],
  ['a session without an expiration', JSON.stringify(inFile('soon'))],
  ['a file without a token', JSON.stringify({ Credentials: { AccessKeyId: 'A', SecretAccessKey: 's' } })],
  ['a broken file', '{"Credentials":'],
  ['a file in another format', '[]'],
])('%s is ignored', async (_, text) => {
  writeFileSync(join(folder, 'b.json'), text);
  expect(await readRoleSession({ HOME }, 'b.json', NOW)).toBeUndefined();
});

test('an expiration in the format of old versions of the CLI is read', async () => {
  writeFileSync(join(folder, 'c.json'), JSON.stringify(inFile('2026-03-01T13:00:00UTC')));
  expect(await readRoleSession({ HOME }, 'c.json', NOW)).toEqual(SESSION);
});

test('a cache that cannot be written or read only means that another code is asked for', async () => {
  const nowhere = { HOME: join(folder, 'c.json') };
  await expect(writeRoleSession(nowhere, 'd.json', SESSION)).resolves.toBeUndefined();
  expect(await readRoleSession(nowhere, 'd.json', NOW)).toBeUndefined();
});

function inFile(Expiration: string): object {
  return {
    Credentials: {
      AccessKeyId: SESSION.accessKeyId,
      SecretAccessKey: SESSION.secretAccessKey,
      SessionToken: SESSION.sessionToken,
      Expiration,
    },
  };
}
