import { MachineError } from '../contracts.ts';
import { splitCommand } from '../machines/split-command.ts';

/** Why a command could not be started, as the Go runtime of the official agent words it (transcripts b4, c4). */
export function startError(error: unknown, command: string): string {
  if (!(error instanceof MachineError) || error.kind !== 'not-found')
    return error instanceof Error ? error.message : String(error);
  const program = splitCommand(command)[0] ?? '';
  return program.includes('/')
    ? `fork/exec ${program}: no such file or directory`
    : `exec: "${program}": executable file not found in $PATH`;
}

/** The agent puts this heading over the error of a task that fails before its program runs. */
export const failedTask = (error: string): string => `\n----------ERROR-------\n${error}\n`;
