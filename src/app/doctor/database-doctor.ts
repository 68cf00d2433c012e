import { noMatch } from '../../core/errors.ts';
import type { Finding } from '../../diagnose/finding.ts';
import { pathFindings } from '../../diagnose/network/path-findings.ts';
import type { Needs } from '../collaborators.ts';
import { type Diagnosis, diagnosisOf } from './diagnosis.ts';
import { databaseTarget, follow, sourceOf } from './path-doctor.ts';
import { Readable } from './readable.ts';

/**
 * Finds what stops connections to a database: its state and its certificate, and the path from a service or a bastion.
 * `from` is a service, `bastion` or `bastion/NAME`; undefined = only the database is looked at. Throws
 * `database-not-found` (exit 3), and what the ports throw.
 */
export async function diagnoseDatabase(
  id: string,
  from: string | undefined,
  deps: Needs<'account' | 'clock', 'cluster'>,
): Promise<Diagnosis> {
  const account = await deps.account();
  const readable = new Readable();
  const facts = await (await account.diagnosis()).database(id);
  if (facts === undefined)
    throw noMatch('database-not-found', `no database ${id} in ${account.region}`, {
      details: { databases: [id], candidates: [] },
    });
  const resolved = await databaseTarget(facts, undefined, account);
  const own = resolved.findings(deps.clock.now());
  if (from === undefined) {
    const note: Finding = {
      id: 'database-path-not-judged',
      severity: 'note',
      evidence: { database: id },
      fixes: [],
    };
    return diagnosisOf({ database: id }, [...own, note]);
  }
  const source = await sourceOf(from, account, deps, readable);
  const paths = await follow(source, resolved, account, readable);
  // The state of the database is a finding of its own already.
  const blocked = pathFindings(paths).filter(({ evidence }) => evidence.hop !== 'target-status');
  return diagnosisOf({ database: id, from }, [...own, ...blocked, ...readable.findings()], paths);
}
