import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { clientConfig } from '../../src/aws/client-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'fc-client-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const AWS_CONFIG_FILE = join(folder, 'config');

describe('the attempts of a call and their mode', () => {
  it.each([
    ['our defaults, when neither sets them', '', {}, { maxAttempts: 6, retryMode: 'adaptive' }],
    [
      'the profile before our defaults',
      'max_attempts = 4\nretry_mode = standard\n',
      {},
      { maxAttempts: 4, retryMode: 'standard' },
    ],
    [
      'the environment before the profile',
      'max_attempts = 4\nretry_mode = adaptive\n',
      { AWS_MAX_ATTEMPTS: '2', AWS_RETRY_MODE: 'standard' },
      { maxAttempts: 2, retryMode: 'standard' },
    ],
    [
      'our default instead of a number that allows no call',
      'max_attempts = 0\n',
      {},
      { maxAttempts: 6, retryMode: 'adaptive' },
    ],
  ])('%s', async (_, lines, env, expected) => {
    writeFileSync(AWS_CONFIG_FILE, `[profile work]\nregion = eu-west-1\n${lines}`);
    const files = { AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials') };
    const settings = { profile: 'work', region: undefined, endpointUrl: undefined };
    expect(await clientConfig(settings, { ...files, ...env })).toMatchObject(expected);
  });
});
