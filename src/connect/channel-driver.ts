import type { Clock } from '../core/clock.ts';
import { ToolError, transport } from '../core/errors.ts';
import type { Report } from '../core/events.ts';
import { DataChannel, type DataChannelEvent } from '../protocol/data-channel.ts';
import type { OpenSocket } from './message-socket.ts';
import type { KmsPort, SessionStart, SsmPort, UpgradeSigner } from './ports.ts';
import { CLIENT_VERSION, type LinkTiming, SessionLink } from './session-link.ts';
import { agentRefusal, sessionNotEnded } from './session-refusals.ts';

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
  /** Bytes per message; 1024 until the far side is known to take more. */
  readonly payloadSize?: number | undefined;
  readonly timing?: Partial<ChannelTiming & LinkTiming> | undefined;
}

export interface ChannelTiming {
  /** From the open WebSocket to the first message of the agent; it waits 1 s itself before it reads its pty. */
  readonly firstMessageMs: number;
  /** Unacknowledged bytes and not a word for so long: said to the person. The channel itself gives up after five minutes. */
  readonly silenceMs: number;
  readonly terminateMs: number;
}

export const CHANNEL_TIMING: ChannelTiming = {
  firstMessageMs: 30_000,
  silenceMs: 10_000,
  terminateMs: 3_000,
};

export type ChannelOpened = Extract<DataChannelEvent, { readonly type: 'opened' }>;

/** What a session does with its channel. No callback may throw. */
export interface ChannelListener {
  output(bytes: Uint8Array, stream: 'stdout' | 'stderr'): void;
  /** `send` returned false before; there is room again. */
  room?(): void;
  exitCode?(code: number): void;
  /** The agent could not connect to the port of one of our streams; which one is not said. */
  connectToPortError?(): void;
  /** The connection is gone and may come back. */
  interrupted?(): void;
  resumed?(): void;
}

/** The agent or the service said that the session is over; `output` is its text for people, often empty. */
export interface ChannelEnd {
  readonly output: string;
}

/**
 * A DataChannel with a socket under it and a clock beside it. All outgoing messages leave through one queue, once per
 * turn of the event loop, so acknowledgements and data share packets and sequence numbers never race.
 */
export class ChannelDriver {
  /** Resolves with channel_closed, or after `terminate`; rejects with the ToolError that ended the session otherwise. */
  readonly ended: Promise<ChannelEnd>;
  readonly #session: SessionStart;
  readonly #target: string;
  readonly #deps: ChannelDeps;
  readonly #listener: ChannelListener;
  readonly #timing: ChannelTiming;
  readonly #channel: DataChannel;
  readonly #link: SessionLink;
  readonly #settle: { resolve(end: ChannelEnd): void; reject(error: unknown): void };
  readonly #opened: Promise<ChannelOpened>;
  #resolveOpened: (opened: ChannelOpened) => void = () => undefined;
  #isOpen = false;
  #isOver = false;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #wantsRoom = false;
  #flushing = false;
  #cancelTick: (() => void) | undefined;
  #tickAt = Number.POSITIVE_INFINITY;
  #heardAt = 0;
  #cancelSilence: (() => void) | undefined;
  #saidSilence = false;
  #size: { readonly columns: number; readonly rows: number } | undefined;
  /** Set while `terminate` waits for the far side to end by itself. */
  #onClosed: (() => void) | undefined;

