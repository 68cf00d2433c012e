import type { Report } from '../../core/events.ts';
import type { ChannelDeps } from '../channel/channel-deps.ts';
import type { RemoteSetup } from './exec-script.ts';
import type { SessionStart } from '../ports.ts';
import type { SessionTerminal, SizeSignals } from './session-terminal.ts';

export interface CommandSessionOptions {
  readonly session: SessionStart;
  readonly target: string;
  /** Of the script that ExecuteCommand was given. */
  readonly nonce: string;
  /** The command owns our terminal: raw mode, resizes, escapes. Must agree with the script. */
  readonly interactive: boolean;
  /** False gives the command an empty stdin. */
  readonly readStdin: boolean;
  readonly deps: ChannelDeps;
  readonly terminal: SessionTerminal;
  readonly signals: SizeSignals;
  readonly signal: AbortSignal;
  readonly report: Report;
}

/** One end of the command's streams: our terminal, or our three pipes. */
export interface CommandEnd {
  /** The command runs; its input may be sent. */
  begin(setup: RemoteSetup): void;
  stdout(bytes: Uint8Array): void;
  stderr(bytes: Uint8Array): void;
  /** The far side has taken a block of stdin. */
  taken(): void;
  /** The channel takes input again. */
  room(): void;
  /** Reads no more input, and restores what was changed. Safe to call twice. */
  stop(): void;
  /** True while the consumer of the output is behind, so that silence says nothing about the far side. */
  readonly isBehind: boolean;
  /** Resolves when all output has left. */
  finish(): Promise<void>;
  /** Resolves when nobody wants the rest: an escape was typed, or the reader of our output is gone. */
  readonly stopped: Promise<unknown>;
}
