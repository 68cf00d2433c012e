import { denied as deniedAction } from '../../support/denied.ts';
import { describe, expect, test } from 'vitest';

import type { ContainerWatch } from '../../../src/connect/target/task-watch.ts';
import { transport } from '../../../src/core/errors.ts';
import { runCommandSession } from '../../../src/connect/session/command-session.ts';
import { runShellSession } from '../../../src/connect/session/shell-session.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { FakeGateway, SESSION } from '../../support/fake-gateway.ts';
import { ALL_TTY, fakeTerminal } from '../../support/fake-terminal.ts';

const NONCE = '0123456789abcdef0123456789abcdef';
const denied = (): Promise<never> =>
  Promise.reject(deniedAction('ssm:TerminateSession', 'not allowed to call ssm:TerminateSession: no policy'));
const marker = (body: string): string => `\x1e${NONCE}:${body}\x1e`;
/** Of the block with this number, as long as no block arrived damaged. */
const id = (number: number): string => `0.${number}:${NONCE.slice(16)}`;
const dots = (number: number): string => `.${id(number)}\n`.repeat(2);
const BEGIN = marker('begin/raw/counted/base64/pipes');
const ended = (status: number): string => marker(`exit/${status}`) + marker('end');

function start(
  tty: Parameters<typeof fakeTerminal>[0],
  handshake?: ConstructorParameters<typeof FakeGateway>[0],
) {
  const gateway = new FakeGateway(handshake);
  const terminal = fakeTerminal(tty);
  const signals = new FakeSignals();
  const abort = new AbortController();
  const common = {
    session: SESSION,
    target: 'ecs:demo_t_r',
    deps: gateway.deps(),
    terminal,
    signals,
    signal: abort.signal,
    report: gateway.deps().report,
  };
  return { gateway, terminal, signals, abort, common };
}

async function shell(tty: Parameters<typeof fakeTerminal>[0], greeting = '$ ') {
  const parts = start(tty);
  const done = runShellSession(parts.common);
  done.catch(() => undefined);
  await parts.gateway.clock.advance(1);
  if (greeting !== '') parts.gateway.say(greeting);
  await parts.gateway.clock.advance(5);
  return { ...parts, done };
}

