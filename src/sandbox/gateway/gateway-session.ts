import type { Clock } from '../../core/clock.ts';
import { encodeChannelClosed, encodePublication } from '../../protocol/channel-closed.ts';
import type { Timing } from '../contracts.ts';
import type { ClientSocket, DataChannelOpening } from './client-socket.ts';
import { CutSchedule } from './cut-schedule.ts';
import type { GatewayFaults } from './faults.ts';
import type { RandomBytes } from '../random.ts';
import { uuid } from './identifiers.ts';
import { isStreamMessage, messageTypeOf, sequenceNumberOf } from './message-type.ts';
import { RelayLane } from './relay-lane.ts';
import type { TrafficCounter } from './session-traffic.ts';
import type { SessionAccess, SessionRecord, SessionRequest, SessionStatus } from './session-plan.ts';

/**
 * The agent's end of a data channel. The agent lives in this process, but only frames of the wire protocol cross this
 * interface.
 */
export interface AgentEnd {
  receive(frame: Uint8Array): void;
  /** Called when the agent's connection was cut. */
  disconnected(): void;
}

/** What the agent can do with its connection to the gateway. */
export interface AgentUplink {
  send(frame: Uint8Array): void;
  close(): void;
}

/**
 * agent_task_complete on the control channel: the session's work is over; for failed work `output` is the error text.
 */
export interface TaskResult {
  readonly status: 'Success' | 'Failed';
  readonly output: string;
}

export interface GatewaySessionOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly randomBytes: RandomBytes;
  readonly faults: GatewayFaults;
  readonly timing: Timing;
  readonly traffic: TrafficCounter;
  /** `ws://127.0.0.1:PORT` */
  readonly streamBase: () => string;
  readonly onEnd: () => void;
}

