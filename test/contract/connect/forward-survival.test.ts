import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';

import type { ChannelDeps } from '../../../src/connect/channel/channel-deps.ts';
import { Forward } from '../../../src/connect/forward/forward.ts';
import { LocalListener } from '../../../src/connect/forward/local-listener.ts';
import { createOpenSocket } from '../../../src/connect/channel/message-socket.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { access } from '../../../src/core/errors.ts';
import { DIRECT } from '../../support/direct-agents.ts';
import { dial, PortLab, readAll } from './port-lab.ts';

/**
 * A forward whose session cannot be resumed, over real sockets: what happens to the listener and to each connection.
 */

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/**
 * The timings are minutes, so that a slow machine cannot trigger a limit. A test that waits for a limit shortens it.
 */
const TIMING = { refusedBudgetMs: 120_000, maxOutageMs: 120_000, pongWithinMs: 120_000 };

interface Signals {
  readonly lost?: AbortSignal;
  readonly superseded?: AbortSignal;
}

/** `signals` belong to the first route; `refusals[n]` is the error with which opening the nth route fails. */
async function forwarding(
  signals: Signals = {},
  deps: Partial<ChannelDeps> = {},
  refusals: readonly (Error | undefined)[] = [],
) {
  const lab = await PortLab.start();
  closers.push(() => lab.close());
  await lab.serve((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => socket.write(`re: ${bytes.toString()}`));
    socket.on('end', () => socket.end());
  });
  const listener = await LocalListener.bind('127.0.0.1', 0);
  let routes = 0;
  const forward = new Forward({
    listener,
    remote: { host: 'localhost', port: 8080 },
    deps: lab.deps({ timing: TIMING, ...deps }),
    openRoute: () => {
      const refusal = refusals[routes++];
      if (refusal !== undefined) return Promise.reject(refusal);
      return Promise.resolve({
        target: lab.lab.machine.target,
        via: 'task',
        session: lab.grant(),
        ...(routes === 1 ? signals : {}),
      });
    },
  });
  await forward.start();
  const running = forward.run();
  running.catch(() => undefined);
  closers.push(async () => {
    await forward.close();
    await running;
  });
  return { lab, listener, routes: () => routes };
}

async function answered(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  return bytes.toString();
}

const outcome = (socket: Socket): Promise<'end' | 'reset'> =>
  readAll(socket).then(
    () => 'end',
    () => 'reset',
  );

async function cut(lab: PortLab, rule: string): Promise<void> {
  const before = lab.reports.length;
  lab.lab.gateway.faults.set('cut-client=after:1ms', rule);
  await until(() => lab.reports.slice(before).some((event) => event.type === 'session-state'));
  // The rule remains; if the cut remained, it would also cut the next session.
  lab.lab.gateway.faults.set(rule);
}

async function until(ready: () => boolean): Promise<void> {
  while (!ready()) await new Promise((resolve) => setImmediate(resolve));
}

test('resume is refused, then works with fresh credentials: the same session, the same connections', async () => {
  const { lab, listener, routes } = await forwarding();
  const socket = dial(listener.port);
  expect(await answered(socket, 'before')).toBe('re: before');
  await cut(lab, 'refuse-resume=expired');
  await until(() => lab.resumes > 0);
  lab.lab.gateway.faults.set();
  expect(await answered(socket, 'after')).toBe('re: after');
  expect(routes()).toBe(1);
  expect(lab.states()).toEqual(['interrupted', 'resumed']);
  socket.destroy();
});

test.each([
  ['refused permanently', 'refuse-resume=403'],
  ['terminated', 'refuse-resume=no-token'],
])(
  'a session is %s: the listener stays, open connections are reset, and waiting ones are connected',
  async (_, rule) => {
    const { lab, listener, routes } = await forwarding({}, { timing: { ...TIMING, refusedBudgetMs: 100 } });
    const open = dial(listener.port);
    expect(await answered(open, 'before')).toBe('re: before');
    const end = outcome(open);
    await cut(lab, rule);
    const waiting = dial(listener.port);
    const answer = answered(waiting, 'still there?');
    expect(await end).toBe('reset');
    expect(await answer).toBe('re: still there?');
    expect(routes()).toBe(2);
    expect(lab.states().at(-1)).toBe('replaced');
    waiting.destroy();
  },
);

test('credentials expire during the forward: the first refused attempt says how to sign in, and the forward resumes by itself', async () => {
  const expired = access('credentials-expired', 'nobody is signed in for profile work', {
    details: { profile: 'work', signIn: 'sso' },
  });
  const { lab, listener, routes } = await forwarding({}, { timing: { ...TIMING, refusedBudgetMs: 100 } }, [
    undefined,
    expired,
    expired,
  ]);
  await cut(lab, 'refuse-resume=no-token');
  const waiting = dial(listener.port);
  expect(await answered(waiting, 'still there?')).toBe('re: still there?');
  expect(routes()).toBe(4);
  const told = lab.reports.filter((event) => event.type === 'note' && event.code === 'credentials-expired');
  expect(told).toEqual([
    {
      type: 'note',
      level: 'warning',
      code: 'credentials-expired',
      message: 'nobody is signed in for profile work; the forward goes on by itself once you have signed in',
      details: { profile: 'work', signIn: 'sso' },
    },
  ]);
  waiting.destroy();
});

