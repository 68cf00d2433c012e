import { access, failed, type ToolError } from '../core/errors.ts';
import type { FindingOf } from './finding.ts';
import type { Fix } from './change.ts';
import { sentenceOf } from './sentences.ts';

/**
 * Findings that stop a command: the error has the finding's id as its code, and the finding's evidence and fixes as its
 * details.
 */

type StopId =
  | 'agent-denied'
  | 'agent-not-online'
  | 'boot-failed'
  | 'container-not-running'
  | 'exec-agent-not-running'
  | 'exec-not-enabled'
  | 'instance-ended'
  | 'role-untrusted'
  | 'task-not-running';

export type StoppingFinding = { readonly [I in StopId]: FindingOf<I> }[StopId];

/** The evidence and the fixes, in the form in which errors and notes carry them to the command line. */
export const detailsOf = <F extends { readonly evidence: object; readonly fixes: readonly Fix[] }>({
  evidence,
  fixes,
}: F): F['evidence'] => ({ ...evidence, fixes });

/** The details of the error also hold `fixes`. */
export function errorOf(finding: StoppingFinding): ToolError {
  const message = sentenceOf(finding);
  switch (finding.id) {
    case 'agent-denied':
      return access('agent-denied', message, { details: detailsOf(finding) });
    case 'agent-not-online':
      return failed('agent-not-online', message, { details: detailsOf(finding) });
    case 'boot-failed':
      return failed('boot-failed', message, { details: detailsOf(finding) });
    case 'instance-ended':
      return failed('instance-ended', message, { details: detailsOf(finding) });
    case 'container-not-running':
      return failed('container-not-running', message, { details: detailsOf(finding) });
    case 'exec-agent-not-running':
      return failed('exec-agent-not-running', message, { details: detailsOf(finding) });
    case 'exec-not-enabled':
      return failed('exec-not-enabled', message, { details: detailsOf(finding) });
    case 'role-untrusted':
      return access('role-untrusted', message, { details: detailsOf(finding) });
    case 'task-not-running':
      return failed('task-not-running', message, { details: detailsOf(finding) });
    default:
      return finding satisfies never;
  }
}
