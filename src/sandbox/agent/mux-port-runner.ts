import type { Socket } from 'node:net';
import { concat } from '../../core/bytes.ts';
import { ProtocolError } from '../../core/errors.ts';
import { writeInTurn } from '../../core/turn-writes.ts';
import { type MuxEvent, MuxSession } from '../../protocol/smux.ts';
import { openPortTarget, type PortTarget } from './port-target.ts';
import type { RunnerContext, SessionRunner } from './runner.ts';

/** smux v1 has one receive budget for all streams; when it is full, all of them stall (SPEC.md §6). */
const RECEIVE_BUDGET = 4 * 1024 * 1024;
/**
 * The largest piece that is put into the channel at once; it limits how much data waits for a client that does not
 * read.
 */
const READ_SIZE = 64 * 1024;

interface Connection {
  socket: Socket | undefined;
  /** Data that arrived before the connection was established. */
  waiting: Uint8Array[];
  waitingBytes: number;
  /** The client sent its FIN before the connection was established. */
  finished: boolean;
  /** The server sent its end of data; only an agent that supports half-close keeps such a connection. */
  ended: boolean;
}

/**
 * Port forwarding in mux mode: one TCP connection per smux stream. EOF from either end closes the whole connection
 * (transcripts d4, d5) unless the trait no-half-close is off.
 */
export function runMuxPort(
  context: RunnerContext,
  properties: Readonly<Record<string, string>>,
  keepAlive: boolean,
): SessionRunner {
  const { clock, outlet, channel, traits } = context;
  const halfCloses = !traits.has('no-half-close');
  const mux = new MuxSession({ role: 'server', keepAlive, now: clock.now() });
  const connections = new Map<number, Connection>();
  let target: PortTarget | undefined;
  let beforeTarget: number[] = [];
  let cancelTimer: (() => void) | undefined;
  let stopped = false;

  const guarded = (work: () => readonly MuxEvent[]): void => {
    try {
      for (const event of work()) handle(event);
    } catch (error) {
      context.fail(error instanceof ProtocolError ? error.message : String(error));
      return;
    }
    pump();
  };

  const pump = (): void => {
    if (stopped) return;
    const frames = mux.takeOutput();
    if (frames.length > 0) outlet.write(concat(frames));
    const full = outlet.isFull;
    for (const { socket } of connections.values()) if (full) socket?.pause();
    const at = mux.nextTimeout();
    cancelTimer?.();
    cancelTimer =
      at === undefined
        ? undefined
        : clock.timer(Math.max(0, at - clock.now()), () => guarded(() => mux.tick(clock.now())));
  };

  const regulate = (): void => {
    let buffered = 0;
    for (const { socket, waitingBytes } of connections.values())
      buffered += waitingBytes + (socket?.writableLength ?? 0);
    channel.hold(buffered > RECEIVE_BUDGET);
  };

  const handle = (event: MuxEvent): void => {
    switch (event.type) {
      case 'stream-opened':
        connections.set(event.id, {
          socket: undefined,
          waiting: [],
          waitingBytes: 0,
          finished: false,
          ended: false,
        });
        if (target === undefined) beforeTarget.push(event.id);
        else void dial(event.id, target);
        return;
      case 'data': {
        const connection = connections.get(event.id);
        if (connection === undefined) return;
        if (connection.socket === undefined) {
          connection.waiting.push(event.bytes);
          connection.waitingBytes += event.bytes.byteLength;
        } else {
          writeInTurn(connection.socket, event.bytes);
        }
        regulate();
        return;
      }
      case 'stream-finished':
        finish(event.id);
        return;
      default:
        event satisfies never;
    }
  };

  /**
   * The client sent FIN: the data before it is delivered, then the connection is closed completely and the agent
   * sends its own FIN.
   */
  const finish = (id: number): void => {
    const connection = connections.get(id);
    if (connection === undefined) return;
    connection.finished = true;
    if (connection.socket === undefined) return;
    if (halfCloses && !connection.ended) {
      connection.socket.end();
      return;
    }
    connections.delete(id);
    connection.socket.destroySoon();
    mux.finish(id);
  };

  const dial = async (id: number, to: PortTarget): Promise<void> => {
    let socket: Socket;
    try {
      socket = await to.dial();
    } catch {
      if (stopped || !connections.delete(id)) return;
      // The flag carries no stream id; the FIN after it tells the client which stream failed (transcript d6).
      channel.sendConnectToPortError();
      mux.finish(id);
      pump();
      regulate();
      return;
    }
    const connection = connections.get(id);
    if (stopped || connection === undefined) {
      socket.destroy();
      return;
    }
    attach(id, connection, socket);
  };

  const attach = (id: number, connection: Connection, socket: Socket): void => {
    connection.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      if (!connections.has(id)) return;
      for (let at = 0; at < bytes.byteLength; at += READ_SIZE)
        mux.write(id, bytes.subarray(at, at + READ_SIZE));
      pump();
    });
    const closed = (): void => {
      if (connections.get(id) === connection) {
        connections.delete(id);
        mux.finish(id);
        pump();
      }
      socket.destroySoon();
      if (!stopped) regulate();
    };
    socket.on('end', () => {
      if (!halfCloses || connection.finished) {
        closed();
        return;
      }
      connection.ended = true;
      mux.finish(id);
      pump();
    });
    // A reset looks to the client like any other end of a connection (transcript d7r); 'close' follows it.
    socket.on('error', () => undefined);
    socket.on('close', closed);
    socket.on('drain', regulate);
    for (const bytes of connection.waiting) socket.write(bytes);
    connection.waiting = [];
    connection.waitingBytes = 0;
    if (outlet.isFull) socket.pause();
    if (connection.finished) {
      finish(id);
      pump();
    }
    regulate();
  };

  outlet.onDrain(() => {
    for (const { socket } of connections.values()) socket?.resume();
  });

  openPortTarget(context.machine, properties).then(
    (opened) => {
      if (stopped) return;
      target = opened;
      for (const id of beforeTarget) void dial(id, opened);
      beforeTarget = [];
    },
    (error: unknown) => context.fail(error instanceof Error ? error.message : String(error)),
  );
  // This call arms the keepalive timer. Nothing is sent before the first stream opens, because old clients would lose
  // it (SPEC.md §13.4).
  pump();

  return {
    input(bytes) {
      guarded(() => mux.receive(bytes));
      return undefined;
    },
    size() {},
    flag() {},
    stop() {
      stopped = true;
      cancelTimer?.();
      for (const { socket } of connections.values()) socket?.destroy();
      connections.clear();
    },
  };
}
