import { type CommandTable, commandTable } from './completion-table.ts';

/**
 * The table of all commands. In the bundle this module holds the finished table (scripts/completion-bundle.ts), because
 * creating the command tree takes longer than a key press may.
 */
export async function programTable(): Promise<CommandTable> {
  const { COMMANDS, createProgram } = await import('./program.ts');
  return commandTable(
    createProgram({
      invoke: () => Promise.resolve(),
      commands: COMMANDS,
      version: '',
      write: () => undefined,
      columns: 80,
    }),
  );
}
