import { DataChannel, type DataChannelEvent } from '../../src/protocol/data-channel.ts';
import { encodeChannelClosed, encodePublication } from '../../src/protocol/channel-closed.ts';

/**
 * A client and an agent channel connected by a gateway, in virtual time. A schedule defines everything that happens;
 * the same schedule always runs the same way, so that a failing one can be shrunk. After its fates and steps are used
 * up the link is ideal: a session that was not closed on purpose must then deliver everything.
 */

/**
 * What the link does to the next message, in either direction. `corrupt` damages the payload; the agent checks no
 * digests, so only the client detects it.
 */
export type Fate =
  | { readonly type: 'pass' | 'drop' | 'duplicate' | 'corrupt' }
  | { readonly type: 'delay'; readonly ms: number };

export type Leg = 'client' | 'agent';

export type Step =
  | { readonly type: 'send'; readonly from: Leg; readonly bytes: number }
  | { readonly type: 'wait'; readonly ms: number }
  /** The WebSocket of one end breaks and is open again after `ms`; messages in transit on it are lost. */
  | { readonly type: 'cut'; readonly leg: Leg; readonly ms: number; readonly noticed: boolean }
  /** The gateway asks one end to pause its data for `ms`. */
  | { readonly type: 'pause'; readonly leg: Leg; readonly ms: number }
  /** Both clocks jump by an hour, as after a suspension of the laptop. */
  | { readonly type: 'jump' }
  /** The service ends the session. */
  | { readonly type: 'close' };

export interface Schedule {
  readonly session: 'plain' | 'port' | 'encrypted';
  readonly payloadSize: number;
  readonly fates: readonly Fate[];
  readonly steps: readonly Step[];
}

export interface Outcome {
  readonly result: 'delivered' | 'closed';
  /** A description of the violated rule; undefined if there is none. */
  readonly violation: string | undefined;
  /** Virtual milliseconds from start to end. */
  readonly elapsed: number;
}

const LATENCY = 5;
const EPOCH = 1_700_000_000_000;
const HOUR = 3_600_000;
/** The time limit after the last step, whatever happened. */
const PATIENCE = 200_000;
const MAX_TURNS = 200_000;

/** Byte `index` of the data in both directions. It repeats after `PERIOD` bytes. */
const byteAt = (index: number): number => (index * 31 + (index >>> 8) * 7 + 1) & 0xff;
const PERIOD = 65_536;
/** Two periods, so that each run of up to one period is a slice. */
const BYTES = Buffer.from(Uint8Array.from({ length: 2 * PERIOD }, (_, index) => byteAt(index)));

const piece = (from: number, length: number): Buffer =>
  BYTES.subarray(from % PERIOD, (from % PERIOD) + length);

class End {
  readonly channel: DataChannel;
  readonly leg: Leg;
  /** The bytes that the steps requested, that the channel accepted, and that the peer delivered. */
  wanted = 0;
  given = 0;
  seen = 0;
  isUp = true;
  /** Messages in transit on an earlier socket never arrive. */
  socket = 0;
  violation: string | undefined;

  constructor(leg: Leg, channel: DataChannel) {
    this.leg = leg;
    this.channel = channel;
  }

  /** Gives the channel as much data as it has room for. */
  pump(now: number): void {
    while (this.given < this.wanted && this.channel.room > 0) {
      const length = Math.min(this.wanted - this.given, this.channel.room, 1500);
      this.channel.send(piece(this.given, length), now);
      this.given += length;
    }
  }

  check(bytes: Uint8Array): void {
    if (piece(this.seen, bytes.byteLength).compare(bytes) !== 0)
      this.violation ??= `${this.leg} got a wrong byte after ${this.seen}`;
    this.seen += bytes.byteLength;
  }
}

interface Arrival {
  readonly at: number;
  readonly order: number;
  readonly act: () => void;
}

