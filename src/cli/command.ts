import type { Command } from 'commander';
import type { CommandContext } from './context.ts';

/**
 * The behaviour of a command. A returned number is the exit status (for example that of a remote command); undefined
 * means 0.
 */
export type Run<O> = (options: O, context: CommandContext) => Promise<number | void>;

/**
 * Runs a command's behaviour inside a context: shared flags become `context.settings`, the scope is closed on every
 * path, and the exit status becomes that of the process. program.ts supplies it; a parse-only test supplies its own.
 * @param names words of the command line that may be names of connections, whose profile and region then count
 */
export type Invoke = <O>(
  run: Run<O>,
  options: O,
  command: Command,
  names?: readonly string[],
) => Promise<void>;

/** Parsing only: `xCommand(invoke, run = runX)`. Shared flags are added by program.ts, never here. */
export type CommandFactory = (invoke: Invoke) => Command;
