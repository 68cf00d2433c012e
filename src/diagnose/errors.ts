import { access, failed, type ToolError } from '../core/errors.ts';
import type { FindingOf } from './finding.ts';
import { sentenceOf } from './sentences.ts';

/**
 * Findings that stop a command: the error has the finding's id as its code, and the finding's evidence as its facts.
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

export function errorOf(finding: StoppingFinding): ToolError {
  const message = sentenceOf(finding);
  switch (finding.id) {
    case 'agent-denied':
      return access('agent-denied', message, { details: finding.evidence });
    case 'agent-not-online':
      return failed('agent-not-online', message, { details: finding.evidence });
    case 'boot-failed':
      return failed('boot-failed', message, { details: finding.evidence });
    case 'instance-ended':
      return failed('instance-ended', message, { details: finding.evidence });
    case 'container-not-running':
      return failed('container-not-running', message, { details: finding.evidence });
    case 'exec-agent-not-running':
      return failed('exec-agent-not-running', message, { details: finding.evidence });
    case 'exec-not-enabled':
      return failed('exec-not-enabled', message, { details: finding.evidence });
    case 'role-untrusted':
      return access('role-untrusted', message, { details: finding.evidence });
    case 'task-not-running':
      return failed('task-not-running', message, { details: finding.evidence });
    default:
      return finding satisfies never;
  }
}
