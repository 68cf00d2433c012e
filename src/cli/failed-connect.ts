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
    throw error instanceof ToolError ? await diagnosed(command, context, error) : error;
  }
}

/** The same error, with `findings` among its facts if something is found; at most two seconds later. */
export async function diagnosed(
  command: FailedCommand,
  context: CommandContext,
  error: ToolError,
): Promise<ToolError> {
  const isDiagnosed = Object.hasOwn(error.details, 'findings');
  if (error.role === 'interrupted' || context.signal.aborted || isDiagnosed) return error;
  const { findingsAfter } = await import('../app/doctor/failed-connect.ts');
  const { findings: found, taskRole } = await findingsAfter(error, command, context);
  const role = taskRole === undefined ? {} : { taskRole };
  if (found.length === 0) return error.with({ details: role, cause: error.cause });
  const { findingFacts } = await import('./render/doctor-report.ts');
  const findings = findingFacts(found, context.commandLines);
  return error.with({ details: { ...role, findings }, cause: error.cause });
}
