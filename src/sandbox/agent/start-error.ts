import { MachineError } from '../contracts.ts';
import { splitCommand } from '../machines/split-command.ts';

/** Why a command could not be started, in the words of the agent's language (transcripts b4, c4). */
export function startError(error: unknown, command: string): string {
  if (!(error instanceof MachineError) || error.kind !== 'not-found')
    return error instanceof Error ? error.message : String(error);
  const program = splitCommand(command)[0] ?? '';
  return program.includes('/')
    ? `fork/exec ${program}: no such file or directory`
    : `exec: "${program}": executable file not found in $PATH`;
}

/** Tasks that fail before their program runs put this heading over the error. */
export const failedTask = (error: string): string => `\n----------ERROR-------\n${error}\n`;
