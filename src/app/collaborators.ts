import type { AwsAccount } from '../aws/account.ts';
import type { Settings } from '../config/settings.ts';
import type { CleanupScope } from '../core/cleanup.ts';
import type { Clock } from '../core/clock.ts';
import type { Report } from '../core/events.ts';
import type { Prompter } from '../ui/prompter.ts';
import type { Terminal } from '../ui/terminal.ts';

/** What a workflow can be given from outside; the command line builds all of it once for each run. */
export interface Collaborators {
  /** The account of the settings; the same object for each call in a run. */
  account(): Promise<AwsAccount>;
  /** The account with the same credentials in another region. */
  accountIn(region: string): Promise<AwsAccount>;
  /** Absolute path of a folder that ships with the package. */
  assets(folder: 'userdata' | 'policies'): string;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly prompter: Prompter;
  readonly random: Random;
  readonly report: Report;
  /** Closed on every exit path, before the process ends. */
  readonly scope: CleanupScope;
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP that no session has claimed for itself. */
  readonly signal: AbortSignal;
  readonly signals: Signals;
  readonly terminal: Terminal;
  /** Of this program. */
  readonly version: string;
}

/**
 * The collaborators and the settings that one workflow names: `Needs<'account' | 'clock', 'cluster'>`. No workflow takes
 * all of them, so that its signature says what it touches and a test builds only that.
 */
export type Needs<K extends keyof Collaborators, S extends keyof Settings = never> = Pick<
  Collaborators,
  K
> & {
  readonly settings: Pick<Settings, S>;
};

export interface Random {
  /** Uniform in [0, 1). */
  number(): number;
  bytes(length: number): Uint8Array;
  /** Version 4. */
  uuid(): string;
}

/** Process signals as a collaborator; `on` returns the function that removes the listener. */
export interface Signals {
  on(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGWINCH' | 'SIGCONT', listener: () => void): () => void;
}