describe('a shell on a terminal', () => {
  test('uses raw mode while it runs, passes keys on unchanged, and ends with 0', async () => {
    const { gateway, terminal, done } = await shell(ALL_TTY);
    expect(terminal.rawDepth()).toBe(1);
    terminal.stdin.write('ls\r\x03\x1c\x1a\n');
    await gateway.clock.advance(5);
    expect(gateway.input).toBe('ls\r\x03\x1c\x1a\n');
    gateway.closeChannel();
    expect(await done).toBe(0);
    expect(terminal.stdout.text).toBe('$ ');
    expect(terminal.rawDepth()).toBe(0);
  });

  test('with keepAlive, sends its size every five minutes until it ends', async () => {
    const { gateway, common } = start(ALL_TTY);
    const sizes = () => gateway.agentEvents.filter((event) => event.type === 'size').length;
    const done = runShellSession({ ...common, keepAlive: true });
    await gateway.clock.advance(1);
    gateway.say('$ ');
    await gateway.clock.advance(5);
    await gateway.clock.advance(5 * 60_000);
    expect(sizes()).toBe(2);
    await gateway.clock.advance(5 * 60_000);
    expect(sizes()).toBe(3);
    expect(gateway.input).toBe('');
    gateway.closeChannel();
    expect(await done).toBe(0);
    const idle = await shell(ALL_TTY);
    await idle.gateway.clock.advance(30 * 60_000);
    expect(idle.gateway.agentEvents.filter((event) => event.type === 'size')).toHaveLength(1);
  });

  test('sends its size at the start and after each SIGWINCH', async () => {
    const tty = { ...ALL_TTY, columns: 132 };
    const { gateway, signals, done } = await shell(tty);
    const sizes = () => gateway.agentEvents.filter((event) => event.type === 'size');
    expect(sizes()).toEqual([{ type: 'size', columns: 132, rows: 24 }]);
    tty.columns = 99;
    signals.raise('SIGWINCH');
    await gateway.clock.advance(5);
    expect(sizes()).toHaveLength(2);
    gateway.closeChannel();
    await done;
    expect(signals.count).toBe(0);
  });

  test('~. ends it although the remote side hangs, and TerminateSession is called', async () => {
    const { gateway, terminal, done } = await shell(ALL_TTY);
    gateway.isSilent = true;
    terminal.stdin.write('\r~.');
    expect(await gateway.clock.run(done)).toBe(0);
    expect(gateway.terminated).toEqual([SESSION.sessionId]);
    expect(terminal.rawDepth()).toBe(0);
  });

  test('~. fails when IAM denies TerminateSession, and the session continues', async () => {
    const { gateway, terminal, done } = await shell(ALL_TTY);
    gateway.onTerminate = denied;
    terminal.stdin.write('\r~.');
    await expect(gateway.clock.run(done)).rejects.toMatchObject({ code: 'session-not-ended', exitStatus: 4 });
    expect(terminal.rawDepth()).toBe(0);
  });

  test('~? lists the escapes and sends nothing', async () => {
    const { gateway, terminal } = await shell(ALL_TTY);
    terminal.stdin.write('~?');
    await gateway.clock.advance(5);
    expect(gateway.reports.map((event) => (event.type === 'note' ? event.message : '')).join()).toContain(
      '~.',
    );
    expect(gateway.input).toBe('');
  });

  test('the terminal is restored when the session fails, is aborted, or the terminal disappears', async () => {
    const failing = await shell(ALL_TTY);
    failing.gateway.onResume = () => Promise.resolve(undefined);
    failing.gateway.drop();
    await failing.gateway.clock.advance(10);
    await expect(failing.done).rejects.toMatchObject({ code: 'session-over' });
    expect(failing.terminal.rawDepth()).toBe(0);

    const aborted = await shell(ALL_TTY);
    aborted.abort.abort();
    await expect(aborted.gateway.clock.run(aborted.done)).rejects.toMatchObject({ role: 'interrupted' });
    expect(aborted.terminal.rawDepth()).toBe(0);
    expect(aborted.gateway.terminated).toHaveLength(1);

    const gone = await shell(ALL_TTY);
    gone.terminal.stdin.end();
    expect(await gone.gateway.clock.run(gone.done)).toBe(0);
    expect(gone.terminal.rawDepth()).toBe(0);
  });

  test('the message of the service at the end is an error', async () => {
    const { gateway, done } = await shell(ALL_TTY);
    gateway.closeChannel('terminated by an administrator');
    await expect(done).rejects.toMatchObject({ code: 'session-failed', role: 'failed' });
  });
});

