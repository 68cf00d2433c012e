import type { Report } from '../core/events.ts';
import { systemClock } from '../core/clock.ts';
import { access, usage } from '../core/errors.ts';
import { networkAgents } from '../core/network-agents.ts';
import { checkRegion } from '../core/regions.ts';
import { AwsTime } from './aws-time.ts';
import {
  type AskMfaCode,
  type Credentials,
  hasKeys,
  profileNotFound,
  resolveCredentials,
} from './credentials.ts';
import { caBundle, type Env, namedProfile, type Profile, readProfiles } from './profiles.ts';
import { AwsRequestHandler } from './request-handler.ts';

/** The settings that choose account and region. */
export interface AccountSettings {
  /**
   * The profile that the user asked for by flag, by a variable of this tool or in a file. Keys in the environment do
   * not override it.
   */
  readonly profile: string | undefined;
  readonly region: string | undefined;
  /**
   * One endpoint for all services, whatever the environment says: for callers whose environment is not the process's
   * own. Undefined = the SDK reads AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE> and the profile's endpoints itself.
   */
  readonly endpointUrl: string | undefined;
}

/** How the account reports to the user and asks the user while it works. */
export interface AccountCallbacks {
  readonly report: Report;
  /** Undefined = there is no terminal to ask on. */
  readonly askMfaCode: AskMfaCode | undefined;
  /** Aborted when the user interrupts the run. */
  readonly signal?: AbortSignal;
}

/**
 * The configuration of every SDK client; one object for all clients of a run, so that they share sockets and
 * credentials.
 */
export interface ClientConfig {
  readonly region: string;
  /** For the settings that the SDK itself reads from the profile: retries, FIPS, dual-stack. */
  readonly profile?: string;
  readonly credentials: Credentials;
  readonly endpoint?: string;
  readonly maxAttempts: number;
  readonly retryMode: string;
  readonly requestHandler: AwsRequestHandler;
  /** Ends the waits between the attempts of calls that create or delete (interruption.ts). */
  readonly interruption?: AbortSignal;
}

/**
 * Many list calls at the start are throttled often, so this is more than the SDK's three attempts
 * (docs/reference/api-limits.md §3).
 */
const MAX_ATTEMPTS = 6;
/** Sends fewer requests per second after AWS has throttled one. */
const RETRY_MODE = 'adaptive';

const QUIET: AccountCallbacks = { report: () => undefined, askMfaCode: undefined };

/**
 * Throws `region-missing`, `region-unknown`, `profile-not-found`, `ca-bundle-unreadable`,
 * `endpoint-invalid`. Credentials are resolved at
 * the first call, not here.
 */
export async function clientConfig(
  settings: AccountSettings,
  env: Env,
  callbacks: AccountCallbacks = QUIET,
): Promise<ClientConfig> {
  const named = namedProfile(settings.profile, env);
  const files = await readProfiles(env);
  const profile = files.profiles[named ?? 'default'];
  const keysWin = settings.profile === undefined && hasKeys(env);
  if (named !== undefined && profile === undefined && !keysWin) throw profileNotFound(named, files);
  refuseInvalidEndpoints(env);
  const region = regionOf(settings, env, named, files.profiles);
  const agents = await networkAgents(env, systemClock, caBundle(env, named, profile));
  const now = (): number => systemClock.now();
  const time = new AwsTime(systemClock, (skewMs) => reportSkew(skewMs, callbacks.report));
  const requestHandler = new AwsRequestHandler(agents, time, { now });
  return {
    region,
    ...(named === undefined || profile === undefined ? {} : { profile: named }),
    credentials: resolveCredentials({
      env,
      profile: named,
      keysWin,
      region,
      requestHandler,
      now,
      askMfaCode: callbacks.askMfaCode,
    }),
    ...(settings.endpointUrl === undefined ? {} : { endpoint: settings.endpointUrl }),
    ...retriesOf(env, profile),
    requestHandler,
    ...(callbacks.signal === undefined ? {} : { interruption: callbacks.signal }),
  };
}

/** The SDK would fail at the first call, with an error that names neither variable nor value. */
function refuseInvalidEndpoints(env: Env): void {
  for (const [variable, value] of Object.entries(env)) {
    if (!/^AWS_ENDPOINT_URL(?:_[A-Z0-9_]+)?$/.test(variable) || !value) continue;
    const protocol = URL.canParse(value) ? new URL(value).protocol : undefined;
    if (protocol !== 'https:' && protocol !== 'http:')
      throw usage('endpoint-invalid', `${variable} is no http or https address: ${value}`, {
        details: { variable },
      });
  }
}

/** The flag or the settings, then AWS_REGION, AWS_DEFAULT_REGION, then the profile's `region`. */
function regionOf(
  settings: AccountSettings,
  env: Env,
  named: string | undefined,
  profiles: Readonly<Record<string, Profile>>,
): string {
  const profile = profiles[named ?? 'default'];
  const given = settings.region || env['AWS_REGION'] || env['AWS_DEFAULT_REGION'];
  const region = given || profile?.['region'];
  const name = named ?? 'default';
  if (region) {
    checkRegion(region, {
      ...(given ? {} : { from: `profile ${name}` }),
      ownEndpoint: hasOwnEndpoint(settings, env, profile),
    });
    return region;
  }
  throw access(
    'region-missing',
    `no AWS region: not given, not in the environment and not in profile ${name}`,
    {
      details: {
        profile: name,
        candidates: Object.keys(profiles).filter((each) => Boolean(profiles[each]?.['region'])),
      },
    },
  );
}

const hasOwnEndpoint = (settings: AccountSettings, env: Env, profile: Profile | undefined): boolean =>
  Boolean(settings.endpointUrl ?? (env['AWS_ENDPOINT_URL'] || profile?.['endpoint_url']));

/** Our defaults unless the environment or the profile sets others; the environment comes first, as in the SDK. */
function retriesOf(env: Env, profile: Profile | undefined): { maxAttempts: number; retryMode: string } {
  const attempts = Number.parseInt(env['AWS_MAX_ATTEMPTS'] || profile?.['max_attempts'] || '', 10);
  return {
    maxAttempts: attempts > 0 ? attempts : MAX_ATTEMPTS,
    retryMode: env['AWS_RETRY_MODE'] || profile?.['retry_mode'] || RETRY_MODE,
  };
}

function reportSkew(skewMs: number, report: Report): void {
  const minutes = Math.round(Math.abs(skewMs) / 60_000);
  report({
    type: 'note',
    level: 'warning',
    code: 'clock-off',
    message: `this clock is ${minutes} minutes ${skewMs > 0 ? 'ahead' : 'behind'}; AWS's time is used instead`,
    details: { skewSeconds: Math.round(skewMs / 1000) },
  });
}
