import { ProtocolError } from '../core/errors.ts';
import { acknowledgedSequenceNumber } from './acknowledge.ts';
import { type AgentMessage, decodeAgentMessage, MESSAGE_TYPE, PAYLOAD_TYPE } from './agent-message.ts';
import { channelClosedOutput } from './channel-closed.ts';
import { ChannelOutput } from './channel-output.ts';
import { createRole } from './channel-role.ts';
import {
  type ChannelRole,
  type DataChannelEvent,
  type DataChannelLimits,
  type DataChannelOptions,
  type DataKey,
  DEFAULT_LIMITS,
  type SessionFlag,
  type WindowSize,
} from './data-channel-types.ts';
import { IncomingMessages } from './incoming-messages.ts';
import { OutgoingMessages } from './outgoing-messages.ts';
import { encodeExitCode, encodeFlag, encodeSize } from './stream-payloads.ts';

export type {
  AgentHandshake,
  DataChannelEvent,
  DataChannelLimits,
  DataChannelOptions,
  SessionType,
} from './data-channel-types.ts';

/** Bytes of data per message, as the official peers send them. */
export const DEFAULT_PAYLOAD_SIZE = 1024;
/**
 * One end of an SSM data channel. It takes WebSocket messages and `now` (ms since the epoch), and returns WebSocket
 * messages and events. After every call the driver sends `takeOutput()` and sets a timer for `nextTimeout()`.
 *
 * `receive` and `tick` throw ProtocolError when the peer broke the protocol or a limit was exceeded (SPEC.md §7); after
 * that the channel is closed. Messages that official peers survive are dropped and reported as `ignored` instead.
 */
export class DataChannel {
  readonly #options: DataChannelOptions;
  readonly #limits: DataChannelLimits;
  readonly #payloadSize: number;
  readonly #role: ChannelRole;
  readonly #incoming: IncomingMessages;
  readonly #outgoing: OutgoingMessages;
  readonly #output: ChannelOutput;
  /** Sizes and flags that were requested before the agent would accept them. */
  #beforeOpen: { readonly payloadType: number; readonly payload: Uint8Array }[] = [];
  #pending: DataChannelEvent[] = [];
  #isClosed = false;
  #isPaused = false;
  #isPauseReported = false;
  #isConnected = true;
  #malformed = 0;
  #lastNow = 0;

  constructor(options: DataChannelOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#payloadSize = options.payloadSize ?? DEFAULT_PAYLOAD_SIZE;
    this.#incoming = new IncomingMessages(this.#limits);
    this.#outgoing = new OutgoingMessages(this.#limits);
    this.#output = new ChannelOutput(options);
    const link = {
      sendStream: this.#sendStream.bind(this),
      sendSessionState: this.#output.sessionState.bind(this.#output),
      emit: (event: DataChannelEvent): void => void this.#pending.push(event),
    };
    this.#role = createRole(options, this.#limits, link);
  }

