import { access, ToolError, transport } from '../core/errors.ts';
import { regionsMeant } from '../core/regions.ts';
import { isDenied, systemCode } from './error-names.ts';
import type { Env, Profile, ProfileFiles } from './profiles.ts';
import type { LastAnswer } from './request-handler.ts';

/** What is known when the credential chain of the SDK has failed. */
export interface CredentialFailure {
  readonly env: Env;
  /** Name of the profile; `default` if the user named none. */
  readonly name: string;
  readonly isNamed: boolean;
  readonly files: ProfileFiles;
  /** The last call that a provider made. */
  lastAnswer?: LastAnswer;
  /** Serial number of the MFA device whose code was asked for. */
  mfaDevice?: string;
}

interface Link {
  readonly name: string;
  readonly profile: Profile;
}

/** True for an error of a credential provider, which is thrown before our own call is made. */
export const isCredentialsProblem = (error: unknown): error is Error =>
  error instanceof Error &&
  (error.name === 'CredentialsProviderError' || error.name === 'TokenProviderError');

/**
 * The SDK's providers fail with a sentence only. What failed is found out from the profile (which kind of source it
 * names) and from the last call that was made; the sentence is only shown.
 */
export function credentialsError(error: unknown, failure: CredentialFailure): ToolError {
  if (error instanceof ToolError) return error;
  const message = messageOf(error);
  const { lastAnswer, name } = failure;
  const network = lastAnswer?.error === undefined ? undefined : networkError(lastAnswer, name);
  if (network !== undefined) return network;
  const chain = sourcesOf(failure);
  const withProcess = chain.find(({ profile }) => profile['credential_process'] !== undefined);
  if (withProcess !== undefined && isCredentialsProblem(error))
    return processFailed(withProcess, message, error);
  if (isDenied(error)) return roleRefused(chain, message, failure, error);
  const withSso = chain.find(({ profile }) => isSso(profile));
  if (withSso !== undefined) return ssoFailed(withSso, message, failure, error);
  const withLogin = chain.find(({ profile }) => profile['login_session'] !== undefined);
  if (withLogin !== undefined) return signInExpired('login', withLogin, message, error);
  const missingSource = chain.at(-1)?.profile['source_profile'];
  if (missingSource !== undefined && failure.files.profiles[missingSource] === undefined) {
    return incomplete(
      chain.at(-1)?.name ?? name,
      `its source_profile ${missingSource} is in neither file`,
      failure,
      error,
    );
  }
  return missing(message, failure, error);
}

/** The profile and the profiles that it takes its credentials from, in order; stops at a circular reference. */
function sourcesOf({ name, files }: CredentialFailure): readonly Link[] {
  const links: Link[] = [];
  for (let at: string | undefined = name; at !== undefined && links.every((link) => link.name !== at);) {
    const profile: Profile | undefined = files.profiles[at];
    if (profile === undefined) break;
    links.push({ name: at, profile });
    at = profile['source_profile'];
  }
  return links;
}

const isSso = (profile: Profile): boolean =>
  profile['sso_session'] !== undefined || profile['sso_start_url'] !== undefined;

function networkError({ host, error }: LastAnswer, profile: string): ToolError | undefined {
  if (error instanceof ToolError) return error;
  const system = systemCode(error);
  if (system === undefined && !(error instanceof Error && error.name === 'TimeoutError')) return undefined;
  return transport(
    'aws-unreachable',
    `no answer from ${host}, which has the credentials of profile ${profile}: ${messageOf(error)}`,
    {
      details: { host, profile, systemError: system, regions: regionsMeant(host) },
      cause: error,
    },
  );
}

/**
 * The process's own output, without the command line that the SDK puts before it, because that may contain a secret.
 */
function processFailed({ name, profile }: Link, message: string, cause: unknown): ToolError {
  const command = profile['credential_process'] ?? '';
  const words = message.replace(`Command failed: ${command}`, '').replaceAll(command, '').trim();
  const program = command.split(/\s/)[0] ?? command;
  return access(
    'credential-process-failed',
    `credential_process of profile ${name} (${program}) gave no credentials: ${lastLines(words) || 'it printed nothing'}`,
    {
      details: { profile: name, program },
      cause,
    },
  );
}

