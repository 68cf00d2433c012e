import { awsClock } from '../aws-clock.ts';
import { bundledAuthorities } from '../../connect/database/certificates.ts';
import type { Finding } from '../../diagnose/finding.ts';
import type { Needs } from '../collaborators.ts';
import { type Diagnosis, diagnosisOf } from './diagnosis.ts';
import { judgePlugin } from './plugin-finding.ts';

/**
 * Finds what is wrong on the side of the caller: whether AWS answers and accepts the credentials, and the clock.
 * With the transport `plugin` it also looks for the plugin. Throws the errors of the credentials and of the network,
 * which say what to do themselves.
 */
export async function diagnoseCaller(
  deps: Needs<'account' | 'clock' | 'env', 'endpointUrl' | 'profile' | 'transport'>,
): Promise<Diagnosis> {
  const { env, settings } = deps;
  const account = await deps.account();
  const { accountId, arn } = await (await account.identity()).caller();
  const offsetMs = account.clockOffsetMs();
  const endsAt = await account.credentialsEndAt();
  const leftMs = (endsAt ?? Infinity) - awsClock(account, deps.clock).now();
  const { plugin, findings: ofPlugin } = await judgePlugin(deps);
  const findings: readonly Finding[] = [
    ...ofPlugin,
    ...(Math.abs(offsetMs) < TOLERATED_MS
      ? []
      : [{ id: 'clock-wrong', severity: 'warning', evidence: { offsetMs }, fixes: [] } as const]),
    ...(endsAt === undefined || leftMs >= CREDENTIALS_SOON_MS
      ? []
      : [
          {
            id: 'credentials-end',
            severity: 'warning',
            evidence: { endsAt: new Date(endsAt).toISOString(), leftMs },
            fixes: [],
          } as const,
        ]),
  ];
  const { newest } = await bundledAuthorities('rds');
  const proxy = PROXY_VARIABLES.find((name) => (env[name] ?? '') !== '');
  const authority = AUTHORITY_VARIABLES.find((name) => (env[name] ?? '') !== '');
  const subject = {
    account: accountId,
    principal: arn,
    region: account.region,
    profile: settings.profile,
    endpoint: settings.endpointUrl,
    // The value of the variable can contain a password.
    proxy,
    authority: authority === undefined ? undefined : env[authority],
    plugin: plugin?.version,
    // A database of RDS that is younger may have another authority, which --ca names then.
    rdsAuthorities: `of ${new Date(newest).toISOString().slice(0, 10)}, ${years(deps.clock.now() - newest)} old`,
  };
  return diagnosisOf(subject, findings);
}

const DAY_MS = 86_400_000;
/** `4 years`, `1 year`, `less than a year`. */
function years(ms: number): string {
  const whole = Math.floor(ms / (365.25 * DAY_MS));
  return whole < 1 ? 'less than a year' : whole === 1 ? '1 year' : `${whole} years`;
}

/** AWS refuses signatures that are older than 15 minutes; the tool corrects smaller differences by itself. */
const TOLERATED_MS = 60_000;
/** Credentials that are renewed by themselves have more than five minutes left after a call. */
const CREDENTIALS_SOON_MS = 5 * 60_000;
const PROXY_VARIABLES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'];
const AUTHORITY_VARIABLES = ['AWS_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS'];