describe('a task that stops', () => {
  const STOPPED = transport('task-stopped', 'task 1f0e9d8c has stopped: app exit 137 (out of memory)', {
    details: {
      cluster: 'demo',
      service: 'orders-api',
      task: '1f0e9d8c',
      container: 'app',
      stopCode: undefined,
      reason: undefined,
      exitCode: 137,
      outOfMemory: true,
    },
    exitStatus: 255,
  });

  /** A container whose task runs until `stop`; `looks` counts the calls of DescribeTasks. */
  function watched() {
    const [stopping, stopped] = [new AbortController(), new AbortController()];
    const world = { looks: 0, isKnown: false };
    const container: ContainerWatch = {
      stopping: stopping.signal,
      stopped: stopped.signal,
      look: () => {
        world.looks++;
        if (world.isKnown) stopped.abort(STOPPED);
        return Promise.resolve(world.isKnown ? STOPPED : undefined);
      },
      close: () => undefined,
    };
    return { world, container, stopping, stopped };
  }

  async function shellIn(container: ContainerWatch, tty: Parameters<typeof fakeTerminal>[0] = ALL_TTY) {
    const parts = start(tty);
    const done = runShellSession({ ...parts.common, container });
    done.catch(() => undefined);
    await parts.gateway.clock.advance(1);
    parts.gateway.say('$ ');
    await parts.gateway.clock.advance(5);
    return { ...parts, done };
  }

  test('explains the end of a shell whose session the service closes, and resets the modes of the terminal', async () => {
    const { world, container } = watched();
    const { gateway, terminal, done } = await shellIn(container);
    gateway.say('\x1b[?1049h\x1b[?1003h\x1b[?25ltop');
    await gateway.clock.advance(5);
    world.isKnown = true;
    gateway.closeChannel();
    await expect(gateway.clock.run(done)).rejects.toBe(STOPPED);
    expect(terminal.stdout.text).toBe(
      '$ \x1b[?1049h\x1b[?1003h\x1b[?25ltop\x1b[?1003l\x1b[?25h\x1b[?1049l\r\n',
    );
    expect(terminal.rawDepth()).toBe(0);
  });

  test('ends a shell whose session stays open, and terminates the session', async () => {
    const { container, stopped } = watched();
    const { gateway, done } = await shellIn(container);
    stopped.abort(STOPPED);
    await expect(gateway.clock.run(done)).rejects.toBe(STOPPED);
    expect(gateway.terminated).toEqual([SESSION.sessionId]);
  });

  test('is looked for when keys stay unanswered for four seconds, once', async () => {
    const { world, container } = watched();
    const { gateway, terminal } = await shellIn(container);
    gateway.isSilent = true;
    terminal.stdin.write('x');
    await gateway.clock.advance(3_900);
    expect(world.looks).toBe(0);
    await gateway.clock.advance(200);
    expect(world.looks).toBe(1);
    await gateway.clock.advance(20_000);
    expect(world.looks).toBe(1);
  });

  test('is announced on a line of its own while the shell goes on', async () => {
    const { container, stopping } = watched();
    const { gateway, terminal } = await shellIn(container);
    stopping.abort(STOPPED.with({ message: 'task 1f0e9d8c is being stopped: Scaling activity' }));
    await gateway.clock.advance(5);
    expect(terminal.stdout.text).toBe('$ \r\n');
    expect(gateway.reports).toContainEqual(
      expect.objectContaining({
        level: 'warning',
        code: 'task-stopping',
        message: 'task 1f0e9d8c is being stopped: Scaling activity; this session ends with its container',
      }),
    );
    expect(terminal.rawDepth()).toBe(1);
  });

  test('is looked for once when a shell ends, and a task that runs changes nothing', async () => {
    const { world, container } = watched();
    const { gateway, done } = await shellIn(container);
    gateway.closeChannel();
    expect(await done).toBe(0);
    expect(world.looks).toBe(1);
  });

  test.each([
    ['before its status arrived is the error of a command', '', 'task-stopped', undefined],
    ['after its status arrived leaves the status of a command', ended(7), undefined, 7],
  ])('%s', async (_, output, code, status) => {
    const { world, container } = watched();
    const { gateway, common } = start({});
    const done = runCommandSession({
      ...common,
      nonce: NONCE,
      interactive: false,
      readStdin: false,
      container,
    });
    done.catch(() => undefined);
    await gateway.clock.advance(1);
    gateway.say(BEGIN + output);
    await gateway.clock.advance(5);
    world.isKnown = true;
    gateway.closeChannel();
    const outcome = await gateway.clock.run(done).catch((error: unknown) => error);
    if (status === undefined) expect(outcome).toMatchObject({ code, exitStatus: 255 });
    else expect([outcome, world.looks]).toEqual([status, 0]);
  });
});