/** The output of a program can be long; its last lines are the most useful. */
const lastLines = (words: string): string =>
  words
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(-3)
    .join(' / ')
    .slice(-500);

function roleRefused(
  chain: readonly Link[],
  message: string,
  { env, name, mfaDevice }: CredentialFailure,
  cause: unknown,
): ToolError {
  const roles = chain.filter(({ profile }) => profile['role_arn'] !== undefined);
  const link = roles.find(({ profile }) => message.includes(profile['role_arn'] ?? '')) ?? roles[0];
  const role = link?.profile['role_arn'] ?? env['AWS_ROLE_ARN'] ?? 'the role';
  if (mfaDevice !== undefined && link?.profile['mfa_serial'] === mfaDevice) {
    return access('mfa-refused', `AWS refused ${role} with this code of ${mfaDevice}: ${message}`, {
      details: { profile: link.name, role, device: mfaDevice },
      cause,
    });
  }
  const isWebIdentity = link?.profile['web_identity_token_file'] !== undefined || link === undefined;
  const source = isWebIdentity
    ? 'the web identity token'
    : link.profile['source_profile'] === undefined
      ? (link.profile['credential_source'] ?? 'its source')
      : `profile ${link.profile['source_profile']}`;
  const who = /User: (\S+) is not authorized/.exec(message)?.[1];
  return access(
    'assume-role-refused',
    `${who ?? source} may not assume ${role} (profile ${link?.name ?? name})${why(message, role, who)}`,
    {
      details: {
        profile: link?.name ?? name,
        role,
        by: who ?? source,
        externalId: isWebIdentity || link.profile['external_id'] !== undefined,
      },
      cause,
    },
  );
}

/** AWS's message; when it only repeats who may not assume which role, just the reason after that. */
function why(message: string, role: string, who: string | undefined): string {
  const reason = who === undefined ? message : (message.split(`on resource: ${role}`)[1] ?? '').trim();
  return reason === '' ? '' : `: ${reason}`;
}

function ssoFailed(link: Link, message: string, failure: CredentialFailure, cause: unknown): ToolError {
  const { name, profile } = link;
  if (failure.lastAnswer?.status === 403) {
    const role = profile['sso_role_name'] ?? '';
    const account = profile['sso_account_id'] ?? '';
    return access(
      'sso-role-refused',
      `single sign-on gives you no role ${role} in account ${account} (profile ${name})`,
      {
        details: { profile: name, role, account },
        cause,
      },
    );
  }
  const missingKey = ['sso_account_id', 'sso_role_name'].find((key) => profile[key] === undefined);
  if (missingKey !== undefined) return incomplete(name, `it has no ${missingKey}`, failure, cause);
  const session = profile['sso_session'];
  if (session !== undefined && !failure.files.ssoSessions.includes(session)) {
    return incomplete(name, `there is no section [sso-session ${session}]`, failure, cause);
  }
  return signInExpired('sso', link, message, cause);
}

/** The error for a user's sign-in that has expired, or was never made. */
const signInExpired = (signIn: 'sso' | 'login', { name }: Link, message: string, cause: unknown): ToolError =>
  access(
    'credentials-expired',
    `nobody is signed in for profile ${name}, or the sign-in has expired: ${firstSentence(message)}`,
    {
      details: { profile: name, signIn },
      cause,
    },
  );

const incomplete = (name: string, what: string, { files }: CredentialFailure, cause: unknown): ToolError =>
  access('profile-incomplete', `AWS profile ${name} gives no credentials: ${what}`, {
    details: { profile: name, file: files.configPath },
    cause,
  });

function missing(message: string, { name, isNamed }: CredentialFailure, cause: unknown): ToolError {
  const where = isNamed ? ` in profile ${name}` : '';
  return access('credentials-missing', `no AWS credentials${where}: ${firstSentence(message)}`, {
    details: { profile: isNamed ? name : undefined },
    cause,
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const firstSentence = (message: string): string => message.split('\n')[0]?.replace(/\.$/, '') ?? message;
