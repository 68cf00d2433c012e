import { sleep } from '../../core/clock.ts';
import { ToolError } from '../../core/errors.ts';
import type { Finding } from '../../diagnose/finding.ts';
import type { Needs } from '../collaborators.ts';
import type { DescribedFinding, Diagnosis } from './diagnosis.ts';

/** Repeats a diagnosis until nothing blocks what was asked for. */

const INTERVAL_MS = 5_000;

export interface WatchOptions {
  /** Undefined = no deadline. */
  readonly deadlineMs: number | undefined;
  /** Called for each finding that appears, also in the first round, and for each one that is gone. */
  readonly onChange: (described: DescribedFinding, change: 'appeared' | 'gone') => void;
}

type WatchNeeds = Needs<'clock' | 'report' | 'signal'>;

/**
 * The first diagnosis without a blocking finding, or the last one before the deadline. Throws what `diagnose` throws; a
 * round that AWS throttles or that cannot reach AWS is reported, and the next one is tried.
 */
export async function watchUntilReady(
  diagnose: () => Promise<Diagnosis>,
  { deadlineMs, onChange }: WatchOptions,
  deps: WatchNeeds,
): Promise<Diagnosis> {
  const { clock, report, signal } = deps;
  const end = deadlineMs === undefined ? undefined : clock.now() + deadlineMs;
  const name = 'doctor-watch';
  const title = 'wait until nothing blocks it';
  let before = new Map<string, DescribedFinding>();
  report({ type: 'step-started', step: name, title });
  for (;;) {
    const diagnosis = await unlessPassing(diagnose, (detail) =>
      report({ type: 'step-progress', step: name, detail }),
    );
    signal.throwIfAborted();
    if (diagnosis !== undefined) {
      const now = new Map(diagnosis.findings.map((described) => [identityOf(described.finding), described]));
      for (const [identity, described] of before) if (!now.has(identity)) onChange(described, 'gone');
      for (const [identity, described] of now) if (!before.has(identity)) onChange(described, 'appeared');
      before = now;
      const [blocking] = diagnosis.findings.filter(({ finding }) => finding.severity === 'blocking');
      if (blocking === undefined) {
        report({ type: 'step-done', step: name, title });
        return diagnosis;
      }
      if (end !== undefined && clock.now() >= end) {
        report({ type: 'step-failed', step: name, title, detail: blocking.sentence });
        return diagnosis;
      }
      report({ type: 'step-progress', step: name, detail: blocking.sentence });
    }
    await sleep(clock, INTERVAL_MS, signal);
  }
}

/** The same finding in two rounds: its facts without the numbers, since ages grow. */
const identityOf = ({ evidence, id }: Finding): string =>
  JSON.stringify([
    id,
    Object.entries(evidence).filter(([, value]: readonly [string, unknown]) => typeof value !== 'number'),
  ]);

async function unlessPassing(
  diagnose: () => Promise<Diagnosis>,
  onPassing: (message: string) => void,
): Promise<Diagnosis | undefined> {
  try {
    return await diagnose();
  } catch (error) {
    if (!(error instanceof ToolError) || (error.role !== 'transport' && error.code !== 'aws-throttled'))
      throw error;
    onPassing(error.message);
    return undefined;
  }
}
