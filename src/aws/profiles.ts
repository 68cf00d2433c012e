import { homedir } from 'node:os';
import { join } from 'node:path';
import { loadSharedConfigFiles, loadSsoSessionData, parseKnownFiles } from '@smithy/core/config';

import type { CaBundle } from '../core/network-agents.ts';

/** The environment variables of the process that the user started. */
export type Env = Readonly<Record<string, string | undefined>>;

/** One section of the AWS configuration files: `region`, `sso_session`, `s3.use_accelerate_endpoint`, … */
export type Profile = Readonly<Record<string, string | undefined>>;

/** The shared configuration files of AWS, as the SDK reads them; keys in the credentials file have priority. */
export interface ProfileFiles {
  readonly configPath: string;
  readonly credentialsPath: string;
  readonly profiles: Readonly<Record<string, Profile>>;
  /** Names of the `[sso-session NAME]` sections. */
  readonly ssoSessions: readonly string[];
}

const home = (env: Env): string => env['HOME'] || env['USERPROFILE'] || homedir();

const pathsOf = (env: Env): { readonly configFilepath: string; readonly filepath: string } => ({
  configFilepath: env['AWS_CONFIG_FILE'] || join(home(env), '.aws', 'config'),
  filepath: env['AWS_SHARED_CREDENTIALS_FILE'] || join(home(env), '.aws', 'credentials'),
});

/**
 * Reads the files again each time, because another program may have signed in meanwhile. A file that cannot be read
 * counts as empty.
 */
export async function readProfiles(env: Env): Promise<ProfileFiles> {
  const paths = pathsOf(env);
  // One reading serves both calls: the first one fills the SDK's cache.
  await loadSharedConfigFiles({ ...paths, ignoreCache: true });
  const [known, sessions] = await Promise.all([parseKnownFiles(paths), loadSsoSessionData(paths)]);
  const profiles = Object.fromEntries(Object.entries(known).filter(([name]) => !isOtherSection(name)));
  return {
    configPath: paths.configFilepath,
    credentialsPath: paths.filepath,
    profiles,
    ssoSessions: Object.keys(sessions),
  };
}

/** The SDK returns `sso-session.NAME` and `services.NAME` among the profiles. */
const isOtherSection = (name: string): boolean => /^(sso-session|services)\./.test(name);

/** Options that let the SDK's credential providers read our files, and read them again each time. */
export const providerFiles = (env: Env) => ({ ...pathsOf(env), ignoreCache: true });

/**
 * The profile whose settings apply: the chosen one, otherwise AWS_DEFAULT_PROFILE before AWS_PROFILE, as in the AWS
 * CLI. Undefined = the user named none, and `default` applies if it exists.
 */
export const namedProfile = (chosen: string | undefined, env: Env): string | undefined =>
  chosen ?? (env['AWS_DEFAULT_PROFILE'] || env['AWS_PROFILE'] || undefined);

/** AWS_CA_BUNDLE before the profile's `ca_bundle`, as in the AWS CLI. */
export function caBundle(
  env: Env,
  name: string | undefined,
  profile: Profile | undefined,
): CaBundle | undefined {
  const fromEnv = env['AWS_CA_BUNDLE'];
  if (fromEnv) return { path: fromEnv, from: 'AWS_CA_BUNDLE' };
  const fromProfile = profile?.['ca_bundle'];
  if (!fromProfile) return undefined;
  const path = fromProfile.startsWith('~/') ? join(home(env), fromProfile.slice(2)) : fromProfile;
  return { path, from: `ca_bundle of profile ${name ?? 'default'}` };
}
