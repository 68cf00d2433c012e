import { inTime, preciseNow } from '../../core/clock.ts';
import { Deferred } from '../../core/deferred.ts';
import { type ToolError, transport } from '../../core/errors.ts';
import { DataChannel, DEFAULT_PAYLOAD_SIZE, type DataChannelEvent } from '../../protocol/data-channel.ts';
import { AgentSilence } from './agent-silence.ts';
import { Alarm } from './alarm.ts';
import {
  CHANNEL_TIMING,
  type ChannelDeps,
  type ChannelListener,
  type ChannelOpened,
  type ChannelTiming,
} from './channel-deps.ts';
import { type DataKeyRequest, generateDataKey } from './data-key.ts';
import type { SessionStart } from '../ports.ts';
import { type MessageSource, OutgoingData } from './outgoing-data.ts';
import { CLIENT_VERSION, SessionLink } from './session-link.ts';
import { channelEnd, type ChannelEnd, endMessage, terminateSession } from '../session/session-end.ts';
import { agentRefusal, agentSilent, sessionNotEnded } from '../session/session-refusals.ts';

/**
 * Runs a DataChannel on a socket and a clock. All outgoing messages leave through one queue, once per turn of the event
 * loop, so acknowledgements and data share packets and sequence numbers never race.
 */
export class ChannelDriver {
  /**
   * Resolves when the service sends channel_closed, or after `terminate`; otherwise rejects with the ToolError that
   * ended the session.
   */
  readonly ended: Promise<ChannelEnd>;
  readonly #session: SessionStart;
  readonly #target: string;
  readonly #deps: ChannelDeps;
  readonly #listener: ChannelListener;
  readonly #timing: ChannelTiming;
  readonly #channel: DataChannel;
  readonly #link: SessionLink;
  readonly #ended = new Deferred<ChannelEnd>();
  readonly #opened = new Deferred<ChannelOpened>();
  readonly #outgoing: OutgoingData;
  readonly #silence: AgentSilence;
  readonly #alarm: Alarm;
  #isOpen = false;
  #isOver = false;
  #wantsRoom = false;
  #flushing = false;
  #size: { readonly columns: number; readonly rows: number } | undefined;
  /** The TerminateSession call for a session that failed; it has a time limit. */
  #terminating: Promise<unknown> | undefined;
  /** Set while `terminate` waits for the agent to end the session by itself. */
  #onClosed: (() => void) | undefined;

