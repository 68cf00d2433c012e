import { withMergedChanges } from '../../diagnose/ecs/merged-changes.ts';
import type { Finding } from '../../diagnose/finding.ts';
import type { NetworkPath } from '../../diagnose/network/hops.ts';
import { inOrder } from '../../diagnose/order.ts';
import { sentenceOf } from '../../diagnose/sentences.ts';

/** The result of a run of `doctor`. */
export interface Diagnosis {
  /** What was looked at: cluster, service, task, container, database, bastion. */
  readonly subject: Readonly<Record<string, string | undefined>>;
  /** In the order in which to act on them. */
  readonly findings: readonly DescribedFinding[];
  readonly paths: readonly NetworkPath[];
  /** ARN of the role that the tasks have; undefined = none, or nothing of tasks was looked at. */
  readonly taskRole?: string | undefined;
}

export interface DescribedFinding {
  readonly finding: Finding;
  /** The finding as one sentence. */
  readonly sentence: string;
}

/** Findings in the order in which they are printed; those that need changes of the same resource name one change. */
export const diagnosisOf = (
  subject: Diagnosis['subject'],
  findings: readonly Finding[],
  paths: readonly NetworkPath[] = [],
): Diagnosis => ({
  subject,
  findings: withMergedChanges(inOrder(findings)).map((finding) => ({
    finding,
    sentence: sentenceOf(finding),
  })),
  paths,
});