  constructor(session: SessionStart, target: string, deps: ChannelDeps, listener: ChannelListener) {
    this.#session = session;
    this.#target = target;
    this.#deps = deps;
    this.#listener = listener;
    this.#timing = { ...CHANNEL_TIMING, ...deps.timing };
    let settle: { resolve(end: ChannelEnd): void; reject(error: unknown): void } | undefined;
    this.ended = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    this.ended.catch(() => undefined);
    this.#settle = settle ?? { resolve: () => undefined, reject: () => undefined };
    this.#opened = new Promise((resolve) => {
      this.#resolveOpened = resolve;
    });
    this.#channel = new DataChannel({
      role: 'client',
      version: CLIENT_VERSION,
      randomUuid: () => deps.random.uuid(),
      randomBytes: (length) => deps.random.bytes(length),
      ...(deps.payloadSize === undefined ? {} : { payloadSize: deps.payloadSize }),
    });
    this.#link = new SessionLink(session, deps, {
      message: (bytes) => this.#receive(bytes),
      interrupted: () => this.#interrupted(),
      resumed: () => this.#resumed(),
      lost: (error) => this.#fail(error),
    });
  }

  /**
   * Opens the channel and waits until the agent lets the session begin. Throws what `SessionLink.open` throws,
   * `agent-silent` after 30 s without a word, or what ended the session first.
   */
  async start(): Promise<ChannelOpened> {
    const { clock } = this.#deps;
    try {
      await this.#link.open();
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    this.#heardAt = clock.now();
    this.#channel.start(clock.now());
    this.#scheduleFlush();
    const cancel = clock.timer(this.#timing.firstMessageMs, () =>
      this.#fail(
        transport('agent-silent', `the agent sent nothing within ${this.#timing.firstMessageMs / 1000} s`, {
          hints: [
            'try again; if it stays silent, the task or instance may be out of memory: pick another one',
          ],
          details: { target: this.#target },
        }),
      ),
    );
    try {
      return await Promise.race([
        this.#opened,
        this.ended.then((end) => {
          throw transport('session-closed-early', endMessage(end), { details: { target: this.#target } });
        }),
      ]);
    } finally {
      cancel();
    }
  }

  /** Takes all bytes; false asks the source to stop until `room()`. The bytes must not change afterwards. */
  send(bytes: Uint8Array): boolean {
    if (this.#isOver) return true;
    if (bytes.byteLength > 0) {
      this.#queue.push(bytes);
      this.#queuedBytes += bytes.byteLength;
      this.#pump();
      this.#scheduleFlush();
    }
    if (this.#queuedBytes === 0) return true;
    this.#wantsRoom = true;
    return false;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** A size that the far side has already is not sent again. */
  sendSize(size: { readonly columns: number; readonly rows: number }): void {
    if (this.#isOver || !this.#isOpen) return;
    if (size.columns === this.#size?.columns && size.rows === this.#size.rows) return;
    this.#size = size;
    this.#channel.sendSize(size, this.#deps.clock.now());
    this.#scheduleFlush();
  }

  sendFlag(flag: 'DisconnectToPort' | 'TerminateSession'): void {
    if (this.#isOver || !this.#isOpen) return;
    this.#channel.sendFlag(flag, this.#deps.clock.now());
    this.#scheduleFlush();
  }

  /** For a consumer that cannot keep up: nothing more is read from the gateway until `resumeOutput`. */
  pauseOutput(): void {
    this.#link.pauseReading();
  }

  resumeOutput(): void {
    this.#link.resumeReading();
    this.#heardAt = this.#deps.clock.now();
  }

  /**
   * Ends the session from our side: flag, TerminateSession, goodbye; each bounded in time. `ended` then resolves if
   * nothing ended it before. Never rejects; resolves with `session-not-ended` if AWS forbids TerminateSession and the
   * agent did not end the session at the flag, which those of ports do and shells do not.
   */
  async terminate(): Promise<ToolError | undefined> {
    if (this.#isOver) return undefined;
    if (this.#isOpen) this.#channel.sendFlag('TerminateSession', this.#deps.clock.now());
    this.#finish();
    const closed = new Promise<boolean>((resolve) => {
      this.#onClosed = () => resolve(true);
    });
    this.#writeOut();
    this.#settle.resolve({ output: '' });
    this.#link.leave();
    const refusal = await this.#terminateSession();
    let left: ToolError | undefined;
    if (refusal !== undefined) {
      // A consumer that could not keep up must not hide the agent's goodbye.
      this.#link.resumeReading();
      const heard = this.#isOpen && this.#link.isOpen && (await this.#inTime(closed, false));
      if (!heard) left = sessionNotEnded(this.#session.sessionId, refusal);
    }
    this.#onClosed = undefined;
    await this.#link.close();
    return left;
  }

  /** Resolves with what keeps the session standing; other failures are the network's and pass. */
  #terminateSession(): Promise<ToolError | undefined> {
    const { ssm, debug } = this.#deps;
    const call = ssm.terminateSession(this.#session.sessionId).then(
      () => undefined,
      (error: unknown) => {
        debug?.(`TerminateSession failed: ${error instanceof Error ? error.message : String(error)}`);
        return error instanceof ToolError && error.role === 'access' ? error : undefined;
      },
    );
    return this.#inTime(call, undefined);
  }

  async #inTime<T>(work: Promise<T>, tooLate: T): Promise<T> {
    let cancel: (() => void) | undefined;
    const timeout = new Promise<T>((resolve) => {
      cancel = this.#deps.clock.timer(this.#timing.terminateMs, () => resolve(tooLate));
    });
    const result = await Promise.race([work, timeout]);
    cancel?.();
    return result;
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isOver) {
      this.#receiveLate(bytes);
      return;
    }
    const now = this.#deps.clock.now();
    this.#heardAt = now;
    if (this.#saidSilence) {
      this.#saidSilence = false;
      this.#deps.report({ type: 'session-state', state: 'resumed', reason: 'the agent answers again' });
    }
    try {
      this.#handle(this.#channel.receive(bytes, now));
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#pump();
    this.#scheduleFlush();
  }

  /** The agent's last words are acknowledged, or it would wait for that before it ends. */
  #receiveLate(bytes: Uint8Array): void {
    if (this.#onClosed === undefined) return;
    try {
      const events = this.#channel.receive(bytes, this.#deps.clock.now());
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
          this.#resolveOpened(event);
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
          void this.#provideDataKey(event.kmsKeyId, event.challenge);
          break;
        case 'paused':
          this.#deps.report({
            type: 'session-state',
            state: 'interrupted',
            reason: 'the agent is disconnected from the gateway',
          });
          break;
        case 'resumed':
          this.#deps.report({
            type: 'session-state',
            state: 'resumed',
            reason: 'the agent is connected again',
          });
          break;
        case 'closed':
          this.#closed(event.output);
          break;
        case 'ignored':
          this.#deps.debug?.(`message ignored: ${event.reason}`);
          break;
        // The rest are events of the agent's role, which this object never plays.
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

  #closed(output: string): void {
    this.#finish();
    const refusal = agentRefusal(output, this.#target);
    if (refusal === undefined) this.#settle.resolve({ output });
    else this.#settle.reject(refusal);
    void this.#link.close();
  }

  async #provideDataKey(kmsKeyId: string, challenge: string | undefined): Promise<void> {
    const { clock, kms } = this.#deps;
    try {
      const port = await kms();
      const key = await port.generateDataKey(kmsKeyId, {
        'aws:ssm:SessionId': this.#session.sessionId,
        'aws:ssm:TargetId': this.#target,
        ...(challenge === undefined ? {} : { 'aws:ssm:RandomChallenge': challenge }),
      });
      if (this.#isOver) return;
      this.#channel.provideDataKey({ ...key, acknowledgeChallenge: challenge !== undefined }, clock.now());
    } catch (error) {
      if (this.#isOver) return;
      // The agent is told, so that its log names the cause too; what the person sees is the error itself.
      this.#channel.refuseDataKey(error instanceof Error ? error.message : String(error), clock.now());
      this.#writeOut();
      this.#fail(error);
      return;
    }
    this.#scheduleFlush();
  }

  #interrupted(): void {
    if (this.#isOver) return;
    this.#cancelTick?.();
    this.#tickAt = Number.POSITIVE_INFINITY;
    this.#channel.disconnected(this.#deps.clock.now());
    this.#listener.interrupted?.();
  }

  #resumed(): void {
    if (this.#isOver) return;
    const now = this.#deps.clock.now();
    this.#heardAt = now;
    this.#channel.reconnected(now);
    this.#pump();
    this.#scheduleFlush();
    this.#listener.resumed?.();
  }

  #pump(): void {
    if (!this.#isOpen) return;
    const now = this.#deps.clock.now();
    while (this.#queue.length > 0) {
      const first = this.#queue[0];
      const room = this.#channel.room;
      if (first === undefined || room <= 0) return;
      const part = first.byteLength <= room ? first : first.subarray(0, room);
      this.#channel.send(part, now);
      this.#queuedBytes -= part.byteLength;
      if (part.byteLength === first.byteLength) this.#queue.shift();
      else this.#queue[0] = first.subarray(part.byteLength);
    }
  }

  #scheduleFlush(): void {
    if (this.#flushing || this.#isOver) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      if (this.#isOver) return;
      this.#writeOut();
      this.#scheduleTick();
      this.#watchSilence();
      if (this.#wantsRoom && this.#queuedBytes === 0) {
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

  /** While there is no connection no timer runs: retransmissions would only pile up. */
  #scheduleTick(): void {
    const at = this.#link.isOpen ? this.#channel.nextTimeout() : undefined;
    if (at === undefined) {
      this.#cancelTick?.();
      this.#tickAt = Number.POSITIVE_INFINITY;
      return;
    }
    // A timer that fires too early costs one look at the clock; setting one per message would cost more.
    if (this.#tickAt <= at) return;
    this.#cancelTick?.();
    this.#tickAt = at;
    this.#cancelTick = this.#deps.clock.timer(Math.max(1, at - this.#deps.clock.now()), () => this.#tick());
  }

  #tick(): void {
    this.#tickAt = Number.POSITIVE_INFINITY;
    if (this.#isOver || !this.#link.isOpen) return;
    try {
      this.#handle(this.#channel.tick(this.#deps.clock.now()));
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#scheduleFlush();
  }

  /** The gateway answers pings for an agent that is gone; only missing acknowledgements show that. */
  #watchSilence(): void {
    if (this.#cancelSilence !== undefined || this.#channel.unackedBytes === 0) return;
    const { clock, report } = this.#deps;
    this.#cancelSilence = clock.timer(this.#timing.silenceMs, () => {
      this.#cancelSilence = undefined;
      if (this.#isOver || this.#channel.unackedBytes === 0) return;
      const silence = clock.now() - this.#heardAt;
      const listening = this.#link.isOpen && this.#link.isReading;
      if (listening && silence >= this.#timing.silenceMs && !this.#saidSilence) {
        this.#saidSilence = true;
        report({
          type: 'session-state',
          state: 'interrupted',
          reason: `the agent has not answered for ${Math.round(silence / 1000)} s`,
        });
      }
      this.#watchSilence();
    });
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#finish();
    this.#settle.reject(error);
    void this.#terminateSession();
    void this.#link.close();
  }

  #finish(): void {
    this.#isOver = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#cancelTick?.();
    this.#cancelSilence?.();
  }
}

/** What the service said at the end, as one line. */
export function endMessage(end: ChannelEnd): string {
  const said = end.output.replace(/\s+/g, ' ').trim();
  return said === '' ? 'the session was closed by the service' : said.replace(/\.$/, '');
}
