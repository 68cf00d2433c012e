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
 */
export type Invoke = <O>(run: Run<O>, options: O, command: Command) => Promise<void>;

/** Parsing only: `xCommand(invoke, run = runX)`. Shared flags are added by program.ts, never here. */
export type CommandFactory = (invoke: Invoke) => Command;
