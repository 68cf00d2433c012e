import type { DatabaseFacts } from '../provision/ports/diagnosis.ts';
import type { Finding } from './finding.ts';

/** What RDS reports about a database that stops connections to it. Pure. */

/** States in which a database answers (RDS guide, "Viewing DB instance status"). */
const ANSWERING: ReadonlySet<string> = new Set([
  'available',
  'backing-up',
  'configuring-enhanced-monitoring',
  'configuring-iam-database-auth',
  'configuring-log-exports',
  'converting-to-vpc',
  'maintenance',
  'modifying',
  'moving-to-vpc',
  'storage-config-upgrade',
  'storage-initialization',
  'storage-optimization',
  'upgrading',
]);
/** A certificate that ends within this time is reported. */
const SOON_MS = 30 * 86_400_000;

export const isAnswering = ({ status }: Pick<DatabaseFacts, 'status'>): boolean => ANSWERING.has(status);

export function databaseFindings(facts: DatabaseFacts, now: number): readonly Finding[] {
  const { ca = 'unknown authority', certificateEndsAt, id: database, status } = facts;
  const found: Finding[] = [];
  if (!isAnswering(facts))
    found.push({
      id: 'database-not-available',
      severity: 'blocking',
      evidence: { database, status },
      fixes: status === 'stopped' ? [[{ kind: 'start-database', database }]] : [],
    });
  if (certificateEndsAt !== undefined && certificateEndsAt - now < SOON_MS) {
    const hasEnded = certificateEndsAt <= now;
    found.push({
      id: 'database-certificate-ends',
      severity: hasEnded ? 'blocking' : 'warning',
      evidence: { database, ca, endsAt: new Date(certificateEndsAt).toISOString(), hasEnded },
      fixes: [[{ kind: 'renew-certificate', database }]],
    });
  }
  return found;
}
