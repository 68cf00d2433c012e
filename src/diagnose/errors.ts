import { access, type ToolError } from '../core/errors.ts';
import type { FindingOf } from './finding.ts';
import { sentenceOf } from './sentences.ts';

/** Findings for which a command stops: the error has the finding's id as its code, and its evidence as its facts. */

type StopId = 'role-untrusted';

export type StoppingFinding = { readonly [I in StopId]: FindingOf<I> }[StopId];

export function errorOf(finding: StoppingFinding): ToolError {
  const message = sentenceOf(finding);
  return access('role-untrusted', message, { details: finding.evidence });
}
