import type { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { access } from '../core/errors.ts';
import { ProxyAgent } from '../core/proxy.ts';
import { credentialsProblem, isCredentialsProblem } from './errors.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** The settings that choose account and region. */
export interface AccountSettings {
  readonly profile: string | undefined;
  readonly region: string | undefined;
  readonly endpointUrl: string | undefined;
}

/** Memoised until shortly before expiry; call it again for fresh credentials. */
export type Credentials = ReturnType<typeof fromNodeProviderChain>;

/** What every SDK client constructor gets; one object for all clients of a run, so sockets and credentials are shared. */
export interface ClientConfig {
  readonly region: string;
  readonly credentials: Credentials;
  /** `AWS_ENDPOINT_URL`: the sandbox. */
  readonly endpoint?: string;
  readonly maxAttempts: number;
  readonly retryMode: 'standard';
  readonly requestHandler: {
    readonly connectionTimeout: number;
    readonly requestTimeout: number;
    readonly throwOnRequestTimeout: boolean;
    readonly httpAgent: HttpAgent;
    readonly httpsAgent: HttpsAgent;
  };
}

/** List-heavy starts meet throttling: more tries than the SDK's three (docs/reference/api-limits.md §3). */
const MAX_ATTEMPTS = 6;
const CONNECTION_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30_000;

/** Throws `region-missing`. Credentials are looked up at the first call, not here. */
export async function clientConfig(settings: AccountSettings, env: Env): Promise<ClientConfig> {
  const region = await resolveRegion(settings, env);
  const agentOptions = { keepAlive: true, maxSockets: 16 };
  return {
    region,
    credentials: await resolveCredentials(settings.profile, region, env),
    ...(settings.endpointUrl === undefined ? {} : { endpoint: settings.endpointUrl }),
    maxAttempts: MAX_ATTEMPTS,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      httpAgent: new HttpAgent(agentOptions),
      httpsAgent: new ProxyAgent(env, agentOptions),
    },
  };
}

/** Flag or settings, then AWS_REGION, AWS_DEFAULT_REGION, then the profile's `region`. Throws `region-missing`. */
async function resolveRegion(settings: AccountSettings, env: Env): Promise<string> {
  const profile = settings.profile ?? env['AWS_PROFILE'] ?? 'default';
  const region =
    settings.region || env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || (await profileRegion(profile, env));
  if (region === undefined || region === '') {
    throw access(
      'region-missing',
      `no AWS region: not given, not in the environment, not in profile ${profile}`,
      {
        hints: [
          'give --region, e.g. --region eu-west-1',
          `aws configure set region REGION --profile ${profile}`,
        ],
        details: { profile },
      },
    );
  }
  return region;
}

/** A shell's AWS_ACCESS_KEY_ID must win over files, as it does for the AWS CLI, unless a profile was asked for. */
async function resolveCredentials(
  profile: string | undefined,
  region: string,
  env: Env,
): Promise<Credentials> {
  const accessKeyId = env['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = env['AWS_SECRET_ACCESS_KEY'];
  if (profile === undefined && accessKeyId && secretAccessKey) {
    const sessionToken = env['AWS_SESSION_TOKEN'];
    return () => Promise.resolve({ accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) });
  }
  const { fromNodeProviderChain } = await import('./credential-chain.ts');
  const selected = profile ?? env['AWS_PROFILE'];
  const chain = fromNodeProviderChain({
    ...(selected === undefined ? {} : { profile: selected }),
    configFilepath: configPath(env),
    filepath: credentialsPath(env),
    clientConfig: { region },
  });
  return (...request) =>
    chain(...request).catch((error: unknown) => {
      throw isCredentialsProblem(error) ? credentialsProblem(error, selected) : error;
    });
}

const home = (env: Env): string => env['HOME'] ?? homedir();
const configPath = (env: Env): string => env['AWS_CONFIG_FILE'] || join(home(env), '.aws', 'config');
const credentialsPath = (env: Env): string =>
  env['AWS_SHARED_CREDENTIALS_FILE'] || join(home(env), '.aws', 'credentials');

async function profileRegion(profile: string, env: Env): Promise<string | undefined> {
  const files = [
    { path: configPath(env), section: profile === 'default' ? 'default' : `profile ${profile}` },
    { path: credentialsPath(env), section: profile },
  ];
  for (const { path, section } of files) {
    const contents = await readFile(path, 'utf8').catch(() => '');
    const region = iniValue(contents, section, 'region');
    if (region !== undefined) return region;
  }
  return undefined;
}

/** One top-level key of one section. Indented lines belong to a nested property (`s3 =`) and do not count. */
export function iniValue(contents: string, section: string, key: string): string | undefined {
  let inside = false;
  for (const line of contents.split(/\r?\n/)) {
    const header = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line);
    if (header !== null) {
      inside = header[1]?.replace(/\s+/g, ' ') === section;
      continue;
    }
    const pair = inside ? /^([^\s=#;][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) : null;
    if (pair?.[1] === key) return pair[2]?.replace(/\s+[#;].*$/, '');
  }
  return undefined;
}
