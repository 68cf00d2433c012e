import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';

import type { ForwardRoute } from '../../../src/connect/forward/forward.ts';
import { LocalListener } from '../../../src/connect/forward/local-listener.ts';
import { QUIET_MS } from '../../../src/connect/forward/session-count.ts';
import { SpreadForward } from '../../../src/connect/forward/spread-forward.ts';
import { StartPace } from '../../../src/connect/forward/start-pace.ts';
import { failed } from '../../../src/core/errors.ts';
import { until } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { dial, PortLab } from './port-lab.ts';

/**
 * A forward that spreads over sessions of the gateway and agent of the sandbox: real sockets, and a clock that the test
 * moves after it has let bytes pass, so that rates do not depend on this machine.
 */

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** What the official agent sends in a second in one session. */
const SECOND_AT_PACE = Buffer.alloc(580_000, 'x');

interface Options {
  readonly via?: 'task' | 'bastion';
  readonly sessions?: number;
  /** Called before each StartSession, which has a number from 1. */
  readonly starting?: (number: number) => Promise<void> | void;
}

async function spread({ via = 'bastion', sessions, starting }: Options = {}) {
  const lab = await PortLab.start();
  closers.push(() => lab.close());
  const serverEnds: Socket[] = [];
  await lab.serve((socket) => {
    serverEnds.push(socket.on('error', () => undefined));
  });
  const clock = new FakeClock();
  const listener = await LocalListener.bind('127.0.0.1', 0);
  const started: string[] = [];
  let starts = 0;
  const deps = lab.deps({ clock });
  const forward = new SpreadForward({
    listener,
    remote: { host: 'db', port: 8080 },
    openRoute: async (): Promise<ForwardRoute> => {
      await starting?.(++starts);
      const session = lab.grant();
      started.push(session.sessionId);
      return { via, target: lab.lab.machine.target, session };
    },
    deps,
    reportFor: () => deps.report,
    sessions,
    pace: new StartPace(clock),
  });
  closers.push(() => forward.close());
  // Handshakes need the timers of the client.
  const starting_ = forward.start();
  starting_.catch(() => undefined);
  await moving(clock, starting_);
  const running = forward.run();
  running.catch(() => undefined);
  return {
    lab,
    clock,
    forward,
    running,
    started,
    serverEnds,
    notes: () =>
      lab.reports.flatMap((event) => (event.type === 'note' ? [`${event.code}: ${event.message}`] : [])),
    counts: () => lab.reports.flatMap((event) => (event.type === 'forward-connection' ? [event.open] : [])),
    connect: async () => {
      const before = serverEnds.length;
      const socket = dial(listener.port).resume();
      await until(() => serverEnds.length > before);
      return { socket, server: serverEnds[before] as Socket };
    },
    dial: () => dial(listener.port).resume(),
    /** Seconds in which each of these connections brings as much as one session can. */
    secondsAtPace: async (
      number: number,
      connections: readonly { readonly socket: Socket; readonly server: Socket }[],
    ): Promise<void> => {
      for (let second = 0; second < number; second++) {
        for (const { socket, server } of connections) {
          const expected = socket.bytesRead + SECOND_AT_PACE.length;
          server.write(SECOND_AT_PACE);
          await moving(
            clock,
            until(() => socket.bytesRead >= expected),
            0,
          );
        }
        await clock.advance(1_000);
      }
    },
  };
}

/** Also when it was reset. */
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.once('close', () => resolve());
  });

/** Lets the client's timers run until the work is done; `ms` 0 lets only promises run. */
async function moving<T>(clock: FakeClock, work: Promise<T>, ms = 1): Promise<T> {
  let isDone = false;
  work.then(
    () => (isDone = true),
    () => (isDone = true),
  );
  await until(async () => {
    await clock.advance(ms);
    return isDone;
  });
  return work;
}