  constructor(session: SessionStart, target: string, deps: ChannelDeps, listener: ChannelListener) {
    this.#session = session;
    this.#target = target;
    this.#deps = deps;
    this.#listener = listener;
    this.#timing = { ...CHANNEL_TIMING, ...deps.timing };
    this.ended = this.#ended.promise;
    this.ended.catch(() => undefined);
    const payloadSize = deps.payloadSize ?? DEFAULT_PAYLOAD_SIZE;
    this.#outgoing = new OutgoingData(payloadSize);
    this.#channel = new DataChannel({
      role: 'client',
      version: CLIENT_VERSION,
      randomUuid: () => deps.random.uuid(),
      randomBytes: (length) => deps.random.bytes(length),
      payloadSize,
      ...(deps.minWindowBytes === undefined ? {} : { limits: { minWindowBytes: deps.minWindowBytes } }),
    });
    this.#link = new SessionLink(session, deps, {
      message: (bytes) => this.#receive(bytes),
      interrupted: () => this.#interrupted(),
      resumed: () => this.#resumed(),
      lost: (error) => this.#fail(error),
    });
    this.#alarm = new Alarm(deps.clock, () => this.#tick());
    this.#silence = new AgentSilence({
      clock: deps.clock,
      report: deps.report,
      silenceMs: this.#timing.silenceMs,
      quietMs: this.#timing.quietMs,
      quiet: () => listener.silent?.(),
      awaitsAcknowledgement: () => !this.#isOver && this.#channel.unackedBytes > 0,
      listens: () => this.#link.isOpen && this.#link.isReading,
    });
  }

  /**
   * Opens the channel and waits until the agent lets the session begin. Throws what `SessionLink.open` throws,
   * `agent-silent` when the agent sends nothing for 30 s, or the error that ended the session before it began.
   */
  async start(): Promise<ChannelOpened> {
    try {
      await this.#link.open();
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    this.#silence.restart();
    this.#channel.start(this.#now);
    this.#scheduleFlush();
    const cancel = this.#deps.clock.timer(this.#timing.firstMessageMs, () =>
      this.#fail(agentSilent(this.#target, this.#timing.firstMessageMs)),
    );
    try {
      return await Promise.race([
        this.#opened.promise,
        this.ended.then((end) => {
          throw transport('session-closed-early', endMessage(end), { details: { target: this.#target } });
        }),
      ]);
    } finally {
      cancel();
    }
  }

  /**
   * Accepts all bytes; false asks the caller to stop until `room()`. The caller must not change the bytes afterwards.
   */
  send(bytes: Uint8Array): boolean {
    if (this.#isOver) return true;
    if (bytes.byteLength > 0) {
      this.#outgoing.push(bytes);
      this.#pump();
      this.#scheduleFlush();
    }
    if (this.#outgoing.queuedBytes === 0) return true;
    this.#wantsRoom = true;
    return false;
  }

  /** The channel's send window follows round-trip times, which may be shorter than a millisecond. */
  get #now(): number {
    return preciseNow(this.#deps.clock);
  }

  /**
   * Sends the messages of the source as far as the window allows, each as one message of the channel. The driver keeps
   * the source. False asks the caller to add nothing until `room()`.
   */
  sendFrom(source: MessageSource): boolean {
    if (this.#isOver) return true;
    this.#outgoing.setSource(source);
    this.#pump();
    this.#scheduleFlush();
    if (source.bytes === 0) return true;
    this.#wantsRoom = true;
    return false;
  }

  get queuedBytes(): number {
    return this.#outgoing.queuedBytes;
  }

  /** Does not send a size that the agent already has. */
  sendSize(size: { readonly columns: number; readonly rows: number }): void {
    if (this.#isOver || !this.#isOpen) return;
    if (size.columns === this.#size?.columns && size.rows === this.#size.rows) return;
    this.#size = size;
    this.#channel.sendSize(size, this.#now);
    this.#scheduleFlush();
  }

  /** Sends the last size again: this changes nothing, but it is traffic, and services end sessions without traffic. */
  repeatSize(): void {
    if (this.#isOver || !this.#isOpen || this.#size === undefined) return;
    this.#channel.sendSize(this.#size, this.#now);
    this.#scheduleFlush();
  }

  sendFlag(flag: 'DisconnectToPort' | 'TerminateSession'): void {
    if (this.#isOver || !this.#isOpen) return;
    this.#channel.sendFlag(flag, this.#now);
    this.#scheduleFlush();
  }

  /** For a consumer that cannot keep up: the driver reads nothing from the gateway until `resumeOutput`. */
  pauseOutput(): void {
    this.#link.pauseReading();
  }

  resumeOutput(): void {
    this.#link.resumeReading();
    this.#silence.restart();
  }

  /**
   * Ends the session from our side: the terminate flag, TerminateSession, the WebSocket's close; each has a time limit.
   * `ended` then resolves if nothing ended the session before. Never rejects; resolves with `session-not-ended` if AWS
   * forbids TerminateSession and the agent did not end the session at the flag. Agents end port sessions at the flag,
   * but not shell sessions.
   */
  async terminate(): Promise<ToolError | undefined> {
    if (this.#isOver) {
      // A session that failed must be ended in AWS too before the process may exit.
      await this.#terminating;
      return undefined;
    }
    if (this.#isOpen) this.#channel.sendFlag('TerminateSession', this.#now);
    this.#finish();
    const closed = new Promise<boolean>((resolve) => {
      this.#onClosed = () => resolve(true);
    });
    this.#writeOut();
    this.#ended.resolve({ output: '' });
    this.#link.leave();
    const refusal = await terminateSession(this.#session.sessionId, this.#deps, this.#timing.terminateMs);
    let left: ToolError | undefined;
    if (refusal !== undefined) {
      // Reading must go on, or a consumer that could not keep up would hide the agent's last messages.
      this.#link.resumeReading();
      const heard =
        this.#isOpen &&
        this.#link.isOpen &&
        (await inTime(this.#deps.clock, this.#timing.terminateMs, closed, false));
      if (!heard) left = sessionNotEnded(this.#session.sessionId, refusal);
    }
    this.#onClosed = undefined;
    await this.#link.close();
    return left;
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isOver) {
      this.#receiveLate(bytes);
      return;
    }
    this.#silence.messageReceived();
    try {
      this.#handle(this.#channel.receive(bytes, this.#now));
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#pump();
    this.#scheduleFlush();
  }

  /** Acknowledges the agent's last messages: the agent waits for that before it ends. */
  #receiveLate(bytes: Uint8Array): void {
    if (this.#onClosed === undefined) return;
    try {
      const events = this.#channel.receive(bytes, this.#now);
      if (events.some((event) => event.type === 'closed')) this.#onClosed();
    } catch {
      return;
    }
    this.#writeOut();
  }

  #handle(events: readonly DataChannelEvent[]): void {
    for (const event of events) {
      if (this.#isOver) return;
      switch (event.type) {
        case 'opened':
          this.#isOpen = true;
          this.#opened.resolve(event);
          break;
        case 'output':
          this.#listener.output(event.bytes, event.stream);
          break;
        case 'exit-code':
          this.#listener.exitCode?.(event.code);
          break;
        case 'connect-to-port-error':
          this.#listener.connectToPortError?.();
          break;
        case 'data-key-needed':
          void this.#provideDataKey(event);
          break;
        case 'paused':
          this.#reportState('interrupted', 'the agent is disconnected from the gateway');
          this.#listener.silent?.();
          break;
        case 'resumed':
          this.#reportState('resumed', 'the agent is connected again');
          break;
        case 'closed':
          this.#closed(event.output);
          break;
        case 'ignored':
          this.#deps.debug?.(`message ignored: ${event.reason}`);
          break;
        // The other events belong to the agent's role, which this object never plays.
        case 'input':
        case 'size':
        case 'flag':
        case 'agent-opened':
        case 'data-key-offered':
          break;
        default:
          event satisfies never;
      }
    }
  }

  #reportState(state: 'interrupted' | 'resumed', reason: string): void {
    this.#deps.report({ type: 'session-state', state, reason });
  }

  #closed(output: string): void {
    this.#finish();
    const end = channelEnd(output);
    const refusal = agentRefusal(end.output, this.#target);
    if (refusal === undefined) this.#ended.resolve(end);
    else this.#ended.reject(refusal);
    void this.#link.close();
  }

  async #provideDataKey(request: DataKeyRequest): Promise<void> {
    const session = { sessionId: this.#session.sessionId, target: this.#target };
    try {
      const key = await generateDataKey(await this.#deps.kms(), session, request);
      if (!this.#isOver) this.#channel.provideDataKey(key, this.#now);
    } catch (error) {
      if (this.#isOver) return;
      // Tells the agent, so that its log names the cause too; the user sees the error itself.
      this.#channel.refuseDataKey(error instanceof Error ? error.message : String(error), this.#now);
      this.#writeOut();
      this.#fail(error);
    }
    this.#scheduleFlush();
  }

  #interrupted(): void {
    if (this.#isOver) return;
    this.#alarm.stop();
    this.#channel.disconnected(this.#now);
    this.#listener.interrupted?.();
  }

  #resumed(): void {
    if (this.#isOver) return;
    this.#silence.restart();
    this.#channel.reconnected(this.#now);
    this.#pump();
    this.#scheduleFlush();
    this.#listener.resumed?.();
  }

  #pump(): void {
    if (this.#isOpen) this.#outgoing.sendTo(this.#channel, this.#now);
  }

  #scheduleFlush(): void {
    if (this.#flushing || this.#isOver) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      if (this.#isOver) return;
      this.#writeOut();
      this.#scheduleTick();
      this.#silence.watch();
      if (this.#wantsRoom && this.#outgoing.isEmpty) {
        this.#wantsRoom = false;
        this.#listener.room?.();
      }
    });
  }

  #writeOut(): void {
    if (!this.#link.isOpen) return;
    const messages = this.#channel.takeOutput();
    if (messages.length > 0) this.#link.send(messages);
  }

  /** While there is no connection no timer runs, because retransmissions would only pile up. */
  #scheduleTick(): void {
    const at = this.#link.isOpen ? this.#channel.nextTimeout() : undefined;
    if (at === undefined) this.#alarm.stop();
    else this.#alarm.set(at);
  }

  #tick(): void {
    if (this.#isOver || !this.#link.isOpen) return;
    try {
      this.#handle(this.#channel.tick(this.#now));
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#scheduleFlush();
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#finish();
    this.#ended.reject(error);
    this.#terminating = terminateSession(this.#session.sessionId, this.#deps, this.#timing.terminateMs);
    void this.#link.close();
  }

  #finish(): void {
    this.#isOver = true;
    this.#outgoing.clear();
    this.#alarm.stop();
    this.#silence.close();
  }
}