export function runSchedule(schedule: Schedule): Outcome {
  let uuid = 0;
  const shared = {
    randomUuid: () => `00000000-0000-4000-8000-${(++uuid).toString(16).padStart(12, '0')}`,
    randomBytes: (length: number) => Uint8Array.from({ length }, (_, index) => (index * 17 + uuid) & 0xff),
    payloadSize: schedule.payloadSize,
    limits: { maxUnackedBytes: 16 * 1024, handshakeTimeoutMs: 10 * HOUR },
  };
  const handshake = {
    sessionType: schedule.session === 'port' ? ('Port' as const) : ('Standard_Stream' as const),
    timeoutMs: 10 * HOUR,
    ...(schedule.session === 'encrypted' ? { kmsKeyId: 'key', challenge: 'Y2hhbGxlbmdl' } : {}),
  };
  const client = new End('client', new DataChannel({ ...shared, role: 'client' }));
  const agent = new End(
    'agent',
    new DataChannel({ ...shared, role: 'agent', ...(schedule.session === 'plain' ? {} : { handshake }) }),
  );
  const other = (end: End): End => (end === client ? agent : client);

  let now = EPOCH;
  let order = 0;
  let fate = 0;
  let closing = false;
  let lastStep = EPOCH;
  const queue: Arrival[] = [];
  const at = (time: number, act: () => void): void => {
    const arrival = { at: time, order: order++, act };
    let index = queue.length;
    while (index > 0 && queue[index - 1]!.at > time) index--;
    queue.splice(index, 0, arrival);
  };
  const gatewayHeader = (): { messageId: string; createdDate: number } => ({
    messageId: shared.randomUuid(),
    createdDate: now,
  });

  const handle = (end: End, events: readonly DataChannelEvent[]): void => {
    for (const event of events) {
      if (event.type === 'output' || event.type === 'input') end.check(event.bytes);
      // Without a handshake the first output opens the client's side.
      if (event.type === 'agent-opened') end.wanted = Math.max(end.wanted, 1);
      if (event.type === 'data-key-needed' || event.type === 'data-key-offered')
        end.channel.provideDataKey(
          { plaintext: piece(0, 64), ciphertextBlob: piece(64, 100), acknowledgeChallenge: true },
          now,
        );
    }
    flush(end);
  };

  /** Sends to `to` over its current socket; the message is lost if that socket breaks before it arrives. */
  const deliver = (to: End, message: Uint8Array, delay: number): void => {
    const { socket } = to;
    at(now + delay, () => {
      if (to.isUp && to.socket === socket) handle(to, to.channel.receive(message, now));
    });
  };

  const transmit = (to: End, message: Uint8Array): void => {
    const chosen = schedule.fates[fate++] ?? { type: 'pass' };
    switch (chosen.type) {
      case 'drop':
        return;
      case 'duplicate':
        deliver(to, message, LATENCY);
        deliver(to, message, LATENCY * 3);
        return;
      case 'delay':
        deliver(to, message, LATENCY + chosen.ms);
        return;
      case 'corrupt':
        deliver(to, to === client ? damaged(message) : message, LATENCY);
        return;
      case 'pass':
        deliver(to, message, LATENCY);
    }
  };

  const flush = (end: End): void => {
    end.pump(now);
    const messages = end.channel.takeOutput();
    if (!end.isUp || !other(end).isUp) return;
    for (const message of messages) transmit(other(end), message);
  };

  const sendClosed = (end: End): void => {
    const closed = { ...gatewayHeader(), destinationId: 'i-0', sessionId: 's-0', output: '' };
    deliver(end, encodeChannelClosed(closed), LATENCY);
  };

  const perform = (step: Step): void => {
    switch (step.type) {
      case 'send':
        (step.from === 'client' ? client : agent).wanted += step.bytes;
        break;
      case 'wait':
        break;
      case 'jump':
        now += HOUR;
        break;
      case 'cut':
        cut(step.leg === 'client' ? client : agent, step.ms, step.noticed);
        break;
      case 'pause': {
        const end = step.leg === 'client' ? client : agent;
        transmit(end, encodePublication('pause_publication', gatewayHeader()));
        at(now + step.ms, () => transmit(end, encodePublication('start_publication', gatewayHeader())));
        break;
      }
      case 'close':
        closing = true;
        for (const end of [client, agent]) if (end.isUp) sendClosed(end);
    }
    lastStep = now;
    flush(client);
    flush(agent);
  };

  const cut = (end: End, ms: number, noticed: boolean): void => {
    if (!end.isUp) return;
    end.isUp = false;
    end.socket++;
    if (noticed) end.channel.disconnected(now);
    transmit(other(end), encodePublication('pause_publication', gatewayHeader()));
    at(now + ms, () => {
      end.isUp = true;
      end.channel.reconnected(now);
      if (closing) sendClosed(end);
      transmit(other(end), encodePublication('start_publication', gatewayHeader()));
      flush(end);
    });
  };

  agent.channel.start(now);
  let start = now;
  for (const step of schedule.steps) {
    at(start, () => perform(step));
    if (step.type === 'wait') start += step.ms;
  }
  flush(agent);

  const isDelivered = (): boolean =>
    client.seen === agent.wanted && agent.seen === client.wanted && client.channel.phase === 'open';
  const bothKnow = (): boolean => client.channel.phase === 'closed' && agent.channel.phase === 'closed';
  const finish = (violation?: string): Outcome => ({
    result: closing ? 'closed' : 'delivered',
    violation: violation ?? client.violation ?? agent.violation,
    elapsed: now - EPOCH,
  });

  for (let turn = 0; turn < MAX_TURNS; turn++) {
    if (client.violation !== undefined || agent.violation !== undefined) return finish();
    const arrival = queue[0];
    const due = [client, agent].map((end) =>
      end.isUp ? (end.channel.nextTimeout() ?? Infinity) : Infinity,
    ) as [number, number];
    const next = Math.min(arrival?.at ?? Infinity, ...due);
    if (next === Infinity) {
      if (closing ? bothKnow() : isDelivered()) return finish();
      return finish(`stuck: client ${describe(client)}, agent ${describe(agent)}`);
    }
    if (next > lastStep + PATIENCE)
      return finish(`too slow: client ${describe(client)}, agent ${describe(agent)}`);
    now = Math.max(now, next);
    if (arrival !== undefined && arrival.at <= next) {
      queue.shift();
      arrival.act();
      continue;
    }
    for (const [index, end] of [client, agent].entries())
      if (due[index]! <= next) handle(end, end.channel.tick(now));
  }
  return finish(`no end in sight: client ${describe(client)}, agent ${describe(agent)}`);
}

function damaged(message: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(message);
  copy[copy.length - 1]! ^= 0x40;
  return copy;
}

const describe = (end: End): string =>
  `${end.channel.phase} wanted ${end.wanted} given ${end.given} seen ${end.seen} unacked ${end.channel.unackedBytes}`;