test('an agent restarts and keeps its sessions: the same session, the same connections', async () => {
  const { lab, listener, routes } = await forwarding();
  const socket = dial(listener.port);
  expect(await answered(socket, 'before')).toBe('re: before');
  lab.lab.gateway.faults.set('cut-agent=after:1ms');
  await until(() => lab.states().includes('resumed'));
  const { resumes } = lab;
  lab.lab.gateway.faults.set();
  expect(await answered(socket, 'after')).toBe('re: after');
  expect([routes(), resumes]).toEqual([1, 0]);
  expect(lab.states()).toEqual(['interrupted', 'resumed']);
  socket.destroy();
});

test('an agent restarts and loses its sessions: a new session, on the same port', async () => {
  const { lab, listener, routes } = await forwarding();
  const open = dial(listener.port);
  expect(await answered(open, 'before')).toBe('re: before');
  const end = outcome(open);
  lab.lab.gateway.sessions.endTarget(lab.lab.machine.target, 'the agent was restarted');
  // A connection that arrives before the forward knows of the end belongs to the lost session, and is reset with it.
  expect(await end).toBe('reset');
  const waiting = dial(listener.port);
  expect(await answered(waiting, 'still there?')).toBe('re: still there?');
  expect(routes()).toBe(2);
  expect(lab.reports).toContainEqual(
    expect.objectContaining({ state: 'interrupted', reason: 'the agent was restarted' }),
  );
  waiting.destroy();
});

test('a peer that stops responding is detected and reported, and the forward continues', async () => {
  const timing = { ...TIMING, pingEveryMs: 50, pongWithinMs: 50 };
  const { lab, listener } = await forwarding({}, { timing });
  const socket = dial(listener.port);
  expect(await answered(socket, 'before')).toBe('re: before');
  lab.lab.gateway.faults.set('silent');
  await until(() => lab.states().includes('interrupted'));
  expect(lab.reports).toContainEqual(
    expect.objectContaining({ reason: expect.stringContaining('no answer to a ping') as string }),
  );
  lab.lab.gateway.faults.set();
  expect(await answered(socket, 'after')).toBe('re: after');
  socket.destroy();
});

test('the forward leaves a target that is known to be gone at once, although its session reports nothing', async () => {
  const gone = new AbortController();
  const { lab, listener } = await forwarding({ lost: gone.signal });
  const open = dial(listener.port);
  expect(await answered(open, 'before')).toBe('re: before');
  const end = outcome(open);
  gone.abort(new Error('bastion i-1 was interrupted by EC2'));
  const waiting = dial(listener.port);
  expect(await end).toBe('reset');
  expect(await answered(waiting, 'still there?')).toBe('re: still there?');
  expect(lab.states()).toEqual(['interrupted', 'replaced']);
  expect(lab.reports).toContainEqual(
    expect.objectContaining({ state: 'interrupted', reason: 'bastion i-1 was interrupted by EC2' }),
  );
  waiting.destroy();
});

test('new connections use a better route, and open ones stay until their target is gone', async () => {
  const [better, gone] = [new AbortController(), new AbortController()];
  const { lab, listener, routes } = await forwarding({ superseded: better.signal, lost: gone.signal });
  const open = dial(listener.port);
  expect(await answered(open, 'before')).toBe('re: before');
  better.abort(new Error('i-2 takes its place'));
  await until(() => lab.states().includes('replaced'));
  const next = dial(listener.port);
  expect(await answered(next, 'new')).toBe('re: new');
  expect(await answered(open, 'old')).toBe('re: old');
  const end = outcome(open);
  gone.abort(new Error('bastion i-1 was interrupted by EC2'));
  expect(await end).toBe('reset');
  expect(await answered(next, 'still')).toBe('re: still');
  expect([routes(), lab.states()]).toEqual([2, ['replaced']]);
  next.destroy();
});

/**
 * The sockets of the first session, which a test may cut and keep disconnected; those of later sessions are not
 * touched.
 */
function firstSessionSockets() {
  const real = createOpenSocket(DIRECT, systemClock);
  let session: string | undefined;
  let allow: () => void = () => undefined;
  let gate = Promise.resolve();
  let drop: () => void = () => undefined;
  const openSocket: ChannelDeps['openSocket'] = async (url, options, events) => {
    session ??= url.pathname;
    if (url.pathname !== session) return real(url, options, events);
    await gate;
    const socket = await real(url, options, events);
    drop = () => {
      gate = new Promise((resolve) => {
        allow = resolve;
      });
      socket.destroy();
    };
    return socket;
  };
  return { openSocket, drop: () => drop(), allow: () => allow() };
}

test('a superseded session that is cut or reconnects does not change which session new connections use', async () => {
  const [better, gone] = [new AbortController(), new AbortController()];
  const old = firstSessionSockets();
  const { lab, listener } = await forwarding({ superseded: better.signal, lost: gone.signal }, old);
  const open = dial(listener.port);
  expect(await answered(open, 'before')).toBe('re: before');
  better.abort(new Error('i-2 takes its place'));
  await until(() => lab.states().includes('replaced'));

  old.drop();
  await until(() => lab.states().includes('interrupted'));
  const meanwhile = dial(listener.port);
  expect(await answered(meanwhile, 'the old way is cut')).toBe('re: the old way is cut');

  old.allow();
  await until(() => lab.states().includes('resumed'));
  expect(await answered(open, 'back')).toBe('re: back');
  const late = dial(listener.port);
  expect(await answered(late, 'the old way is back')).toBe('re: the old way is back');

  const end = outcome(open);
  gone.abort(new Error('bastion i-1 was interrupted by EC2'));
  expect(await end).toBe('reset');
  expect(await answered(late, 'still')).toBe('re: still');
  meanwhile.destroy();
  late.destroy();
});
