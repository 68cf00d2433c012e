import type { Collaborators, Random, Signals } from '../app/collaborators.ts';
import type { AwsAccount } from '../aws/account.ts';
import type { AccountTalk } from '../aws/client-config.ts';
import type { Settings } from '../config/settings.ts';
import type { Clock } from '../core/clock.ts';
import type { ErrorDetails } from '../core/error-facts.ts';
import type { Terminal } from '../ui/terminal.ts';

/** Everything that the outside world hands to the tool; main.ts builds the real one, tests build their own. */
export interface CliDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly random: Random;
  readonly signals: Signals;
  /** Errors that nothing caught; the returned function removes the listener. Absent in tests, whose runner watches. */
  readonly uncaught?: (listener: (error: unknown) => void) => () => void;
  /** Opens the account lazily; the SDK is loaded by the first port that is asked for. */
  readonly openAccount: (settings: Settings, talk: AccountTalk) => Promise<AwsAccount>;
  readonly version: string;
}

/** What a command's `run` receives besides its own options. It hands a workflow the part that the workflow names. */
export interface CommandContext extends Collaborators {
  readonly settings: Settings;
  /** What to type after an error, a note or a finding, one line each (advice/). */
  readonly advice: (code: string, facts: ErrorDetails) => readonly string[];
}