const NORMAL_CLOSURE = 1000;
const IDLE_OUTPUT = 'Session timed out because it was idle.';
const MAX_DURATION_OUTPUT = 'Session reached its maximum duration.';
/** The longest delay that a Node.js timer accepts. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** One session at the gateway: its tokens, its two ends, the messages relayed between them, and how it ends. */
export class GatewaySession {
  readonly request: SessionRequest;
  readonly #options: GatewaySessionOptions;
  readonly #startedAt: number;
  readonly #idleMs: number;
  readonly #toClient: RelayLane;
  readonly #toAgent: RelayLane;
  readonly #cuts: {
    readonly client: CutSchedule;
    readonly agent: CutSchedule;
    readonly close1000: CutSchedule;
  };
  readonly #cancels: (() => void)[] = [];
  #client: ClientSocket | undefined;
  #agent: AgentEnd | undefined;
  #token = '';
  #wasConnected = false;
  /** Highest sequence number of the client's stream messages. */
  #highestInput = -1;
  #ended:
    | { readonly at: number; readonly status: 'Terminated' | 'Failed'; readonly output: string }
    | undefined;
  #lastTraffic: number;
  #cancelIdle: (() => void) | undefined;

  constructor(request: SessionRequest, options: GatewaySessionOptions) {
    this.request = request;
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#lastTraffic = this.#startedAt;
    const { clock, random, faults } = options;
    this.#toClient = new RelayLane({
      clock,
      random,
      faults,
      paceMs: () => 0,
      deliver: (frame) => this.#client?.send(frame),
    });
    this.#toAgent = new RelayLane({
      clock,
      random,
      faults,
      paceMs: () => faults.plan.slowAgentMs,
      deliver: (frame) => this.#agent?.receive(frame),
    });
    this.#cuts = {
      client: new CutSchedule(clock, () => this.cutClient()),
      agent: new CutSchedule(clock, () => this.cutAgent()),
      close1000: new CutSchedule(clock, () => this.#client?.close(NORMAL_CLOSURE, 'Bye')),
    };
    this.#followFaults();
    this.#cancels.push(faults.onChange(() => this.#followFaults()));
    this.#idleMs = request.idleMs ?? options.timing.sessionIdleMs;
    const maxMs = request.maxMs ?? options.timing.sessionMaxMs;
    if (maxMs <= MAX_TIMER_MS)
      this.#cancels.push(clock.timer(maxMs, () => this.end('Terminated', MAX_DURATION_OUTPUT)));
    this.#armIdle();
  }

  get status(): SessionStatus {
    if (this.#ended !== undefined) return this.#ended.status;
    if (this.#client !== undefined) return 'Connected';
    return this.#wasConnected ? 'Disconnected' : 'Connecting';
  }

  get record(): SessionRecord {
    const { sessionId, target, documentName, reason, owner } = this.request;
    return {
      sessionId,
      target,
      documentName,
      reason,
      owner,
      status: this.status,
      startedAt: this.#startedAt,
      endedAt: this.#ended?.at,
    };
  }

  get isOver(): boolean {
    return this.#ended !== undefined;
  }

  /** Makes a new token, which replaces the previous one, and a StreamUrl through another cell of the gateway. */
  grantAccess(): SessionAccess {
    const { randomBytes, streamBase } = this.#options;
    this.#token = Buffer.from(randomBytes(48)).toString('base64');
    const cell = Buffer.from(randomBytes(24)).toString('base64url');
    const { sessionId } = this.request;
    return {
      sessionId,
      streamUrl: `${streamBase()}/v1/data-channel/${encodeURIComponent(sessionId)}?role=publish_subscribe&cell-number=${cell}`,
      tokenValue: this.#token,
    };
  }

  /**
   * False refuses the channel because the token is wrong. A client that connects after the session's end gets the
   * reason of the end.
   */
  attachClient(socket: ClientSocket, opening: DataChannelOpening): boolean {
    if (opening.tokenValue !== this.#token) return false;
    if (this.#ended !== undefined) {
      this.#sendClosed(socket, this.#ended.output);
      return true;
    }
    this.#client?.cut();
    this.#toClient.clear();
    this.#client = socket;
    this.#wasConnected = true;
    for (const cut of Object.values(this.#cuts)) cut.start();
    if (this.#agent === undefined) {
      this.#publish('pause_publication', 'client');
    } else {
      // The client gets start_publication first, because the agent answers its own at once with the messages that it
      // held back.
      this.#publish('start_publication', 'client');
      this.#publish('start_publication', 'agent');
    }
    return true;
  }

  clientClosed(socket: ClientSocket): void {
    if (this.#client !== socket) return;
    this.#client = undefined;
    this.#toClient.clear();
    this.#publish('pause_publication', 'agent');
  }

  fromClient(socket: ClientSocket, frame: Uint8Array): void {
    const type = messageTypeOf(frame);
    if (this.#client !== socket || this.isOver || isGatewayMessage(type)) return;
    // A message to a disconnected peer is lost; the sender retransmits it when the peer has reconnected.
    if (this.#agent !== undefined) this.#toAgent.push(frame);
    if (isStreamMessage(type)) {
      const sequenceNumber = sequenceNumberOf(frame);
      this.#options.traffic.count(sequenceNumber <= this.#highestInput);
      this.#highestInput = Math.max(this.#highestInput, sequenceNumber);
    }
    this.#count(type, frame);
  }

  /** Connects the agent; undefined if the session is over, and then the agent must stop. */
  connectAgent(end: AgentEnd): AgentUplink | undefined {
    if (this.isOver) return undefined;
    this.#agent = end;
    this.#toAgent.clear();
    this.#publish('start_publication', 'client');
    this.#publish(this.#client === undefined ? 'pause_publication' : 'start_publication', 'agent');
    return {
      send: (frame) => this.#fromAgent(end, frame),
      close: () => this.#agentClosed(end),
    };
  }

  cutClient(): void {
    this.#client?.cut();
  }

  cutAgent(): void {
    const agent = this.#agent;
    if (agent === undefined) return;
    this.#agentClosed(agent);
    agent.disconnected();
  }

  /** The agent has disappeared with its machine. The session stays open until it is idle for too long. */
  loseAgent(isPublished: boolean): void {
    if (this.#agent === undefined) return;
    this.#agent = undefined;
    this.#toAgent.clear();
    if (isPublished) this.#publish('pause_publication', 'client');
  }

  /** Sends channel_closed to both sides. Only the first call counts. */
  end(status: 'Terminated' | 'Failed', output: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = { at: this.#options.clock.now(), status, output };
    this.#cancelIdle?.();
    for (const cancel of this.#cancels) cancel();
    for (const cut of Object.values(this.#cuts)) cut.stop();
    this.#toClient.clear();
    this.#toAgent.clear();
    const [agent, client] = [this.#agent, this.#client];
    this.#agent = undefined;
    agent?.receive(this.#closedMessage(output));
    if (client !== undefined) this.#sendClosed(client, output);
    this.#options.onEnd();
  }

  #sendClosed(client: ClientSocket, output: string): void {
    if (this.#options.faults.plan.silent) return;
    client.send(this.#closedMessage(output));
    client.close(NORMAL_CLOSURE, 'Bye');
  }

  #closedMessage(output: string): Uint8Array {
    return encodeChannelClosed({
      messageId: uuid(this.#options.randomBytes),
      createdDate: this.#options.clock.now(),
      destinationId: this.request.target,
      sessionId: this.request.sessionId,
      output,
    });
  }

  #fromAgent(end: AgentEnd, frame: Uint8Array): void {
    if (this.#agent !== end || this.isOver) return;
    const type = messageTypeOf(frame);
    // The agent's state is meant for the gateway; it is never relayed to clients (SPEC.md §1).
    if (type === 'agent_session_state') return;
    if (this.#client !== undefined) this.#toClient.push(frame);
    this.#count(type, frame);
  }

  #agentClosed(end: AgentEnd): void {
    if (this.#agent === end) this.loseAgent(true);
  }

  #count(type: string, frame: Uint8Array): void {
    if (isStreamMessage(type)) this.#lastTraffic = this.#options.clock.now();
    const { client, agent, close1000 } = this.#cuts;
    client.relayed(frame.byteLength);
    agent.relayed(frame.byteLength);
    close1000.relayed(frame.byteLength);
  }

  #publish(kind: 'start_publication' | 'pause_publication', to: 'client' | 'agent'): void {
    if (this.isOver) return;
    const frame = encodePublication(kind, {
      messageId: uuid(this.#options.randomBytes),
      createdDate: this.#options.clock.now(),
    });
    if (to === 'agent') this.#agent?.receive(frame);
    else if (!this.#options.faults.plan.silent) this.#client?.send(frame);
  }

  #followFaults(): void {
    const { cutClient, cutAgent, close1000 } = this.#options.faults.plan;
    this.#cuts.client.follow(cutClient);
    this.#cuts.agent.follow(cutAgent);
    this.#cuts.close1000.follow(close1000);
  }

  #armIdle(): void {
    const { clock } = this.#options;
    const left = this.#lastTraffic + this.#idleMs - clock.now();
    if (left > MAX_TIMER_MS) return;
    this.#cancelIdle = clock.timer(Math.max(0, left), () => {
      if (clock.now() - this.#lastTraffic >= this.#idleMs) this.end('Terminated', IDLE_OUTPUT);
      else this.#armIdle();
    });
  }
}

/**
 * Message types that only the gateway may send; when a peer sends one, it is ignored. The empty type is that of a
 * frame too short to be a message.
 */
const isGatewayMessage = (type: string): boolean =>
  type === '' || type === 'channel_closed' || type === 'start_publication' || type === 'pause_publication';