describe('a shell without a terminal', () => {
  test('the end of stdin is passed on as end of transmission, and output is read to the end', async () => {
    const { gateway, terminal, done } = await shell({});
    terminal.stdin.end('uptime\n');
    await gateway.clock.advance(5);
    expect(gateway.input).toBe('uptime\n\x04');
    gateway.say('up 3 days');
    await gateway.clock.advance(5);
    gateway.closeChannel();
    expect(await done).toBe(0);
    expect(terminal.stdout.text).toBe('$ up 3 days');
  });

  test('an unfinished line is sent before the end of transmission', async () => {
    const { gateway, terminal } = await shell({});
    terminal.stdin.end('uptime');
    await gateway.clock.advance(5);
    expect(gateway.input).toBe('uptime\x04\x04');
  });

  test('tildes are passed on as data', async () => {
    const { gateway, terminal } = await shell({});
    terminal.stdin.write('~.\n');
    await gateway.clock.advance(5);
    expect(gateway.input).toBe('~.\n');
  });

  test('NonInteractiveCommands return their exit status', async () => {
    const parts = start({}, { handshake: { sessionType: 'NonInteractiveCommands' } });
    const done = runShellSession(parts.common);
    await parts.gateway.clock.advance(10);
    parts.gateway.agent.sendExitCode(42, parts.gateway.clock.now());
    parts.gateway.flush();
    parts.gateway.closeChannel();
    expect(await done).toBe(42);
  });
});

function command(
  tty: Parameters<typeof fakeTerminal>[0],
  over: { readonly readStdin?: boolean; readonly interactive?: boolean } = {},
) {
  const parts = start(tty);
  const done = runCommandSession({
    ...parts.common,
    nonce: NONCE,
    interactive: false,
    readStdin: true,
    ...over,
  });
  done.catch(() => undefined);
  return { ...parts, done };
}

