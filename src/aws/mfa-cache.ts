import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import type { Env, Profile } from './profiles.ts';

/**
 * A role session in the AWS CLI's cache, so that an MFA code is asked for once per session and not once per command.
 */
export interface RoleSession {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/** A session with less time left is not used; the SDK renews credentials at the same time before their end. */
const LEAST_LEFT_MS = 5 * 60_000;

const folderOf = (env: Env): string => join(env['HOME'] || homedir(), '.aws', 'cli', 'cache');

/**
 * Name of the CLI's cache file for the role of a profile: SHA-1 of the request's parameters as Python's json.dumps
 * writes them (botocore, AssumeRoleCredentialFetcher._create_cache_key). Undefined if the profile assumes no role with
 * MFA.
 */
export function mfaCacheFile(profile: Profile): string | undefined {
  const { role_arn, mfa_serial, external_id, duration_seconds, role_session_name } = profile;
  if (role_arn === undefined || mfa_serial === undefined) return undefined;
  const seconds = duration_seconds === undefined ? NaN : Number.parseInt(duration_seconds, 10);
  const parameters: readonly (readonly [string, string | number | undefined])[] = [
    ['DurationSeconds', Number.isNaN(seconds) ? undefined : seconds],
    ['ExternalId', external_id],
    ['RoleArn', role_arn],
    ['RoleSessionName', role_session_name],
    ['SerialNumber', mfa_serial],
  ];
  const members = parameters.flatMap(([name, value]) =>
    value === undefined ? [] : [`"${name}": ${asciiJson(value)}`],
  );
  return `${createHash('sha1')
    .update(`{${members.join(', ')}}`)
    .digest('hex')}.json`;
}

/** JSON as Python writes it: all characters beyond ASCII are escaped. */
const asciiJson = (value: string | number): string =>
  JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Undefined if there is no such file, it cannot be read, or its session ends within five minutes of `now`. */
export async function readRoleSession(env: Env, file: string, now: number): Promise<RoleSession | undefined> {
  try {
    const text = await readFile(join(folderOf(env), file), 'utf8');
    const { Credentials: kept } = JSON.parse(text) as { Credentials: Record<string, string> };
    // Old versions of the CLI wrote `…UTC`.
    const expiration = new Date((kept['Expiration'] ?? '').replace(/UTC$/, 'Z'));
    const { AccessKeyId, SecretAccessKey, SessionToken } = kept;
    if (!AccessKeyId || !SecretAccessKey || !SessionToken) return undefined;
    if (!(expiration.getTime() - now > LEAST_LEFT_MS)) return undefined;
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      expiration,
    };
  } catch {
    return undefined;
  }
}

/** The file is readable by its owner only. If it cannot be written, the user is asked for another code next time. */
export async function writeRoleSession(env: Env, file: string, session: RoleSession): Promise<void> {
  const folder = folderOf(env);
  const contents = {
    Credentials: {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      SessionToken: session.sessionToken,
      Expiration: session.expiration.toISOString().replace(/\.\d+Z$/, '+00:00'),
    },
    ProviderType: 'assume-role',
  };
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const partial = join(folder, `${file}.${process.pid}`);
    await writeFile(partial, JSON.stringify(contents), { mode: 0o600 });
    await rename(partial, join(folder, file));
  } catch {
    // The cache is only a convenience, see above.
  }
}
