import { awsClock } from '../aws-clock.ts';
import { connectionsNote } from '../../diagnose/database.ts';
import type { Finding } from '../../diagnose/finding.ts';
import { pathFindings } from '../../diagnose/network/path-findings.ts';
import { localIds, placeInUse } from '../arn-scope.ts';
import type { Needs } from '../collaborators.ts';
import { type Diagnosis, diagnosisOf } from './diagnosis.ts';
import { databaseTarget, followPath, sourceOf } from './path-doctor.ts';
import { databaseNotJudged, listedDatabase } from './listed-database.ts';
import { Readable } from './readable.ts';
import type { AwsAccount } from '../../aws/account.ts';
import type { DatabaseFacts } from '../../provision/ports/diagnosis.ts';
import { databaseNotFound } from '../database/database-not-found.ts';

/**
 * Finds what stops connections to a database: its state and its certificate, and the path from a service or a bastion.
 * `from` is a service, `bastion` or `bastion/NAME`; undefined = only the database is looked at. Throws
 * `database-not-found` (exit 3), `database-not-judged` (exit 2) for what is no instance or cluster of RDS, what `localIds` throws for an ARN, and what the ports throw.
 */
export async function diagnoseDatabase(
  named: string,
  from: string | undefined,
  deps: Needs<'account' | 'clock', 'cluster'>,
): Promise<Diagnosis> {
  const account = await deps.account();
  const [local = named] = await localIds('db', [named], placeInUse(account));
  const readable = new Readable();
  const facts = await factsOf(local, from, account);
  const { id } = facts;
  const resolved = await databaseTarget(facts, undefined, account);
  const tls = await readable.or(
    'whether TLS is demanded',
    (await account.diagnosis()).forcedTls(facts.parameterGroups),
  );
  const now = awsClock(account, deps.clock).now();
  const own = resolved.findings(now);
  const subject = {
    database: id,
    status: facts.status,
    port: String(facts.port),
    public: facts.isPublic ? 'yes' : 'no',
    iamLogin: facts.hasIamLogin ? 'on' : 'off',
    // The name of the parameter that demands it.
    tls: tls === undefined ? undefined : `demanded by ${tls}`,
    ca: facts.ca,
    certificateEnds:
      facts.certificateEndsAt === undefined ? undefined : new Date(facts.certificateEndsAt).toISOString(),
  };
  if (from === undefined) {
    const note: Finding = {
      id: 'database-path-not-judged',
      severity: 'note',
      evidence: { database: id },
      fixes: [],
    };
    return diagnosisOf(subject, [...own, note, ...readable.findings()]);
  }
  const source = await sourceOf(from, account, deps, readable);
  const paths = await followPath(source, resolved, account, readable);
  // The state of the database is a finding of its own already.
  const blocked = pathFindings(paths).filter(({ evidence }) => evidence.hop !== 'target-status');
  const found = [...own, ...blocked, ...readable.findings()];
  const isSilent = found.every(({ severity }) => severity === 'note');
  return diagnosisOf(
    { ...subject, from },
    [...found, ...(isSilent ? [connectionsNote(facts, now)] : [])],
    paths,
  );
}

/** The instance or cluster with this id, or to which the endpoint with this id or host name belongs. */
async function factsOf(id: string, from: string | undefined, account: AwsAccount): Promise<DatabaseFacts> {
  const own = await (await account.diagnosis()).database(id);
  if (own !== undefined) return own;
  const { facts, found, listed } = await listedDatabase(id, account);
  if (facts !== undefined) return facts;
  if (found === undefined) throw databaseNotFound([id], account.region, listed);
  throw databaseNotJudged(id, found, from);
}
