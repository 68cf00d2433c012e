import type { Clock } from '../../core/clock.ts';
import type { Report } from '../../core/events.ts';
import type { DataChannelEvent } from '../../protocol/data-channel.ts';
import type { OpenSocket } from './message-socket.ts';
import type { KmsPort, SsmPort, UpgradeSigner } from '../ports.ts';
import type { LinkTiming } from './session-link.ts';

/** What every native session needs from outside. */
export interface ChannelDeps {
  readonly ssm: Pick<SsmPort, 'resumeSession' | 'terminateSession'>;
  /** Loaded only when the agent asks for encryption. */
  readonly kms: () => Promise<KmsPort>;
  readonly signer: UpgradeSigner;
  readonly openSocket: OpenSocket;
  readonly clock: Clock;
  readonly random: { number(): number; bytes(length: number): Uint8Array; uuid(): string };
  readonly report: Report;
  /** One line per dropped message and state change, for `--debug`. */
  readonly debug?: ((line: string) => void) | undefined;
  /** `wss://HOST` or `ws://HOST:PORT` instead of the host that AWS names; undefined = the host that AWS names. */
  readonly gateway?: string | undefined;
  /** Bytes per message; 1024 until the agent is known to accept more. */
  readonly payloadSize?: number | undefined;
  /** `minWindowBytes` of the protocol's limits; undefined = its default. */
  readonly minWindowBytes?: number | undefined;
  readonly timing?: Partial<ChannelTiming & LinkTiming> | undefined;
}

export interface ChannelTiming {
  /**
   * From the open WebSocket until the session begins, handshake and KMS included; an agent waits 1 s before it reads
   * its pty.
   */
  readonly firstMessageMs: number;
  /**
   * When bytes stay unacknowledged and the agent sends nothing for this long, the user is told. The channel itself
   * gives up after five minutes.
   */
  readonly silenceMs: number;
  /** The same, shorter: the session looks whether its target still exists. */
  readonly quietMs: number;
  readonly terminateMs: number;
}

export const CHANNEL_TIMING: ChannelTiming = {
  firstMessageMs: 30_000,
  silenceMs: 10_000,
  quietMs: 4_000,
  terminateMs: 3_000,
};

export type ChannelOpened = Extract<DataChannelEvent, { readonly type: 'opened' }>;

/** What a session does with its channel. No callback may throw. */
export interface ChannelListener {
  output(bytes: Uint8Array, stream: 'stdout' | 'stderr'): void;
  /** `send` returned false before; there is room again. */
  room?(): void;
  exitCode?(code: number): void;
  /** The agent could not connect to the port for one of our streams; it does not say for which. */
  connectToPortError?(): void;
  /** The connection was lost and may be restored. */
  interrupted?(): void;
  resumed?(): void;
  /** The agent has disconnected from the gateway, or owes an answer for some seconds: its target may be gone. */
  silent?(): void;
}
