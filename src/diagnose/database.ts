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
/** A failover restarts the writer; a cluster reports it, an instance only that it restarts. */
const FAILING_OVER: ReadonlySet<string> = new Set(['failing-over', 'rebooting']);
/** A certificate that ends within this time is reported. */
const SOON_MS = 30 * 86_400_000;

/** Whether a database in this state accepts connections; some states with maintenance do. */
export const isAnswering = ({ status }: Pick<DatabaseFacts, 'status'>): boolean => ANSWERING.has(status);

/** What to look at where nothing was found, and connections are refused all the same. */
export const connectionsNote = (
  { id: database, isCluster, parameterGroups }: DatabaseFacts,
  now: number,
): Finding => ({
  id: 'database-connections-not-read',
  severity: 'note',
  evidence: { database },
  fixes: [
    [
      {
        kind: 'read-connections',
        database,
        isCluster,
        from: new Date(now - METRIC_MS).toISOString(),
        to: new Date(now).toISOString(),
        parameterGroup: parameterGroups.instance,
      },
    ],
  ],
});
/** CloudWatch has the number of connections once a minute. */
const METRIC_MS = 15 * 60_000;

/** The state of the database, and the end of its certificate if that is near or past. */
export function databaseFindings(facts: DatabaseFacts, now: number): readonly Finding[] {
  const { ca = 'unknown authority', certificateEndsAt, id: database, status } = facts;
  const found: Finding[] = [];
  if (FAILING_OVER.has(status))
    found.push({
      id: 'database-failing-over',
      severity: 'blocking',
      evidence: { database, status },
      fixes: [],
    });
  else if (status === 'storage-full') {
    const { allocatedGiB } = facts;
    // RDS grows a volume by a tenth at least.
    const more = allocatedGiB === undefined ? undefined : Math.ceil(allocatedGiB * 1.2);
    found.push({
      id: 'database-storage-full',
      severity: 'blocking',
      evidence: { database, allocatedGiB },
      fixes: more === undefined ? [] : [[{ kind: 'grow-storage', database, allocatedGiB: more }]],
    });
  } else if (!isAnswering(facts))
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
