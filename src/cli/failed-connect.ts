import type { FailedCommand } from '../app/doctor/failed-connect.ts';
import { ToolError } from '../core/errors.ts';
import type { CommandContext } from './context.ts';

/**
 * Runs a command with a session. If the session cannot start, the error that is thrown carries what stops it, as
 * `findings` among its facts (docs/doctor.md).
 */
export async function withDiagnosis<T>(
  command: FailedCommand,
  context: CommandContext,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ToolError) || error.role === 'interrupted' || context.signal.aborted) throw error;
    const { findingsAfter } = await import('../app/doctor/failed-connect.ts');
    const found = await findingsAfter(error, command, context);
    if (found.length === 0) throw error;
    const { findingFacts } = await import('./render/doctor-report.ts');
    const findings = findingFacts(found, context.commandLines);
    throw error.with({ details: { findings }, cause: error.cause });
  }
}
