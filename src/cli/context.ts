import type { AwsAccount } from '../aws/account.ts';
import type { Settings } from '../config/settings.ts';
import type { CleanupScope } from '../core/cleanup.ts';
import type { Clock } from '../core/clock.ts';
import type { Report } from '../core/events.ts';
import type { Prompter } from '../ui/prompter.ts';
import type { Terminal } from '../ui/terminal.ts';

/** Everything that the outside world hands to the tool; main.ts builds the real one, tests build their own. */
export interface CliDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly random: {
    /** Uniform in [0, 1). */
    number(): number;
    bytes(length: number): Uint8Array;
    /** Version 4. */
    uuid(): string;
  };
  readonly signals: Signals;
  /** Errors that nothing caught; the returned function removes the listener. Absent in tests, whose runner watches. */
  readonly uncaught?: (listener: (error: unknown) => void) => () => void;
  /** Opens the account lazily; the SDK is loaded by the first port that is asked for. */
  readonly openAccount: (settings: Settings) => Promise<AwsAccount>;
  readonly version: string;
}

/** Process signals as a collaborator; `on` returns the function that removes the listener. */
export interface Signals {
  on(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGWINCH' | 'SIGCONT', listener: () => void): () => void;
}

/** What a command's `run` receives besides its own options. */
export interface CommandContext extends CliDeps {
  readonly settings: Settings;
  readonly report: Report;
  readonly prompter: Prompter;
  /** The account of these settings; the same object for each call in a run. */
  account(): Promise<AwsAccount>;
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP that no session has claimed for itself. */
  readonly signal: AbortSignal;
  /** Closed on every exit path, before the process ends. */
  readonly scope: CleanupScope;
  /** Absolute path of a folder that ships with the package (`userdata`, `policies`). */
  assets(folder: 'userdata' | 'policies'): string;
}
