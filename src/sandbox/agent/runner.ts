import type { Clock } from '../../core/clock.ts';
import type { Machine } from '../contracts.ts';
import type { AgentChannel } from './agent-channel.ts';
import type { AgentTraits } from './agent-traits.ts';
import type { Outlet } from './outlet.ts';

/** How fast the agent works: as fast as it can, or with the official agent's sleeps and start delays. */
export type AgentPace = 'fast' | 'official';

/** What the runner of a session type works with. */
export interface RunnerContext {
  readonly machine: Machine;
  readonly clock: Clock;
  readonly pace: AgentPace;
  readonly traits: AgentTraits;
  readonly outlet: Outlet;
  readonly channel: AgentChannel;
  /** Reports that the work is done; output that is still queued is sent first. */
  readonly succeed: () => void;
  /** Reports that the work failed; channel_closed carries `output` to the user. */
  readonly fail: (output: string) => void;
}

/** The work of one session, from the moment its handshake is complete. */
export interface SessionRunner {
  /** The promise, if there is one, resolves when the pty, process or connection has taken the bytes. */
  input(bytes: Uint8Array): Promise<void> | undefined;
  size(columns: number, rows: number): void;
  flag(flag: 'DisconnectToPort' | 'TerminateSession'): void;
  /** The client is disconnected: what is sent now reaches no client. */
  paused?(): void;
  /** The session is over: kill programs, close connections. Called once. */
  stop(): void;
}