describe('by itself', () => {
  test('new connections go to further sessions when one is at the pace; none is moved, and each heals', async () => {
    const { lab, clock, connect, secondsAtPace, started, notes, counts } = await spread();
    const first = await connect();
    const idle = [await connect(), await connect()];
    expect(started).toHaveLength(1);
    await secondsAtPace(2, [first]);
    await moving(
      clock,
      until(() => started.length === 3 && notes().length > 0),
    );
    expect(notes()).toEqual([
      'sessions-changed: 3 sessions carry new connections, because the agent sends at most 1 MB/s in each',
    ]);
    const second = await connect();
    const third = await connect();
    expect(counts()).toEqual([1, 2, 3, 4, 5]);
    // The end of the second session ends the connections in it only, and another session replaces it.
    const reset = closed(second.socket);
    lab.lab.gateway.sessions.terminate(started[1] ?? '');
    await moving(clock, reset);
    await moving(
      clock,
      until(() => started.length === 4 && lab.states().includes('replaced')),
    );
    for (const { socket } of [first, ...idle, third]) expect(socket.destroyed).toBe(false);
    const fourth = await connect();
    third.server.write('still here');
    await once(third.socket, 'data');
    fourth.server.write('a new one');
    await once(fourth.socket, 'data');
  });

  test('back to one session when it is quiet: those with connections end with their last one', async () => {
    const { lab, clock, connect, secondsAtPace, started, notes } = await spread();
    const connections = [await connect(), await connect(), await connect()];
    await secondsAtPace(2, connections.slice(0, 1));
    await moving(
      clock,
      until(() => started.length === 3 && notes().length > 0),
    );
    const inSecond = await connect();
    await clock.advance(QUIET_MS);
    await until(() => lab.terminated.length === 1);
    expect(lab.terminated).toEqual([started[2]]);
    // New connections go to the first session although it has more connections.
    const another = await connect();
    inSecond.socket.destroy();
    await moving(
      clock,
      until(() => lab.terminated.length === 2),
    );
    expect(lab.terminated).toEqual([started[2], started[1]]);
    expect(notes().at(-1)).toBe('sessions-changed: one session carries new connections again: it is quiet');
    for (const { socket } of [...connections, another]) expect(socket.destroyed).toBe(false);
  });

  test('through a task there are two at most', async () => {
    const { clock, connect, secondsAtPace, started, notes } = await spread({ via: 'task' });
    const connections = [await connect(), await connect(), await connect(), await connect()];
    await secondsAtPace(2, connections.slice(0, 1));
    await moving(
      clock,
      until(() => notes().length > 0),
    );
    await clock.advance(10_000);
    expect(started).toHaveLength(2);
  });

  test('a connection waits for a session that is being opened, and not for one that does not come', async () => {
    let release: () => void = () => undefined;
    const {
      clock,
      connect,
      dial: open,
      secondsAtPace,
      serverEnds,
      started,
    } = await spread({
      starting: (number) =>
        number === 1
          ? undefined
          : new Promise<void>((resolve) => {
              release = resolve;
            }),
    });
    closers.push(() => release());
    const first = await connect();
    await connect();
    await secondsAtPace(2, [first]);
    open();
    await clock.advance(4_900);
    expect(serverEnds).toHaveLength(2);
    await clock.advance(100);
    await until(() => serverEnds.length === 3);
    expect(started).toHaveLength(1);
  });

  test('a refused StartSession is told once a minute, and the forward goes on', async () => {
    const { clock, connect, secondsAtPace, notes } = await spread({
      starting: (number) => {
        if (number > 1) throw failed('throttled', 'Rate exceeded');
      },
    });
    const connections = [await connect(), await connect()];
    await secondsAtPace(4, connections.slice(0, 1));
    expect(notes()).toEqual(['session-not-added: the forward goes on with fewer sessions: Rate exceeded']);
    await connect();
    await clock.advance(60_000);
    await secondsAtPace(2, connections.slice(0, 1));
    expect(notes()).toHaveLength(2);
  });
});

describe('--sessions', () => {
  test('a fixed number is open before the first connection, and each connection has its own', async () => {
    const { lab, clock, connect, started } = await spread({ sessions: 3 });
    expect(started).toHaveLength(3);
    const connections = [await connect(), await connect(), await connect()];
    for (const [index, { socket }] of connections.entries()) {
      const reset = closed(socket);
      lab.lab.gateway.sessions.terminate(started[index] ?? '');
      await moving(clock, reset);
      expect(connections.filter((each) => each.socket.destroyed)).toHaveLength(index + 1);
    }
  });

  test('1 never opens a second one', async () => {
    const { clock, connect, secondsAtPace, started } = await spread({ sessions: 1 });
    const connections = [await connect(), await connect(), await connect()];
    await secondsAtPace(5, connections.slice(0, 1));
    await clock.advance(1_000);
    expect(started).toHaveLength(1);
  });
});

test('a forward that is closed while a session is being started leaves none', async () => {
  let release: () => void = () => undefined;
  const { lab, connect, secondsAtPace, started, forward, clock } = await spread({
    starting: (number) =>
      number === 1
        ? undefined
        : new Promise<void>((resolve) => {
            release = resolve;
          }),
  });
  const first = await connect();
  await connect();
  await secondsAtPace(2, [first]);
  const closing = forward.close();
  release();
  await moving(clock, closing);
  expect(started).toHaveLength(2);
  expect([...lab.terminated].sort()).toEqual([...started].sort());
});
