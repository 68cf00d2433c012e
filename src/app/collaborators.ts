import type { AwsAccount } from '../aws/account.ts';
import type { ChoiceHistory } from '../config/choice-history.ts';
import type { Settings } from '../config/settings.ts';
import type { CleanupScope } from '../core/cleanup.ts';
import type { Clock } from '../core/clock.ts';
import type { Report } from '../core/events.ts';
import type { Prompter } from '../ui/prompter.ts';
import type { Terminal } from '../ui/terminal.ts';

/** A profile and a region; undefined = as without `--profile` or `--region`. */
export interface AccountPlace {
  readonly profile: string | undefined;
  readonly region: string | undefined;
}

/** The collaborators that a workflow can receive; the command line creates all of them once for each run. */
export interface Collaborators {
  /** The account of the settings; the same object for each call in a run. */
  account(): Promise<AwsAccount>;
  /** The account with the same credentials in another region. */
  accountIn(region: string): Promise<AwsAccount>;
  /** The account of another profile or region. Each call opens it anew. */
  accountAt(place: AccountPlace): Promise<AwsAccount>;
  /** Absolute path of a folder in the package. */
  assets(folder: 'userdata' | 'policies'): string;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the person chose in earlier runs; empty, and nothing is kept, if the environment says so. */
  history(): Promise<ChoiceHistory>;
  readonly prompter: Prompter;
  readonly random: Random;
  readonly report: Report;
  /** Closed on every exit path, before the process ends. */
  readonly scope: CleanupScope;
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP for which no session listens. */
  readonly signal: AbortSignal;
  readonly signals: Signals;
  readonly terminal: Terminal;
  /** Version of this program. */
  readonly version: string;
}

/**
 * The collaborators and the settings that one workflow names: `Needs<'account' | 'clock', 'cluster'>`. No workflow
 * receives all of them, so that its signature shows what it uses, and a test creates only that.
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
  /** A UUID of version 4. */
  uuid(): string;
}

/** Process signals as a collaborator; `on` returns the function that removes the listener. */
export interface Signals {
  on(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGWINCH' | 'SIGCONT', listener: () => void): () => void;
}
