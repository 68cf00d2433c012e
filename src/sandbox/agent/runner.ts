import type { Clock } from '../../core/clock.ts';
import type { Machine } from '../contracts.ts';
import type { AgentChannel } from './agent-channel.ts';
import type { AgentTraits } from './agent-traits.ts';
import type { Outlet } from './outlet.ts';

/** How fast the agent is: as it can, or with the official agent's sleeps and start delays. */
export type AgentPace = 'fast' | 'official';

/** What a session type's runner works with. */
export interface RunnerContext {
  readonly machine: Machine;
  readonly clock: Clock;
  readonly pace: AgentPace;
  readonly traits: AgentTraits;
  readonly outlet: Outlet;
  readonly channel: AgentChannel;
  /** The work is done; what is still queued goes out first. */
  readonly succeed: () => void;
  /** The work failed; `output` reaches the person through channel_closed. */
  readonly fail: (output: string) => void;
}

/** The work of one session, from the moment its handshake is complete. */
export interface SessionRunner {
  /** The promise, if there is one, resolves when the far side has taken the bytes. */
  input(bytes: Uint8Array): Promise<void> | undefined;
  size(columns: number, rows: number): void;
  flag(flag: 'DisconnectToPort' | 'TerminateSession'): void;
  /** The client is away: nobody receives what is sent now. */
  paused?(): void;
  /** The session is over: kill programs, close connections. Called once. */
  stop(): void;
}