describe('a command', () => {
  test('returns the status in the marker, and stdout has no part of the marker', async () => {
    const { gateway, terminal, done } = command({});
    await gateway.clock.advance(1);
    for (const byte of `noise${BEGIN}one\ntwo\r\n${ended(42)}trailing`) gateway.say(byte);
    expect(await gateway.clock.run(done)).toBe(42);
    expect(terminal.stdout.text).toBe('one\ntwo\r\n');
    // The script waits for this confirmation, so that no status is lost while a connection is down.
    expect(gateway.input).toBe(`..${NONCE.slice(16)}\n`.repeat(2));
    expect(gateway.terminated).toEqual([SESSION.sessionId]);
  });

  test('keeps its status when IAM denies TerminateSession, and warns', async () => {
    const { gateway, done } = command({});
    gateway.onTerminate = denied;
    await gateway.clock.advance(1);
    gateway.say(`${BEGIN}one${ended(42)}`);
    expect(await gateway.clock.run(done)).toBe(42);
    expect(gateway.reports).toContainEqual(
      expect.objectContaining({ type: 'note', level: 'warning', code: 'session-not-ended' }),
    );
  });

  test('has no status after an interruption', async () => {
    const { gateway, abort, done } = command({});
    gateway.onTerminate = denied;
    await gateway.clock.advance(1);
    gateway.say(BEGIN);
    await gateway.clock.advance(1);
    abort.abort();
    await expect(gateway.clock.run(done)).rejects.toMatchObject({ code: 'session-not-ended', exitStatus: 4 });
  });

  test('restores line ends if the pty cannot be set to leave them unchanged', async () => {
    const { gateway, terminal, done } = command({});
    await gateway.clock.advance(1);
    gateway.say(`${marker('begin/tty/none/base64/pipes')}a\r\nb\r`);
    gateway.say(`\nc\r${ended(0)}`);
    expect(await gateway.clock.run(done)).toBe(0);
    expect(terminal.stdout.text).toBe('a\nb\nc\r');
  });

  test('sends stdin in counted blocks, each after the previous one is acknowledged, and a dot after the last', async () => {
    const { gateway, terminal, done } = command({});
    await gateway.clock.advance(1);
    gateway.say(BEGIN);
    await gateway.clock.advance(5);
    terminal.stdin.end(Buffer.alloc(600_000, 'x'));
    await gateway.clock.advance(300);
    const block = (index: number, length: number): string =>
      `${id(index)}:${1 + length}:${id(index)}\n\n${'x'.repeat(length)},${id(index)}\n`;
    const two = block(0, 262_144) + block(1, 131_072);
    expect(gateway.input === two).toBe(true);
    gateway.say(marker('taken'));
    await gateway.clock.advance(300);
    expect(gateway.input === `${two}${block(2, 600_000 - 393_216)}${dots(3)}`).toBe(true);
    gateway.say(ended(0));
    expect(await gateway.clock.run(done)).toBe(0);
  });

  test('sends a block of stdin again that arrived damaged', async () => {
    const { gateway, terminal, done } = command({});
    await gateway.clock.advance(1);
    gateway.say(BEGIN);
    await gateway.clock.advance(5);
    terminal.stdin.end('data');
    await gateway.clock.advance(5);
    gateway.say(marker('again'));
    await gateway.clock.advance(5);
    expect(gateway.input.slice(gateway.input.indexOf('1.0:'))).toBe(
      ['1.0:K:5:1.0:K', '', 'data,1.0:K', '.1.1:K', '.1.1:K', ''].join('\n').replaceAll('K', NONCE.slice(16)),
    );
    gateway.say(ended(0));
    expect(await gateway.clock.run(done)).toBe(0);
  });

  test('ends with stdin-damaged if a block arrives damaged however often it is sent', async () => {
    const { gateway, terminal, done } = command({});
    await gateway.clock.advance(1);
    gateway.say(BEGIN);
    await gateway.clock.advance(5);
    terminal.stdin.end('data');
    await gateway.clock.advance(5);
    for (let n = 0; n < 50; n++) gateway.say(marker('again'));
    await expect(gateway.clock.run(done)).rejects.toMatchObject({ code: 'stdin-damaged', role: 'transport' });
  });

  test('sends stdin as lines of text if the remote side cannot count bytes', async () => {
    const { gateway, terminal } = command({});
    await gateway.clock.advance(1);
    gateway.say(marker('begin/raw/text/merged/pipes'));
    await gateway.clock.advance(5);
    terminal.stdin.end('a\\b\n\0');
    await gateway.clock.advance(5);
    expect(gateway.input).toBe(`=${id(0)}:17:a\\0134b\\0012\\0000,${id(0)}\n${dots(1)}`);
  });

  test('stdout and stderr are separate', async () => {
    const { gateway, terminal, done } = command({});
    await gateway.clock.advance(1);
    const stderr = marker(`base64/${Buffer.from('bad').toString('base64')}`);
    gateway.say(`${BEGIN}go${stderr}od${ended(1)}`);
    expect(await gateway.clock.run(done)).toBe(1);
    expect(terminal.stdout.text).toBe('good');
    expect(terminal.stderr.text).toBe('bad');
  });

  test('returns its status after two seconds without output, although a background process is still running', async () => {
    const { gateway, terminal, done } = command({});
    let status: number | undefined;
    void done.then((code) => (status = code));
    await gateway.clock.advance(1);
    gateway.say(`${BEGIN}one${marker('exit/5')}`);
    await gateway.clock.advance(1_900);
    gateway.say('two');
    await gateway.clock.advance(1_900);
    expect(status).toBeUndefined();
    await gateway.clock.advance(200);
    expect(await gateway.clock.run(done)).toBe(5);
    expect(terminal.stdout.text).toBe('onetwo');
  });

  test('sends a keepalive every five minutes that is not part of stdin', async () => {
    const { gateway, done } = command({}, { readStdin: false });
    await gateway.clock.advance(1);
    gateway.say(BEGIN);
    await gateway.clock.advance(5 * 60_000 + 100);
    expect(gateway.input).toBe(`${dots(0)}\n`);
    await gateway.clock.advance(5 * 60_000 + 100);
    expect(gateway.input).toBe(`${dots(0)}\n\n`);
    gateway.say(ended(0));
    expect(await gateway.clock.run(done)).toBe(0);
  });

  test('--no-stdin gives it an empty stdin', async () => {
    const { gateway, terminal } = command({}, { readStdin: false });
    terminal.stdin.write('not for you');
    await gateway.clock.advance(1);
    gateway.say(BEGIN);
    await gateway.clock.advance(5);
    expect(gateway.input).toBe(dots(0));
  });

  test('reports that stdin cannot be sent, but only if stdin is not empty', async () => {
    const { gateway, terminal, done } = command({});
    await gateway.clock.advance(1);
    gateway.say(marker('begin/tty/none/base64/pipes'));
    await gateway.clock.advance(5);
    expect(gateway.reports).toEqual([]);
    terminal.stdin.write('data');
    await gateway.clock.advance(5);
    expect(gateway.reports).toMatchObject([{ type: 'note', code: 'stdin-not-sent' }]);
    gateway.say(ended(0));
    await gateway.clock.run(done);
  });

  test('a forged marker in the output is passed on as output', async () => {
    const { gateway, terminal, done } = command({});
    await gateway.clock.advance(1);
    const fake = `\x1e${'f'.repeat(32)}:exit/0\x1e`;
    gateway.say(`${BEGIN}${fake}${ended(7)}`);
    expect(await gateway.clock.run(done)).toBe(7);
    expect(terminal.stdout.text).toBe(fake);
  });

  test('without a status is a transport error with the reason of the service', async () => {
    const { gateway, terminal, done } = command({});
    await gateway.clock.advance(1);
    gateway.say(`${BEGIN}half a li`);
    await gateway.clock.advance(5);
    gateway.closeChannel('task stopped');
    await expect(gateway.clock.run(done)).rejects.toMatchObject({
      role: 'transport',
      code: 'exec-no-status',
      message: expect.stringContaining('task stopped') as string,
    });
    expect(terminal.stdout.text).toBe('half a li');
  });

  test('a script that never ran is reported with the output that arrived instead', async () => {
    const { gateway, done } = command({});
    await gateway.clock.advance(1);
    gateway.say('exec: "/bin/sh": no such file or directory');
    await gateway.clock.advance(5);
    gateway.closeChannel();
    await expect(gateway.clock.run(done)).rejects.toMatchObject({
      code: 'exec-not-started',
      message: expect.stringContaining('no such file') as string,
    });
    const slow = command({});
    await slow.gateway.clock.advance(1);
    slow.gateway.say('…');
    await slow.gateway.clock.advance(31_000);
    await expect(slow.done).rejects.toMatchObject({ code: 'exec-not-started' });
  });

  test('on a terminal, receives the keys, and the terminal is restored', async () => {
    const { gateway, terminal, done } = command(ALL_TTY, { interactive: true });
    await gateway.clock.advance(1);
    expect(terminal.rawDepth()).toBe(0);
    // The script waits for a line, so that the command starts with the size that was sent before.
    gateway.say(marker('ready'));
    await gateway.clock.advance(5);
    expect(gateway.agentEvents.map(({ type }) => type)).toEqual(['agent-opened', 'size', 'input']);
    expect(gateway.input).toBe('\n');
    gateway.say(marker('begin/tty/terminal/merged/tty'));
    await gateway.clock.advance(5);
    expect(terminal.rawDepth()).toBe(1);
    terminal.stdin.write('\x03');
    await gateway.clock.advance(5);
    expect(gateway.input).toBe('\n\x03');
    gateway.say(`^C\r\n${ended(130)}`);
    expect(await gateway.clock.run(done)).toBe(130);
    expect(terminal.stdout.text).toBe('^C\r\n');
    expect(terminal.rawDepth()).toBe(0);
  });
});
