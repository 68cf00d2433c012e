import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeLine, type StartRequest } from '../../../src/app/supervisor/control-messages.ts';
import type { ForwardProcess, ProcessEnd } from '../../../src/app/supervisor/detached-forward.ts';
import { Supervisor } from '../../../src/app/supervisor/supervisor.ts';
import {
  listDetached,
  startDetached,
  stopDetached,
  type SupervisorAccess,
} from '../../../src/app/supervisor/supervisor-client.ts';
import { type ControlServer, listenControl, ownFolder } from '../../../src/cli/supervisor/control-socket.ts';
import { forwardLog } from '../../../src/cli/supervisor/forward-log.ts';
import { withStartLock } from '../../../src/cli/supervisor/start-lock.ts';
import { supervisorAccess } from '../../../src/cli/supervisor/supervisor-access.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { ToolEvent } from '../../../src/core/events.ts';
import { until } from '../../support/eventually.ts';
import { reportSkip } from '../../support/on-path.ts';

/** The supervisor behind a real socket; the processes of its forwards are scripted. */

const UID = process.getuid?.() ?? 0;

/** The process of a forward, as the test lets it behave. */
class ScriptedProcess implements ForwardProcess {
  readonly pid = 4_242;
  readonly signals: string[] = [];
  #onLine: (line: string) => void = () => undefined;
  #onEnd: (end: ProcessEnd) => void = () => undefined;

  watch(onLine: (line: string) => void, onEnd: (end: ProcessEnd) => void): void {
    this.#onLine = onLine;
    this.#onEnd = onEnd;
  }

  stop(signal: string): void {
    this.signals.push(signal);
    this.end(0);
  }

  say(value: object): void {
    this.#onLine(JSON.stringify(value));
  }

  ready(port = 8_080): void {
    const local = { host: '127.0.0.1', port };
    this.say({ type: 'forward-ready', local, remote: { host: 'db', port: 5 }, via: 'task', target: 't' });
  }

  end(exitStatus: number): void {
    this.#onEnd({ exitStatus, reason: `exit status ${exitStatus}` });
  }
}

