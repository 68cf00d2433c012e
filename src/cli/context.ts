import type { AccountPlace, Collaborators, Random, Signals } from '../app/collaborators.ts';
import type { ForwardProcess } from '../app/supervisor/detached-forward.ts';
import type { AwsAccount } from '../aws/account.ts';
import type { AccountCallbacks } from '../aws/client-config.ts';
import type { Settings } from '../config/settings.ts';
import type { Clock } from '../core/clock.ts';
import type { ErrorDetails } from '../core/facts/fact.ts';
import type { CommandLines } from './advice/command-lines.ts';
import type { Terminal } from '../ui/terminal.ts';

/** Everything that the tool uses from outside; main.ts passes the real implementations, tests pass their own. */
export interface CliDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly random: Random;
  readonly signals: Signals;
  /**
   * Reports errors that were not caught; the returned function removes the listener. Absent in tests, because the test
   * runner reports such errors itself.
   */
  readonly uncaught?: (listener: (error: unknown) => void) => () => void;
  /** Opens the account lazily; the first port that is used loads the SDK. */
  readonly openAccount: (settings: Settings, callbacks: AccountCallbacks) => Promise<AwsAccount>;
  readonly version: string;
  readonly startDetached?: StartDetached;
  readonly startPiped?: StartPiped;
}

/**
 * Starts this program once more with these arguments, without streams; it continues when this process ends. Absent where
 * the program is not a process of its own.
 */
export type StartDetached = (
  argv: readonly string[],
  options?: {
    /** Absent = that of this process. */
    readonly env?: Readonly<Record<string, string>>;
    /** Absent = that of this process. */
    readonly cwd?: string;
    /** Called if it ends before this process. */
    readonly onExit?: (status: number) => void;
  },
) => void;

/** The same, but its lines are read, and it ends with this process. */
export type StartPiped = (
  argv: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
) => ForwardProcess;

/**
 * What a command's `run` receives besides its own options. It passes to a workflow the collaborators that the workflow
 * names.
 */
export interface CommandContext extends Collaborators {
  readonly settings: Settings;
  /** What to type after an error, a note or a finding, one line each (advice/). */
  readonly advice: (code: string, facts: ErrorDetails) => readonly string[];
  /** Command lines to type next, with the flags of this run. */
  readonly commandLines: CommandLines;
  /** The working directory. */
  readonly cwd: string;
  readonly startDetached: StartDetached | undefined;
  readonly startPiped: StartPiped | undefined;
  /** The context of the same run in another account or region; advice names the other profile and region from now on. */
  at(place: AccountPlace): CommandContext;
}
