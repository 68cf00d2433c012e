import { DEFAULT_MAX_PAYLOAD } from './agent-message.ts';
import type { SessionState } from './agent-session-state.ts';

/** `sessionType` of the session document; the client treats the first three as shells. */
export type SessionType = 'Standard_Stream' | 'InteractiveCommands' | 'NonInteractiveCommands' | 'Port';

export interface DataChannelOptions {
  readonly role: 'client' | 'agent';
  readonly randomUuid: () => string;
  /** For KMS nonces and challenges; must be cryptographically strong outside tests. */
  readonly randomBytes: (length: number) => Uint8Array;
  /** ClientVersion or AgentVersion, four integers; it decides which features the peer uses (SPEC.md §4). */
  readonly version?: string;
  /** Agent only: the session named in agent_session_state. */
  readonly sessionId?: string;
  /** Bytes of data per message; 1024 unless the peer is known to accept more. */
  readonly payloadSize?: number;
  readonly limits?: Partial<DataChannelLimits>;
  /** Agent only; absent: no handshake, as in plain shells and ECS exec. */
  readonly handshake?: AgentHandshake;
}

/** What the agent asks for in its HandshakeRequest. */
export interface AgentHandshake {
  readonly sessionType: SessionType;
  /** The session document's `properties`; all values are strings in AWS's own documents. */
  readonly properties?: unknown;
  /** Asks for KMS encryption with this key. */
  readonly kmsKeyId?: string;
  /** Base64 of random bytes that the client may bind into the KMS encryption context. */
  readonly challenge?: string;
  readonly customerMessage?: string;
  /** Deadline for the response, and again for the answer to the encryption challenge; 15 s like the official agent. */
  readonly timeoutMs?: number;
}

/** Each is a limit on what the peer can make us store or wait for; the code that it raises is in SPEC.md §7. */
export interface DataChannelLimits {
  /** Payload bytes of one received message. */
  readonly maxPayloadBytes: number;
  readonly maxOutOfOrderMessages: number;
  readonly maxOutOfOrderBytes: number;
  /** Hard limit of unacknowledged bytes; `room` keeps a sender that respects it below half of this. */
  readonly maxUnackedBytes: number;
  /** This much may always be unacknowledged, however slow the acknowledgements are. */
  readonly minWindowBytes: number;
  /** How long the oldest message may stay unacknowledged; time while paused or disconnected does not count. */
  readonly maxUnackedMs: number;
  /** Client: from HandshakeRequest to HandshakeComplete, KMS call included. */
  readonly handshakeTimeoutMs: number;
  /** Limit of unreadable messages in a row. */
  readonly maxMalformedMessages: number;
}

/** The limits of a channel that was given none (SPEC.md §7). */
export const DEFAULT_LIMITS: DataChannelLimits = {
  maxPayloadBytes: DEFAULT_MAX_PAYLOAD,
  maxOutOfOrderMessages: 10_000,
  maxOutOfOrderBytes: 16 * 1024 * 1024,
  maxUnackedBytes: 4 * 1024 * 1024,
  minWindowBytes: 4 * 1024,
  maxUnackedMs: 300_000,
  handshakeTimeoutMs: 60_000,
  maxMalformedMessages: 1_000,
};

/** In cells, 0 to 65535. */
export interface WindowSize {
  readonly columns: number;
  readonly rows: number;
}

/** What one side tells the other about the session or its port by a flag message (SPEC.md §5). */
export type SessionFlag = 'DisconnectToPort' | 'TerminateSession' | 'ConnectToPortError';

/** The key of an encrypted session, as KMS's GenerateDataKey or Decrypt returns it (SPEC.md §4). */
export interface DataKey {
  /** 64 bytes from KMS. */
  readonly plaintext: Uint8Array;
  readonly ciphertextBlob: Uint8Array;
  /** Client: the challenge was part of the encryption context; this is reported to the agent. */
  readonly acknowledgeChallenge?: boolean;
}

/** What a client's channel reports. */
export type ClientEvent =
  /**
   * After HandshakeComplete, or at the first output without a handshake (then `sessionType` is undefined, the version
   * empty).
   */
  | {
      readonly type: 'opened';
      readonly sessionType: SessionType | undefined;
      readonly agentVersion: string;
      readonly properties: unknown;
      readonly customerMessage: string;
      readonly mux: boolean;
      readonly keepAlive: boolean;
    }
  /** The driver calls GenerateDataKey and answers with `provideDataKey` or `refuseDataKey`. */
  | {
      readonly type: 'data-key-needed';
      readonly kmsKeyId: string;
      readonly challenge: string | undefined;
    }
  | { readonly type: 'output'; readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array }
  | { readonly type: 'exit-code'; readonly code: number }
  /** The agent could not connect to the port; it does not say for which connection. */
  | { readonly type: 'connect-to-port-error' };

/** What an agent's channel reports. */
export type AgentEvent =
  | { readonly type: 'input'; readonly bytes: Uint8Array }
  | { readonly type: 'size'; readonly columns: number; readonly rows: number }
  | { readonly type: 'flag'; readonly flag: 'DisconnectToPort' | 'TerminateSession' }
  /** The session may start; `clientVersion` is empty without a handshake. */
  | {
      readonly type: 'agent-opened';
      readonly clientVersion: string;
      readonly mux: boolean;
      readonly keepAlive: boolean;
    }
  /** The driver decrypts with KMS and answers with `provideDataKey` or `refuseDataKey`. */
  | {
      readonly type: 'data-key-offered';
      readonly ciphertextBlob: Uint8Array;
      readonly challengeAcknowledged: boolean;
    };

/** What `receive` and `tick` of a DataChannel return, in the order in which it happened. */
export type DataChannelEvent =
  | ClientEvent
  | AgentEvent
  /**
   * The gateway reports that the peer of an open session cannot receive messages (`paused`), or can again. Meanwhile
   * new data is held back.
   */
  | { readonly type: 'paused' }
  | { readonly type: 'resumed' }
  /** channel_closed: the session is over; `output` says why, empty for a regular end. */
  | { readonly type: 'closed'; readonly output: string }
  /** A message that was dropped or had no effect; for `--debug`. */
  | { readonly type: 'ignored'; readonly reason: string };

/** The part of a channel that differs between client and agent: the meaning of stream messages, and the handshake. */
export interface ChannelRole {
  /** True when stream data may be sent. */
  readonly isOpen: boolean;
  /** True when the peer began a handshake, or was asked to. */
  readonly isHandshaking: boolean;
  start(now: number): void;
  /** False: the message must neither be acknowledged nor counted, so that the peer sends it again. */
  accepts(payloadType: number, payload: Uint8Array): boolean;
  /** Called in sequence order, after the acknowledgement was queued. */
  process(payloadType: number, payload: Uint8Array, now: number): readonly DataChannelEvent[];
  /** Encrypts if the session is encrypted. */
  seal(payload: Uint8Array): Uint8Array;
  provideDataKey(key: DataKey, now: number): void;
  refuseDataKey(reason: string, now: number): void;
  nextTimeout(): number | undefined;
  /** Throws when the handshake has timed out. */
  tick(now: number): readonly DataChannelEvent[];
}

/** What a role may do to its channel. */
export interface RoleLink {
  sendStream(payloadType: number, payload: Uint8Array, now: number): void;
  sendSessionState(state: SessionState, now: number): void;
  /** For calls that return no events: the next `receive` or `tick` returns this event. */
  emit(event: DataChannelEvent): void;
}
