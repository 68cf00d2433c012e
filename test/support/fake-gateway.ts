import { transport } from '../../src/core/errors.ts';
import type { ToolEvent } from '../../src/core/events.ts';
import type { ChannelDeps } from '../../src/connect/channel/channel-deps.ts';
import type {
  MessageSocket,
  MessageSocketEvents,
  OpenSocket,
} from '../../src/connect/channel/message-socket.ts';
import type { SessionStart } from '../../src/connect/ports.ts';
import { type AgentHandshake, DataChannel, type DataChannelEvent } from '../../src/protocol/data-channel.ts';
import { encodeChannelClosed } from '../../src/protocol/channel-closed.ts';
import { FakeClock } from './fake-clock.ts';

export const SESSION: SessionStart = {
  sessionId: 'tester-0123456789abcdef0',
  streamUrl:
    'wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/tester-0123456789abcdef0?role=publish_subscribe',
  tokenValue: 'token-1',
};

/** An in-memory message gateway with one agent behind it, which can inject every fault. */
export class FakeGateway {
  readonly clock: FakeClock;
  readonly reports: ToolEvent[] = [];
  readonly agent: DataChannel;
  readonly agentEvents: DataChannelEvent[] = [];
  /** URLs and first text frames of the sockets, in order. */
  readonly opens: {
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    text?: string;
  }[] = [];
  readonly terminated: string[] = [];
  /** The error that the agent's channel threw: the agent has ended the session. */
  agentFailure: unknown;
  resumes = 0;
  pings = 0;
  isPaused = false;
  /** The gateway drops all messages, pings included. */
  isSilent = false;
  /** Responses of ResumeSession; by default token-2, token-3, … and another StreamUrl. */
  onResume: () => Promise<SessionStart | undefined>;
  /** Responses of TerminateSession. */
  onTerminate: () => Promise<void> = () => Promise.resolve();
  /** Makes the next connection attempts fail. */
  openFailures: Error[] = [];
  onAgentEvent: (event: DataChannelEvent) => void = () => undefined;
  #socket: { readonly events: MessageSocketEvents; destroyed: boolean } | undefined;
  #uuid = 0;

  constructor(options: { readonly handshake?: AgentHandshake; readonly agentVersion?: string } = {}) {
    this.clock = new FakeClock();
    this.agent = new DataChannel({
      role: 'agent',
      randomUuid: () => this.uuid(),
      randomBytes: (length) => new Uint8Array(length).fill(7),
      ...(options.handshake === undefined ? {} : { handshake: options.handshake }),
      ...(options.agentVersion === undefined ? {} : { version: options.agentVersion }),
    });
    this.onResume = () =>
      Promise.resolve({
        ...SESSION,
        tokenValue: `token-${this.resumes + 1}`,
        streamUrl: `${SESSION.streamUrl}&cell-number=${this.resumes}`,
      });
  }

  uuid(): string {
    return `00000000-0000-4000-8000-${String(++this.#uuid).padStart(12, '0')}`;
  }

  deps(overrides: Partial<ChannelDeps> = {}): ChannelDeps {
    return {
      ssm: {
        resumeSession: () => {
          this.resumes++;
          return this.onResume();
        },
        terminateSession: (id) => {
          this.terminated.push(id);
          return this.onTerminate();
        },
      },
      kms: () => Promise.reject(new Error('no KMS in this test')),
      signer: { headers: () => Promise.resolve({ authorization: 'signed' }) },
      openSocket: this.openSocket,
      clock: this.clock,
      random: {
        number: () => 0.5,
        bytes: (length) => new Uint8Array(length).fill(9),
        uuid: () => this.uuid(),
      },
      report: (event) => this.reports.push(event),
      ...overrides,
    };
  }

  readonly openSocket: OpenSocket = async (url, options, events) => {
    const failure = this.openFailures.shift();
    if (failure !== undefined) throw failure;
    const record: (typeof this.opens)[number] = { url: url.href, headers: options.headers };
    this.opens.push(record);
    const state = { events, destroyed: false };
    this.#socket = state;
    const isCurrent = (): boolean => !state.destroyed && this.#socket === state;
    const socket: MessageSocket = {
      send: (messages) => {
        for (const message of messages) if (isCurrent() && !this.isSilent) this.#toAgent(message);
      },
      sendText: (text) => {
        record.text = text;
        if (this.opens.length === 1) this.agent.start(this.clock.now());
        else this.agent.reconnected(this.clock.now());
        this.flush();
      },
      ping: () => {
        this.pings++;
        if (isCurrent() && !this.isSilent) setImmediate(() => isCurrent() && events.pong());
      },
      pause: () => {
        this.isPaused = true;
      },
      resume: () => {
        this.isPaused = false;
        this.flush();
      },
      destroy: () => {
        state.destroyed = true;
      },
      close: () => {
        state.destroyed = true;
        return Promise.resolve();
      },
    };
    return socket;
  };

  get isConnected(): boolean {
    return this.#socket !== undefined && !this.#socket.destroyed;
  }

  /** The gateway closes the socket, as it does about every hour. */
  drop(reason = 'connection closed with code 1000 (Bye)'): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket !== undefined && !socket.destroyed) socket.events.closed(reason, undefined);
  }

  /** Sends raw bytes to the client. */
  deliver(message: Uint8Array): void {
    const socket = this.#socket;
    if (socket !== undefined && !socket.destroyed) socket.events.message(message);
  }

  say(bytes: Uint8Array | string, stream: 'stdout' | 'stderr' = 'stdout'): void {
    this.agent.send(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, this.clock.now(), stream);
    this.flush();
  }

  closeChannel(output = ''): void {
    this.deliver(
      encodeChannelClosed({
        messageId: this.uuid(),
        createdDate: this.clock.now(),
        sessionId: SESSION.sessionId,
        destinationId: 'target',
        output,
      }),
    );
  }

  /** Input bytes that the agent has received so far. */
  get input(): string {
    return Buffer.concat(
      this.agentEvents.flatMap((event) => (event.type === 'input' ? [event.bytes] : [])),
    ).toString('latin1');
  }

  states(): readonly string[] {
    return this.reports.flatMap((event) => (event.type === 'session-state' ? [event.state] : []));
  }

  flush(): void {
    if (this.isPaused || this.isSilent) return;
    for (const message of this.agent.takeOutput()) this.deliver(message);
  }

  #toAgent(message: Uint8Array): void {
    try {
      for (const event of this.agent.receive(message, this.clock.now())) {
        this.agentEvents.push(event);
        this.onAgentEvent(event);
      }
    } catch (error) {
      this.agentFailure = error;
      return;
    }
    setImmediate(() => this.flush());
  }
}

export const refused = (status: number): Error =>
  transport('upgrade-refused', `the gateway answered ${status}`, {
    details: { status, host: 'gateway' },
  });