  get phase(): 'awaiting-handshake' | 'handshaking' | 'open' | 'closed' {
    if (this.#isClosed) return 'closed';
    if (this.#role.isOpen) return 'open';
    return this.#role.isHandshaking ? 'handshaking' : 'awaiting-handshake';
  }

  get unackedBytes(): number {
    return this.#outgoing.unackedBytes;
  }

  /** How many bytes `send` may be given now; 0 until the channel is open, and while less than one message fits. */
  get room(): number {
    if (this.phase !== 'open') return 0;
    const { room } = this.#outgoing;
    // Whole messages only: a message costs the agent the same, however small it is.
    return this.unackedBytes === 0 ? room : room - (room % this.#payloadSize);
  }

  /** Agent: queues the session state and the HandshakeRequest. Client: does nothing, because the agent sends first. */
  start(now: number): void {
    this.#lastNow = now;
    this.#role.start(now);
  }

  /**
   * Handles one WebSocket message, text or binary alike. The bytes must not change afterwards, because events are views
   * of them.
   */
  receive(message: Uint8Array, now: number): readonly DataChannelEvent[] {
    const events = this.#takePending();
    if (this.#isClosed) return events;
    this.#lastNow = now;
    this.#closingOnError(() => this.#dispatch(message, now, events));
    return events;
  }

  /**
   * Does what the official agent does with a stream message that it cannot acknowledge: the message is handled but
   * stays expected, so that its repetition is handled again. Messages ahead of the expected one are lost.
   */
  receiveUnacknowledged(message: Uint8Array, now: number): readonly DataChannelEvent[] {
    const events = this.#takePending();
    if (this.#isClosed) return events;
    this.#lastNow = now;
    this.#closingOnError(() => {
      const stream = this.#decode(message, events);
      if (stream?.messageType !== this.#streamType || stream.sequenceNumber !== this.#incoming.expected)
        return;
      if (this.#role.accepts(stream.payloadType, stream.payload))
        events.push(...this.#role.process(stream.payloadType, stream.payload, now));
    });
    return events;
  }

  /**
   * Splits `payload` into messages of the payload size. It may exceed `room`, but not the hard limit: throws
   * `window-exceeded`, `channel-not-open`, `channel-closed`, and then has taken nothing. `stream` is for
   * NonInteractiveCommands.
   */
  send(payload: Uint8Array, now: number, stream: 'stdout' | 'stderr' = 'stdout'): void {
    if (this.#isClosed) throw new ProtocolError('channel-closed', 'the session is over');
    if (!this.#role.isOpen) throw new ProtocolError('channel-not-open', 'the session has not started yet');
    if (!this.#outgoing.fits(payload.byteLength))
      throw new ProtocolError(
        'window-exceeded',
        `${this.unackedBytes + payload.byteLength} bytes would be unacknowledged, at most ${this.#limits.maxUnackedBytes}`,
      );
    // Sessions without a handshake have only one stream, and official clients require its first message to be Output.
    const separate = stream === 'stderr' && this.#options.handshake !== undefined;
    const payloadType = separate ? PAYLOAD_TYPE.stdErr : PAYLOAD_TYPE.output;
    for (let at = 0; at < payload.byteLength; at += this.#payloadSize)
      this.#sendStream(payloadType, this.#role.seal(payload.subarray(at, at + this.#payloadSize)), now);
  }

  /** Before the channel is open, keeps only the last size, and sends it when the channel opens. */
  sendSize(size: WindowSize, now: number): void {
    this.#sendControl(PAYLOAD_TYPE.size, encodeSize(size), now);
  }

  sendFlag(flag: SessionFlag, now: number): void {
    this.#sendControl(PAYLOAD_TYPE.flag, encodeFlag(flag), now);
  }

  /** Agent, NonInteractiveCommands: sends the last stream message. */
  sendExitCode(code: number, now: number): void {
    this.#sendControl(PAYLOAD_TYPE.exitCode, this.#role.seal(encodeExitCode(code)), now);
  }

  /** Agent: tells the gateway that the session ends; to be called once everything is acknowledged, or after 2 s. */
  terminating(now: number): void {
    if (!this.#isClosed) this.#output.sessionState('Terminating', now);
  }

  /** Answers `data-key-needed` or `data-key-offered`. Throws `data-key-length` unless `plaintext` has 64 bytes. */
  provideDataKey(key: DataKey, now: number): void {
    if (!this.#isClosed) this.#role.provideDataKey(key, now);
  }

  /** The client sends `reason` to the agent; the agent fails its session with it. */
  refuseDataKey(reason: string, now: number): void {
    if (!this.#isClosed) this.#role.refuseDataKey(reason, now);
  }

  /** The WebSocket messages to send, whole and in order; all are binary. */
  takeOutput(): readonly Uint8Array[] {
    return this.#output.take();
  }

  /**
   * When `tick` must be called next (now if that is in the past); undefined if only a received message can change
   * anything.
   */
  nextTimeout(): number | undefined {
    if (this.#pending.length > 0) return this.#lastNow;
    if (this.#isClosed) return undefined;
    const resendAt = this.#isConnected ? this.#outgoing.nextTimeout() : undefined;
    const due = Math.min(this.#role.nextTimeout() ?? Infinity, resendAt ?? Infinity);
    return due === Infinity ? undefined : due;
  }

  tick(now: number): readonly DataChannelEvent[] {
    const events = this.#takePending();
    if (this.#isClosed) return events;
    this.#lastNow = now;
    this.#closingOnError(() => {
      events.push(...this.#role.tick(now));
      if (this.#isConnected) this.#output.queueStream(this.#outgoing.tick(now));
    });
    return events;
  }

  /**
   * The socket was closed: until `reconnected`, nothing is repeated and no limit counts. Optional, but without it
   * repetitions pile up.
   */
  disconnected(now: number): void {
    this.#isConnected = false;
    this.#lastNow = now;
    this.#outgoing.freeze(now);
    this.#output.dropStream();
  }

  /**
   * A new socket is open: everything unacknowledged is sent again, in order. Sequence numbers continue, and the
   * handshake is not repeated.
   */
  reconnected(now: number): void {
    if (this.#isClosed) return;
    this.#isConnected = true;
    this.#lastNow = now;
    this.#output.dropStream();
    this.#output.queueStream(this.#outgoing.restart(now));
    this.#pushResumed(this.#pending);
  }

  /** The message type of the peer's stream data. */
  get #streamType(): string {
    return this.#options.role === 'client' ? MESSAGE_TYPE.output : MESSAGE_TYPE.input;
  }

  #dispatch(bytes: Uint8Array, now: number, events: DataChannelEvent[]): void {
    const message = this.#decode(bytes, events);
    if (message === undefined) return;
    switch (message.messageType) {
      case MESSAGE_TYPE.acknowledge:
        this.#receiveAcknowledge(message, now, events);
        return;
      case this.#streamType:
        this.#resume(now, events);
        this.#receiveStream(message, now, events);
        return;
      case MESSAGE_TYPE.channelClosed:
        this.#isClosed = true;
        events.push({ type: 'closed', output: channelClosedOutput(message.payload) });
        return;
      case MESSAGE_TYPE.pausePublication:
        this.#pause(now, events);
        return;
      case MESSAGE_TYPE.startPublication:
        // An agent that was away has lost the messages sent to it meanwhile: waiting for the timeout would only prolong
        // the outage.
        if (this.#options.role === 'client' && this.#isPaused)
          this.#output.queueStream(this.#outgoing.restart(now));
        this.#resume(now, events);
        return;
      default:
        events.push({ type: 'ignored', reason: `message type ${JSON.stringify(message.messageType)}` });
    }
  }

  /**
   * Undefined for a message that official peers drop and survive. Too many of them in a row, or one that is too large,
   * is fatal.
   */
  #decode(bytes: Uint8Array, events: DataChannelEvent[]): AgentMessage | undefined {
    try {
      const message = decodeAgentMessage(bytes, {
        maxPayloadBytes: this.#limits.maxPayloadBytes,
        verifyDigest: this.#options.role === 'client',
      });
      this.#malformed = 0;
      return message;
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code === 'payload-too-large') throw error;
      if (++this.#malformed > this.#limits.maxMalformedMessages)
        throw new ProtocolError('malformed-messages', `${this.#malformed} unreadable messages in a row`, {
          last: error.code,
        });
      events.push({ type: 'ignored', reason: `${error.code}: ${error.message}` });
      return undefined;
    }
  }

  #receiveAcknowledge(message: AgentMessage, now: number, events: DataChannelEvent[]): void {
    const sequenceNumber = acknowledgedSequenceNumber(message.payload);
    if (sequenceNumber === undefined) {
      events.push({ type: 'ignored', reason: 'acknowledge that cannot be read' });
      return;
    }
    this.#output.queueStream(this.#outgoing.acknowledge(sequenceNumber, now));
    this.#resume(now, events);
  }

  #receiveStream(message: AgentMessage, now: number, events: DataChannelEvent[]): void {
    const place = this.#incoming.place(message);
    switch (place) {
      case 'early':
      case 'duplicate':
        // Duplicates are acknowledged too. Official clients do not do that, so a lost acknowledgement makes the agent
        // repeat forever.
        this.#output.acknowledge(message, now);
        return;
      case 'no-room':
        events.push({
          type: 'ignored',
          reason: `out-of-order-limit: no room for message ${message.sequenceNumber}`,
        });
        return;
      case 'expected':
        if (!this.#role.accepts(message.payloadType, message.payload)) {
          events.push({
            type: 'ignored',
            reason: `payload type ${message.payloadType} is not accepted now, the peer will repeat it`,
          });
          return;
        }
        this.#output.acknowledge(message, now);
        this.#deliver(message, now, events);
        this.#drain(now, events);
        return;
    }
  }

  #drain(now: number, events: DataChannelEvent[]): void {
    for (;;) {
      const next = this.#incoming.peek();
      if (next === undefined || !this.#role.accepts(next.payloadType, next.payload)) return;
      this.#deliver(next, now, events);
    }
  }

  #deliver(message: AgentMessage, now: number, events: DataChannelEvent[]): void {
    const wasOpen = this.#role.isOpen;
    this.#incoming.advance();
    events.push(...this.#role.process(message.payloadType, message.payload, now));
    if (wasOpen || !this.#role.isOpen) return;
    for (const { payloadType, payload } of this.#beforeOpen.splice(0))
      this.#sendStream(payloadType, payload, now);
  }

  /** Reported only in an open session: before that it is normal that the peer is not connected yet. */
  #pause(now: number, events: DataChannelEvent[]): void {
    if (!this.#isPaused && this.#role.isOpen) {
      this.#isPauseReported = true;
      events.push({ type: 'paused' });
    }
    this.#isPaused = true;
    this.#outgoing.freeze(now);
  }

  #resume(now: number, events: DataChannelEvent[]): void {
    if (!this.#isPaused) return;
    this.#output.queueStream(this.#outgoing.resume(now));
    this.#pushResumed(events);
  }

  #pushResumed(events: DataChannelEvent[]): void {
    if (this.#isPauseReported) events.push({ type: 'resumed' });
    this.#isPauseReported = false;
    this.#isPaused = false;
  }

  #sendControl(payloadType: number, payload: Uint8Array, now: number): void {
    if (this.#isClosed) return;
    if (this.#role.isOpen) {
      this.#sendStream(payloadType, payload, now);
      return;
    }
    if (payloadType === PAYLOAD_TYPE.size)
      this.#beforeOpen = this.#beforeOpen.filter((held) => held.payloadType !== payloadType);
    this.#beforeOpen.push({ payloadType, payload });
  }

  #sendStream(payloadType: number, payload: Uint8Array, now: number): void {
    const sequenceNumber = this.#outgoing.nextSequenceNumber;
    const message = this.#output.encodeStream({ sequenceNumber, payloadType, payload }, now);
    if (this.#outgoing.add(message, payload.byteLength, now)) this.#output.queueStream([message]);
  }

  #takePending(): DataChannelEvent[] {
    return this.#pending.splice(0);
  }

  #closingOnError(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#isClosed = true;
      throw error;
    }
  }
}
