import type { AwsCredentialIdentity } from '@smithy/types';

import { access, type ToolError, usage } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { type CredentialFailure, credentialsError } from './credential-errors.ts';
import { mfaCacheFile, readRoleSession, writeRoleSession } from './mfa-cache.ts';
import { type Env, type Profile, providerFiles, readProfiles } from './profiles.ts';
import { AwsRequestHandler, SILENT } from './request-handler.ts';

/** Resolves credentials, and renews them before they expire; call it again for fresh ones. Throws ToolErrors only. */
export interface Credentials {
  (): Promise<AwsCredentialIdentity>;
  /**
   * Renews credentials that end within `beforeMs`, without a question. Throws as `resolveCredentials` says if that needs
   * a person, and `credentials-expired` for keys in the environment. Does nothing for credentials whose end is not known.
   */
  renew(beforeMs: number): Promise<void>;
}

/** Asks for the code that an MFA device shows. */
export type AskMfaCode = (device: string, profile: string) => Promise<string>;

export interface CredentialOptions {
  readonly env: Env;
  /**
   * Undefined = the user named none: then keys in the environment, the profile `default`, and the machine's own sources
   * are tried.
   */
  readonly profile: string | undefined;
  /**
   * True: keys in the environment are used. As in the AWS CLI they override AWS_PROFILE, but not a profile that was
   * asked for explicitly.
   */
  readonly keysWin: boolean;
  readonly region: string;
  readonly requestHandler: AwsRequestHandler;
  /** Time of this machine, in milliseconds since the epoch; that of AWS is `requestHandler.time`. */
  readonly now: () => number;
  /** Undefined = there is no terminal to ask on. */
  readonly askMfaCode: AskMfaCode | undefined;
}

/** Credentials are renewed this long before they expire, as in the SDK. */
const RENEW_BEFORE_MS = 5 * 60_000;
/**
 * Temporary keys in a file do not say when they expire, and another program replaces them: the file is read again each
 * minute.
 */
const READ_AGAIN_MS = 60_000;

/**
 * Uses the SDK's own chain (environment, profile, web identity, container, instance) with errors of our own, which name
 * the profile and the remedy: `profile-not-found`, `profile-incomplete`, `credentials-missing`, `credentials-expired`,
 * `credential-process-failed`, `assume-role-refused`, `mfa-needed`, `mfa-refused`, `sso-role-refused` (all exit 4
 * except `mfa-needed`). Network errors are those of AwsRequestHandler, and `aws-unreachable`.
 */
export function resolveCredentials(options: CredentialOptions): Credentials {
  const fromKeys = options.keysWin ? keysIn(options.env) : undefined;
  if (fromKeys !== undefined) return fixedCredentials(fromKeys, options.requestHandler);
  let current: Resolved | undefined;
  let pending: Promise<AwsCredentialIdentity> | undefined;
  const left = (): number =>
    current === undefined ? 0 : (current.identity.expiration?.getTime() ?? Infinity) - current.now();
  const renew = async (): Promise<AwsCredentialIdentity> => {
    try {
      current = await resolveOnce(options, current === undefined);
    } catch (error) {
      // If the renewal fails, the present credentials are used until they expire.
      if (current === undefined || left() <= 0) throw error;
    }
    return current.identity;
  };
  const credentials = async (): Promise<AwsCredentialIdentity> => {
    if (current !== undefined && left() > RENEW_BEFORE_MS) return current.identity;
    pending ??= renew().finally(() => {
      pending = undefined;
    });
    return pending;
  };
  return Object.assign(credentials, {
    async renew(beforeMs: number): Promise<void> {
      await credentials();
      if (current?.isEndKnown === true && left() <= beforeMs) current = await resolveOnce(options, false);
    },
  });
}

/** Keys of the environment of this process, which nobody can replace while it runs. */
function fixedCredentials(keys: AwsCredentialIdentity, { time }: AwsRequestHandler): Credentials {
  return Object.assign(() => Promise.resolve(keys), {
    renew(beforeMs: number): Promise<void> {
      if ((keys.expiration?.getTime() ?? Infinity) - time.now() > beforeMs) return Promise.resolve();
      return Promise.reject(
        access('credentials-expired', 'the keys in the environment of this process cannot be renewed', {
          details: { isFixed: true },
        }),
      );
    },
  });
}

export const hasKeys = (env: Env): boolean => keysIn(env) !== undefined;

