import type { Finding, FindingId } from './finding.ts';

/**
 * The order in which findings are shown: by what to do first. Credentials and permissions of the caller come first,
 * then what a new task needs, and last what replaces the running tasks, because that ends what was to be looked at.
 */
const ORDER: readonly FindingId[] = [
  'clock-wrong',
  'credentials-end',
  'plugin-missing',
  'database-not-available',
  'database-failing-over',
  'database-storage-full',
  'database-certificate-ends',
  'no-running-task',
  'task-not-running',
  'container-not-running',
  'task-role-missing',
  'task-role-gone',
  'task-role-untrusted',
  'action-forbidden-by-organization',
  'action-explicitly-denied',
  'action-outside-boundary',
  'action-not-granted',
  'action-undecided',
  'action-not-answered',
  'role-not-readable',
  'exec-granted-to-execution-role',
  'task-role-is-execution-role',
  'exec-log-group-missing',
  'exec-log-group-unencrypted',
  'path-blocked',
  'path-not-visible',
  'task-without-ipv4',
  'aws-keys-in-container',
  'readonly-root-filesystem',
  'proxy-without-exceptions',
  'platform-too-old',
  'container-agent-not-read',
  'exec-not-enabled',
  'exec-agent-not-running',
];

const SEVERITIES: readonly Finding['severity'][] = ['blocking', 'could-not-tell', 'warning', 'note'];

/** Blocking findings first, those without a place of their own last. */
export function inOrder(findings: readonly Finding[]): readonly Finding[] {
  const placeOf = ({ id }: Finding): number => {
    const place = ORDER.indexOf(id);
    return place === -1 ? ORDER.length : place;
  };
  return findings.toSorted(
    (a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || placeOf(a) - placeOf(b),
  );
}
