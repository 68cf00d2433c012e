import { transport } from '../../core/errors.ts';
import type { Report, ToolEvent } from '../../core/events.ts';
import type { ContainerWatch } from '../target/task-watch.ts';
import type { ChannelDeps } from '../channel/channel-deps.ts';
import type { RemoteSetup } from './exec-script.ts';
import type { SessionStart } from '../ports.ts';
import type { SessionTerminal, SizeSignals } from './session-terminal.ts';

export interface CommandSessionOptions {
  readonly session: SessionStart;
  readonly target: string;
  /** The nonce of the script that ExecuteCommand was given. */
  readonly nonce: string;
  /** The command gets our terminal: raw mode, sizes, escapes. Must agree with the script. */
  readonly interactive: boolean;
  /** False: the command gets an empty stdin. */
  readonly readStdin: boolean;
  /** A command with a terminal is kept alive only if this is true; one with pipes always is. */
  readonly keepAlive?: boolean;
  readonly deps: ChannelDeps;
  readonly terminal: SessionTerminal;
  readonly signals: SizeSignals;
  readonly signal: AbortSignal;
  readonly report: Report;
  /** The container that the command runs in; undefined if it is not watched. */
  readonly container?: ContainerWatch;
}

/** Our end of the command's streams: our terminal, or our three pipes. */
export interface CommandEnd {
  /** The command runs; its input may be sent from now on. */
  begin(setup: RemoteSetup): void;
  stdout(bytes: Uint8Array): void;
  stderr(bytes: Uint8Array): void;
  /** The remote script has read a block of stdin. */
  taken(): void;
  /** The remote script wants everything again that it has not taken. False: it has asked too often in a row. */
  again(): boolean;
  /** The channel accepts input again. */
  room(): void;
  /** Stops reading input, and restores what was changed. May be called twice. */
  stop(): void;
  /** True while the consumer of the output is behind; silence then says nothing about the remote side. */
  readonly isBehind: boolean;
  /** Reports an event while the command runs. */
  note(event: ToolEvent): void;
  /** Resolves when all output was passed on. After a failure a message follows. */
  finish(hasFailed: boolean): Promise<void>;
  /** Resolves when the rest is not wanted: the user typed an escape, or the reader of our output closed it. */
  readonly stopped: Promise<unknown>;
}

/** Every repetition of a block of stdin was damaged too (exec-script-input.ts). */
export const stdinDamaged = (): Error =>
  transport(
    'stdin-damaged',
    'a block of stdin arrived damaged however often it was sent, because the connection of the agent was cut each time; the command was ended',
  );
