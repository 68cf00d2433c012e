import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { clientConfig } from '../../src/aws/client-config.ts';

/** Credentials that end soon are renewed early, or the error says who has to renew them. */

const folder = mkdtempSync(join(tmpdir(), 'fc-renewal-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const AWS_CONFIG_FILE = join(folder, 'config');
const printed = join(folder, 'printed.json');
const files = {
  PATH: process.env['PATH'] ?? '',
  AWS_CONFIG_FILE,
  AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'),
};
const MINUTE = 60_000;
const inMinutes = (minutes: number): string => new Date(Date.now() + minutes * MINUTE).toISOString();

const printsKeys = (id: string, minutes: number): void =>
  writeFileSync(
    printed,
    JSON.stringify({
      Version: 1,
      AccessKeyId: id,
      SecretAccessKey: 's',
      SessionToken: 't',
      Expiration: inMinutes(minutes),
    }),
  );

it('a profile is asked again before the usual time, and the present keys stay in use if that fails', async () => {
  writeFileSync(AWS_CONFIG_FILE, `[profile work]\nregion = eu-west-1\ncredential_process = cat ${printed}\n`);
  printsKeys('FIRST', 9);
  const settings = { profile: 'work', region: undefined, endpointUrl: undefined };
  const { credentials } = await clientConfig(settings, files);
  const key = async (): Promise<string> => (await credentials()).accessKeyId;
  expect(await key()).toBe('FIRST');
  rmSync(printed);
  await credentials.renew(8 * MINUTE);
  await expect(credentials.renew(10 * MINUTE)).rejects.toMatchObject({
    code: 'credential-process-failed',
    role: 'access',
  });
  expect(await key()).toBe('FIRST');
  printsKeys('SECOND', 60);
  await credentials.renew(10 * MINUTE);
  expect(await key()).toBe('SECOND');
});

it('keys of the environment end when AWS_CREDENTIAL_EXPIRATION says so, and cannot be renewed', async () => {
  const settings = { profile: undefined, region: 'eu-west-1', endpointUrl: undefined };
  const keys = { ...files, AWS_ACCESS_KEY_ID: 'K', AWS_SECRET_ACCESS_KEY: 's' };
  const temporary = { ...keys, AWS_SESSION_TOKEN: 't', AWS_CREDENTIAL_EXPIRATION: inMinutes(9) };
  const { credentials } = await clientConfig(settings, temporary);
  expect((await credentials()).expiration?.toISOString()).toBe(temporary.AWS_CREDENTIAL_EXPIRATION);
  await credentials.renew(8 * MINUTE);
  await expect(credentials.renew(10 * MINUTE)).rejects.toMatchObject({
    code: 'credentials-expired',
    details: { isFixed: true },
  });
  for (const env of [keys, { ...temporary, AWS_CREDENTIAL_EXPIRATION: 'soon' }]) {
    const lasting = (await clientConfig(settings, env)).credentials;
    expect((await lasting()).expiration).toBeUndefined();
    await lasting.renew(10 * MINUTE);
  }
});