let folder: string;
let socket: { path: string; uid: number };
let servers: (ControlServer | Server)[];
let processes: ScriptedProcess[];
let supervisors: number;
let access: SupervisorAccess;
/** Called with each process that is started. */
let onProcess: (process: ScriptedProcess) => void;
let log: string;
let settleMs: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fc-supervisor-'));
  socket = { path: join(folder, 'run', 'supervisor.sock'), uid: UID };
  servers = [];
  processes = [];
  supervisors = 0;
  settleMs = 20;
  onProcess = (process) => process.ready();
  log = join(folder, 'logs', 'web.log');
  access = accessOf();
});
afterEach(async () => {
  for (const server of servers) await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const accessOf = (): SupervisorAccess =>
  supervisorAccess(
    {
      env: {},
      clock: systemClock,
      startDetached: (_argv, options) => {
        supervisors++;
        supervise().catch(() => options?.onExit?.(1));
      },
    },
    socket,
  );

async function supervise(): Promise<void> {
  const supervisor = new Supervisor({
    clock: systemClock,
    version: '9',
    pid: 4_000,
    startProcess: () => {
      const started = new ScriptedProcess();
      processes.push(started);
      setImmediate(() => onProcess(started));
      return started;
    },
    log: () => forwardLog(log),
    settleMs,
  });
  servers.push(await listenControl(socket.path, UID, (connection) => supervisor.accept(connection)));
}

const request = (over: Partial<StartRequest> = {}): StartRequest => ({
  type: 'start',
  name: 'web',
  identity: 'same',
  argv: ['forward', 'web'],
  cwd: '/',
  env: { AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI' },
  listeners: 1,
  ...over,
});
const start = (over: Partial<StartRequest> = {}, report: (event: ToolEvent) => void = () => undefined) =>
  startDetached(request(over), access, report);

describe('a start', () => {
  it('is complete when every listener is ready, and reports what happens until then', async () => {
    const events: string[] = [];
    let isDone = false;
    onProcess = (process) => {
      process.say({ type: 'note', level: 'info', code: 'route-chosen', message: 'a task' });
      process.ready(1);
    };
    const started = start({ listeners: 2 }, (event) => events.push(event.type)).then((answer) => {
      isDone = true;
      return answer;
    });
    await until(() => events.includes('forward-ready'));
    expect([isDone, (await listDetached(access))[0]?.state]).toEqual([false, 'starting']);
    processes[0]?.ready(2);
    const { forward, isNew } = await started;
    expect([isNew, forward.state, forward.listeners.map(({ local }) => local.port)]).toEqual([
      true,
      'open',
      [1, 2],
    ]);
    expect(events).toEqual(['note', 'forward-ready', 'forward-ready']);
  });

  it('that fails throws the error of the forward with its exit status, and leaves nothing', async () => {
    onProcess = (process) => {
      process.say({
        error: {
          code: 'service-not-found',
          role: 'no-match',
          message: 'no service',
          hints: [],
          details: { service: 'x' },
        },
      });
      process.end(3);
    };
    await expect(start()).rejects.toMatchObject({
      code: 'service-not-found',
      role: 'no-match',
      exitStatus: 3,
      details: { service: 'x' },
    });
    expect(await listDetached(access)).toEqual([]);
  });

  it('whose sessions end at once has failed, although its listener was ready', async () => {
    // Only the end of the process completes this start.
    settleMs = 600_000;
    onProcess = (process) => {
      process.ready();
      process.say({ type: 'session-state', state: 'interrupted', reason: 'no such host' });
      process.say({ type: 'session-state', state: 'replaced', reason: 'a new session carries the forward' });
      const message = 'each session to db:5 ends at once';
      process.say({ error: { code: 'session-failed', role: 'failed', message, hints: [], details: {} } });
      process.end(1);
    };
    await expect(start()).rejects.toMatchObject({ code: 'session-failed', exitStatus: 1 });
    expect(await listDetached(access)).toEqual([]);
  });

  it('waits while a session is interrupted, and is complete when another one carries the forward', async () => {
    settleMs = 0;
    let isDone = false;
    onProcess = (process) => {
      process.ready();
      process.say({ type: 'session-state', state: 'interrupted', reason: 'the network' });
    };
    const started = start().then(({ forward }) => {
      isDone = true;
      return forward;
    });
    await until(async () => (await listDetached(access))[0]?.listeners.length === 1);
    expect([isDone, (await listDetached(access))[0]?.state]).toEqual([false, 'starting']);
    processes[0]?.say({ type: 'session-state', state: 'replaced', reason: 'a new session' });
    expect((await started).state).toBe('open');
  });

  it('whose process ends without a word, even with 0, is an error', async () => {
    onProcess = (process) => process.end(0);
    await expect(start()).rejects.toMatchObject({ code: 'forward-process-ended', exitStatus: 1 });
  });

  it('of the same is told of the first, also while it starts; another one of its name is refused', async () => {
    onProcess = () => undefined;
    const first = start();
    await until(() => processes.length === 1);
    const second = start();
    await until(async () => (await listDetached(access)).length === 1);
    processes[0]?.ready();
    expect([(await first).isNew, (await second).isNew, (await start()).isNew]).toEqual([true, false, false]);
    await expect(start({ identity: 'other' })).rejects.toMatchObject({
      code: 'forward-name-taken',
      exitStatus: 1,
    });
    expect(processes).toHaveLength(1);
  });

  it('by ten commands at once makes one supervisor and one forward', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => startDetached(request(), accessOf(), () => undefined)),
    );
    expect([supervisors, processes.length]).toEqual([1, 1]);
    expect(answers.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(existsSync(`${socket.path}.lock`)).toBe(false);
  });

  it('of several, where one listener fails, is complete when the others are ready', async () => {
    onProcess = (process) => {
      process.say({
        type: 'note',
        level: 'warning',
        code: 'x',
        message: '-L 2 has failed',
        details: { hasFailed: true },
      });
      process.ready(1);
    };
    const { forward } = await start({ listeners: 2 });
    expect([forward.state, forward.reason]).toEqual(['open', '-L 2 has failed']);
  });
});

describe('a forward', () => {
  it('is listed with its state and bytes, and with its reason when it has ended by itself', async () => {
    await start();
    const [process] = processes;
    process?.say({ type: 'forward-connection', localPort: 8_080, open: 2 });
    process?.say({ type: 'forward-traffic', localPort: 8_080, sent: 10, received: 20 });
    expect(await listDetached(access)).toMatchObject([
      { state: 'open', pid: 4_242, listeners: [{ open: 2, sent: 10, received: 20 }] },
    ]);
    process?.say({ type: 'session-state', state: 'interrupted', reason: 'the network' });
    expect(await listDetached(access)).toMatchObject([{ state: 'interrupted', reason: 'the network' }]);
    process?.say({ type: 'session-state', state: 'resumed', reason: 'back' });
    expect(await listDetached(access)).toMatchObject([{ state: 'open' }]);
    process?.say({
      error: { code: 'no-bastion', role: 'no-match', message: 'the bastion is gone', hints: [], details: {} },
    });
    process?.end(3);
    expect(await listDetached(access)).toMatchObject([
      {
        state: 'ended',
        exitStatus: 3,
        reason: 'the bastion is gone',
        listeners: [{ open: 0, received: 20 }],
      },
    ]);
    expect((await start()).isNew).toBe(true);
  });

  it('is stopped by its name, and all by --all; an unknown name is an error after the others are stopped', async () => {
    await start();
    await start({ name: 'orders' });
    await start({ name: 'cache' });
    await expect(stopDetached(['web', 'wbe'], access)).rejects.toMatchObject({
      code: 'detached-not-found',
      details: { name: 'wbe', stopped: ['web'] },
    });
    expect((await stopDetached(undefined, access)).map(({ name, state }) => [name, state])).toEqual([
      ['orders', 'ended'],
      ['cache', 'ended'],
    ]);
    expect(processes.map(({ signals }) => signals)).toEqual([['SIGTERM'], ['SIGTERM'], ['SIGTERM']]);
    expect(await listDetached(access)).toEqual([]);
  });

  const hasFullDisk = existsSync('/dev/full');
  if (!hasFullDisk) reportSkip('a log on a full disk', 'there is no /dev/full');
  it.skipIf(!hasFullDisk)('survives a log on a full disk', async () => {
    log = '/dev/full';
    await start();
    processes[0]?.say({ type: 'forward-traffic', localPort: 8_080, sent: 1, received: 1 });
    expect(await listDetached(access)).toMatchObject([{ state: 'open', log: '/dev/full' }]);
  });

  it('has a log of mode 0600 without the environment', async () => {
    await start();
    expect([statSync(log).mode & 0o777, statSync(dirname(log)).mode & 0o777]).toEqual([0o600, 0o700]);
    const text = readFileSync(log, 'utf8');
    expect(text).toContain('"type":"forward-ready"');
    expect(text).not.toContain('wJalrXUtnFEMI');
  });
});

describe('the socket', () => {
  it('has mode 0600 in a folder of mode 0700, even if the folder was open before', async () => {
    ownFolder(dirname(socket.path), UID);
    chmodSync(dirname(socket.path), 0o777);
    await start();
    expect([statSync(socket.path).mode & 0o777, statSync(dirname(socket.path)).mode & 0o777]).toEqual([
      0o600, 0o700,
    ]);
  });

  it('of a supervisor that was killed is replaced', async () => {
    ownFolder(dirname(socket.path), UID);
    // A listener that ends without removing its socket.
    const { spawnSync } = await import('node:child_process');
    spawnSync(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(socket.path)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ]);
    writeFileSync(`${socket.path}.lock`, String(spawnSync(process.execPath, ['-e', '']).pid));
    expect(existsSync(socket.path)).toBe(true);
    expect(await listDetached(access)).toEqual([]);
    expect((await start()).isNew).toBe(true);
  });

  it('of another person is refused, and so is a folder that is a link', async () => {
    await start();
    socket = { ...socket, uid: UID + 1 };
    await expect(listDetached(accessOf())).rejects.toMatchObject({
      code: 'runtime-folder',
      message: expect.stringContaining(`it belongs to the user ${UID}, and you are ${UID + 1}`) as string,
    });
    const link = join(folder, 'link');
    symlinkSync(dirname(socket.path), link);
    expect(() => ownFolder(link, UID)).toThrow('it is no folder');
  });

  const foreign = async (greeting: string): Promise<void> => {
    ownFolder(dirname(socket.path), UID);
    const server = createServer((client) => {
      client.on('error', () => undefined);
      if (greeting !== '') client.write(greeting);
    });
    servers.push(server);
    await new Promise<void>((resolve) => void server.listen(socket.path, resolve));
  };

  it('of an old version is told apart, with the process to end', async () => {
    await foreign('{"type":"greeting","protocol":0,"version":"0.0.9","pid":777}\n');
    await expect(start()).rejects.toMatchObject({
      code: 'supervisor-version',
      message: 'the supervisor of the detached forwards has the version 0.0.9, which this one cannot talk to',
      details: { version: '0.0.9', pid: 777 },
    });
    expect(supervisors).toBe(0);
  });

  it.each([['HTTP/1.1 400 Bad Request\n'], ['{"type":"greeting"}\n']])(
    'of another program (%j) is refused',
    async (greeting) => {
      await foreign(greeting);
      await expect(listDetached(access)).rejects.toMatchObject({
        code: 'supervisor-silent',
        details: { socket: socket.path },
      });
    },
  );

  it('answers garbage with a refusal, and serves others meanwhile', async () => {
    await start();
    const client = connect(socket.path);
    let text = '';
    client.on('data', (bytes) => (text += bytes.toString()));
    client.write('nonsense\n');
    await until(() => text.includes('refused'));
    expect(text.trim().split('\n').at(-1)).toBe(
      encodeLine({ type: 'refused', reason: 'a message of the control protocol has a wrong type' }).trim(),
    );
    expect(await listDetached(access)).toHaveLength(1);
  });
});

it('the lock lets one process after the other work', async () => {
  const order: string[] = [];
  const work = (name: string) =>
    withStartLock(join(folder, 'lock'), systemClock, async () => {
      order.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`${name} ends`);
    });
  await Promise.all([work('a'), work('b'), work('c')]);
  for (const [index, line] of order.entries())
    if (index % 2 === 0) expect(order[index + 1]).toBe(line.replace('begins', 'ends'));
});