function keysIn(env: Env): AwsCredentialIdentity | undefined {
  const accessKeyId = env['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = env['AWS_SECRET_ACCESS_KEY'];
  if (!accessKeyId || !secretAccessKey) return undefined;
  const sessionToken = env['AWS_SESSION_TOKEN'];
  // Set by `aws configure export-credentials` and by programs like aws-vault.
  const expiration = new Date(env['AWS_CREDENTIAL_EXPIRATION'] ?? '');
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken ? { sessionToken } : {}),
    ...(sessionToken && !Number.isNaN(expiration.getTime()) ? { expiration } : {}),
  };
}

interface Resolved {
  readonly identity: AwsCredentialIdentity;
  /** The clock by which they expire: AWS's, or this machine's for a time that this machine has set. */
  readonly now: () => number;
  /** False = the expiration is only the time at which the file is read again. */
  readonly isEndKnown: boolean;
}

/** `mayAsk`: true only before a session runs; during a session the terminal belongs to the remote program. */
async function resolveOnce(options: CredentialOptions, mayAsk: boolean): Promise<Resolved> {
  const { env, profile, region, requestHandler, now } = options;
  const awsNow = (): number => requestHandler.time.now();
  const files = await readProfiles(env);
  const name = profile ?? 'default';
  const section = files.profiles[name];
  if (profile !== undefined && section === undefined) throw profileNotFound(profile, files);
  const cacheFile = section === undefined ? undefined : mfaCacheFile(section);
  const kept = cacheFile === undefined ? undefined : await readRoleSession(env, cacheFile, awsNow());
  if (kept !== undefined) return { identity: kept, now: awsNow, isEndKnown: true };

  const failure: CredentialFailure = { env, name, files, isNamed: profile !== undefined };
  // Records the answers to the providers' own calls, because the providers' errors contain little more than a sentence.
  const watching = new AwsRequestHandler(requestHandler.agents, requestHandler.time, {
    now,
    onAnswer: (answer) => {
      failure.lastAnswer = answer;
    },
  });
  const { fromIni, fromNodeProviderChain } = await import('./credential-chain.ts');
  // The chain skips a profile whose source fails, and then only reports that there are no credentials.
  const provider = section !== undefined && namesSource(section) ? fromIni : fromNodeProviderChain;
  const resolve = provider({
    ...(profile === undefined ? {} : { profile }),
    ...providerFiles(env),
    // No region here: the SSO portal and the token service have regions of their own.
    clientConfig: { requestHandler: watching },
    parentClientConfig: { requestHandler: watching, region: () => Promise.resolve(region) },
    logger: SILENT,
    mfaCodeProvider: async (device) => {
      failure.mfaDevice = device;
      if (!mayAsk) throw mfaAgain(device, name);
      if (options.askMfaCode === undefined) throw mfaNeeded(device, name);
      return options.askMfaCode(device, name);
    },
  });
  let found: AwsCredentialIdentity;
  try {
    found = await resolve();
  } catch (error) {
    throw credentialsError(error, failure);
  }
  if (cacheFile !== undefined && found.sessionToken !== undefined && found.expiration !== undefined) {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = found;
    await writeRoleSession(env, cacheFile, { accessKeyId, secretAccessKey, sessionToken, expiration });
  }
  const isRotated = found.expiration === undefined && found.sessionToken !== undefined;
  if (!isRotated) return { identity: found, now: awsNow, isEndKnown: true };
  const expiration = new Date(now() + RENEW_BEFORE_MS + READ_AGAIN_MS);
  return { identity: { ...found, expiration }, now, isEndKnown: false };
}

/** A profile needs only one of these keys to name the source of its credentials. */
const SOURCE_KEYS = [
  'aws_access_key_id',
  'credential_process',
  'login_session',
  'role_arn',
  'sso_session',
  'sso_start_url',
  'web_identity_token_file',
];

const namesSource = (profile: Profile): boolean => SOURCE_KEYS.some((key) => profile[key] !== undefined);

/** Exported for callers that read the profile before credentials are needed. */
export function profileNotFound(
  name: string,
  { configPath, credentialsPath, profiles }: CredentialFailure['files'],
): ToolError {
  return access('profile-not-found', `no AWS profile ${name} in ${configPath} or ${credentialsPath}`, {
    details: {
      profile: name,
      candidates: nearest(name, Object.keys(profiles)),
      existing: Object.keys(profiles).length,
    },
  });
}

const mfaNeeded = (device: string, profile: string): ToolError =>
  usage(
    'mfa-needed',
    `profile ${profile} needs a code of the device ${device}, and there is no terminal to ask on`,
    {
      details: { profile, device },
    },
  );

const mfaAgain = (device: string, profile: string): ToolError =>
  access('mfa-needed', `the session of profile ${profile} is over, and a new one needs a code of ${device}`, {
    details: { profile, device },
  });
