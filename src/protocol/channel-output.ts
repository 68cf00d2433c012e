import { encodeAcknowledge } from './acknowledge.ts';
import { type AgentMessage, encodeAgentMessage, MESSAGE_TYPE } from './agent-message.ts';
import { encodeAgentSessionState, type SessionState } from './agent-session-state.ts';
import type { DataChannelOptions } from './data-channel-types.ts';

/** The SYN flag. Only the agent sets it, on its first stream message. */
const FIRST_OF_STREAM = 1;

interface Queued {
  readonly message: Uint8Array;
  /** Stream messages are kept elsewhere until acknowledged, so they may be dropped here. */
  readonly isStream: boolean;
}

/** The fields of a stream message that differ from one to the next. */
export interface StreamMessage {
  readonly sequenceNumber: number;
  readonly payloadType: number;
  readonly payload: Uint8Array;
}

/** Encodes the messages of one end of a data channel, and keeps them in order until they are taken. */
export class ChannelOutput {
  readonly #options: Pick<DataChannelOptions, 'role' | 'randomUuid' | 'sessionId'>;
  #queue: Queued[] = [];

  constructor(options: Pick<DataChannelOptions, 'role' | 'randomUuid' | 'sessionId'>) {
    this.#options = options;
  }

  /** The WebSocket messages to send, whole and in order; all are binary. */
  take(): readonly Uint8Array[] {
    const queue = this.#queue;
    this.#queue = [];
    return queue.map((queued) => queued.message);
  }

  acknowledge(message: AgentMessage, now: number): void {
    this.#queue.push({ message: encodeAcknowledge(message, this.#header(now)), isStream: false });
  }

  sessionState(state: SessionState, now: number): void {
    const message = encodeAgentSessionState(state, this.#options.sessionId ?? '', this.#header(now));
    this.#queue.push({ message, isStream: false });
  }

  /** Encodes a stream message without queueing it. */
  encodeStream({ sequenceNumber, payloadType, payload }: StreamMessage, now: number): Uint8Array {
    const isAgent = this.#options.role === 'agent';
    return encodeAgentMessage({
      messageType: isAgent ? MESSAGE_TYPE.output : MESSAGE_TYPE.input,
      ...this.#header(now),
      sequenceNumber,
      flags: isAgent && sequenceNumber === 0 ? FIRST_OF_STREAM : 0,
      payloadType,
      payload,
    });
  }

  queueStream(messages: readonly Uint8Array[]): void {
    for (const message of messages) this.#queue.push({ message, isStream: true });
  }

  /** For a connection that is lost: its stream messages are sent again on the next one. */
  dropStream(): void {
    this.#queue = this.#queue.filter((queued) => !queued.isStream);
  }

  #header(now: number): { readonly messageId: string; readonly createdDate: number } {
    return { messageId: this.#options.randomUuid(), createdDate: createdDate(now) };
  }
}

/** Clocks may have fractions, but the field holds whole milliseconds, and receivers refuse 0. */
const createdDate = (now: number): number => Math.max(1, Math.floor(now));
