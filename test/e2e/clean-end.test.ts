import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli, CliProcess, ENTRY, PtyProcess } from '../support/cli-process.ts';
import { eventually, until } from '../support/eventually.ts';
import { testSandbox } from '../support/test-sandbox.ts';

/** However a session ends, it leaves nothing behind: no session at AWS, no raw terminal, no file, and no secret. */

const sandbox = testSandbox();
const FORWARD = ['forward', 'orders-api', '-L', '0:8080', '--cluster', 'demo', '--json'];
const APP = ['exec', 'orders-api', '--cluster', 'demo', '--container', 'app'];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fc-clean-'));
});
const started: number[] = [];
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
  for (const pid of started.splice(0)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // The process has already ended by itself.
    }
  }
});

const terminated = (): number =>
  sandbox().calls.filter((call) => call.action === 'TerminateSession' && call.outcome === 'ok').length;

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

describe('a forward', () => {
  it.each([
    ['SIGINT', 0],
    ['SIGTERM', 0],
    ['SIGHUP', 0],
  ] as const)('%s ends the forward and terminates its session', async (signal, status) => {
    const before = terminated();
    const forward = new CliProcess(FORWARD, { env: sandbox().env });
    await forward.until('stdout', /forward-ready.*\n/);
    forward.kill(signal);
    expect(await forward.finished).toMatchObject({ status });
    expect(terminated()).toBe(before + 1);
  });

  const env = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], HOME: folder, ...sandbox().env });

  /** A parent process that starts a forward, prints the pid of the forward, and waits to be killed. */
  function starter(script: string): Promise<{ readonly pid: number; kill(): Promise<void> }> {
    const child = spawn(process.execPath, ['-e', script], {
      env: env(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return new Promise((resolve) => {
      child.stdout.once('data', (text: Buffer) => {
        const pid = Number(text.toString());
        started.push(pid);
        resolve({
          pid,
          kill: () =>
            new Promise((done) => {
              child.once('exit', () => done());
              child.kill('SIGKILL');
            }),
        });
      });
    });
  }

  const spawnForward = (stdio: string): string =>
    `const forward = require('node:child_process').spawn(process.execPath, ${JSON.stringify([ENTRY, ...FORWARD])}, { stdio: ${stdio} });
     const { readFileSync } = require('node:fs');
     const timer = setInterval(() => {
       if (!readFileSync(${JSON.stringify(join(folder, 'log'))}, 'utf8').includes('forward-ready')) return;
       clearInterval(timer);
       process.stdout.write(String(forward.pid));
     }, 20);
     setInterval(() => {}, 1000);`;

  it.each([
    ['holds the pipe of its stdin', `['pipe', log, log]`],
    ['reads the pipe of its stderr', `['ignore', log, 'pipe']`],
  ])(
    'whose parent process %s ends when the parent dies, although the forward receives no signal',
    async (_, stdio) => {
      writeFileSync(join(folder, 'log'), '');
      const parent = await starter(
        `const log = require('node:fs').openSync(${JSON.stringify(join(folder, 'log'))}, 'a');` +
          spawnForward(stdio),
      );
      const before = terminated();
      await parent.kill();
      await until(() => !isAlive(parent.pid));
      expect(terminated()).toBe(before + 1);
    },
  );

  it('whose parent process has died ends when the last reader of its output has gone too', async () => {
    writeFileSync(join(folder, 'log'), '');
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const reader = spawn('cat', [fifo], { stdio: 'ignore' });
    const parent = await starter(
      `const { openSync } = require('node:fs');
       const log = openSync(${JSON.stringify(join(folder, 'log'))}, 'a');
       const fifo = openSync(${JSON.stringify(fifo)}, 'w');
       ${spawnForward(`['ignore', log, fifo]`)}`,
    );
    const before = terminated();
    await parent.kill();
    expect(isAlive(parent.pid)).toBe(true);
    reader.kill();
    await until(() => !isAlive(parent.pid));
    expect(terminated()).toBe(before + 1);
  });

  it('that was started in the background, without a terminal or pipes, outlives its parent and a SIGHUP, and ends on SIGTERM', async () => {
    writeFileSync(join(folder, 'log'), '');
    const parent = await starter(
      `const log = require('node:fs').openSync(${JSON.stringify(join(folder, 'log'))}, 'a');` +
        spawnForward(`['ignore', log, log]`),
    );
    const before = terminated();
    await parent.kill();
    process.kill(parent.pid, 'SIGHUP');
    const [line = ''] = /^\{.*forward-ready.*$/m.exec(readFileSync(join(folder, 'log'), 'utf8')) ?? [];
    const { local } = JSON.parse(line) as {
      local: { port: number };
    };
    const answer = await fetch(`http://127.0.0.1:${local.port}/`);
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
    expect(terminated()).toBe(before);
    process.kill(parent.pid, 'SIGTERM');
    await until(() => !isAlive(parent.pid));
    expect(terminated()).toBe(before + 1);
  });
});

describe('a shell whose parent process dies', () => {
  it('terminates its session and gives the terminal back to the calling shell', async () => {
    const before = terminated();
    const outer = new PtyProcess(['--norc', '-i'], {
      env: { ...sandbox().env, PS1: 'outer> ' },
      program: '/bin/bash',
    });
    await outer.until(/outer> $/);
    outer.write(`sh -c '"${process.execPath}" "${ENTRY}" ${APP.join(' ')}; true'\r`);
    await outer.until(/app:# $/);
    const wrapper = childOf(outer.pid);
    const cli = childOf(wrapper);
    started.push(cli);
    process.kill(wrapper, 'SIGKILL');
    await until(() => !isAlive(cli));
    expect(terminated()).toBe(before + 1);
    await outer.type('stty -a\r', / icanon[\s\S]* echo /);
    outer.write('exit\r');
    await outer.exit();
  });

  const childOf = (pid: number): number =>
    Number(execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }));
});

describe('a terminal that is closed', () => {
  it.each([
    ['a shell', ['exec', 'orders-api', '--cluster', 'demo', '--container', 'app'], /[$#] $/],
    ['the picker', ['connect', '--cluster', 'demo'], /service in demo/],
    ['a forward', ['forward', 'orders-api', '--cluster', 'demo', '-L', '0:80'], /listening on/],
  ])('ends %s without a core dump', async (_, args, ready) => {
    const process = new PtyProcess(args, { env: sandbox().env });
    await process.until(ready);
    process.closeTerminal();
    expect(await process.exit()).toMatchObject({ signal: 0 });
  });
});

describe('a crash in the middle of a shell', () => {
  it('restores the terminal, terminates the session, and reports a defect', async () => {
    const trap = join(folder, 'trap.mjs');
    writeFileSync(trap, `process.on('SIGUSR2', () => { throw new Error('boom in the middle'); });`);
    const before = terminated();
    const command = `"${process.execPath}" --import "${trap}" "${ENTRY}" ${APP.join(' ')}`;
    const script = `stty -g > before; ${command}; echo "status $?"; stty -g > after; cmp before after && echo unchanged`;
    const shell = new PtyProcess(['-c', script], { env: sandbox().env, program: '/bin/bash' });
    await shell.until(/[$#] $/);
    const pid = await eventually(async () => {
      const found = readdirSync('/proc').find((name) => {
        const [, option, value] = readText(`/proc/${name}/cmdline`).split('\0');
        return option === '--import' && value === trap;
      });
      return Promise.resolve(found === undefined ? undefined : Number(found));
    });
    process.kill(pid, 'SIGUSR2');
    await shell.until(/boom in the middle[\s\S]*status 1\n[\s\S]*unchanged/);
    expect(terminated()).toBe(before + 1);
  });
});

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
};

describe('secrets', () => {
  /** Starts the sandbox behind a proxy that records every token that passes. */
  async function window(): Promise<{
    env: Record<string, string>;
    tokens: string[];
    readonly close: () => void;
  }> {
    const tokens: string[] = [];
    const target = new URL(sandbox().endpoint);
    const server = createServer((incoming, outgoing) => {
      const onward = request(
        {
          host: target.hostname,
          port: target.port,
          method: incoming.method,
          path: incoming.url,
          headers: incoming.headers,
        },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('end', () => {
            const body = Buffer.concat(parts);
            for (const match of body.toString().matchAll(/"[tT]okenValue":"([^"]+)"/g))
              tokens.push(match[1] ?? '');
            outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
            outgoing.end(body);
          });
        },
      );
      incoming.pipe(onward);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return {
      env: {
        ...sandbox().env,
        AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        TMPDIR: folder,
      },
      tokens,
      close: () => void server.close(),
    };
  }

  it('appear in no output with --debug and in no command line, and no file is left', async () => {
    const seen: string[] = [];
    const { env, tokens, close } = await window();
    const command = await cli([...APP, '--debug', '--', 'sh', '-c', 'echo done'], { env });
    expect(command).toMatchObject({ status: 0, stdout: 'done\n' });
    seen.push(command.stdout, command.stderr);

    const json = await cli([...APP, '--debug', '--json', '--', 'true'], { env });
    seen.push(json.stdout, json.stderr);

    const shell = new PtyProcess([...APP, '--debug'], { env });
    await shell.until(/[$#] $/);
    seen.push(
      readText(`/proc/${shell.pid}/cmdline`),
      readText(`/proc/${shell.pid}/environ`).replace(secretOf(env), ''),
    );
    shell.write('exit\r');
    await shell.exit();
    seen.push(shell.raw);

    const forward = new CliProcess([...FORWARD, '--debug'], { env });
    const [line] = await forward.until('stdout', /\{.*forward-ready.*\n/);
    const { port } = (JSON.parse(line) as { local: { port: number } }).local;
    seen.push(readText(`/proc/${forward.child.pid}/cmdline`));
    await (await fetch(`http://127.0.0.1:${port}/`)).text();
    // After the cut the forward resumes its session with another token.
    sandbox().faults.sessions.set('cut-client=after:1');
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.0\r\n\r\n');
    await forward.until('stderr', /resumed/);
    sandbox().faults.sessions.set();
    socket.destroy();
    forward.kill('SIGINT');
    const { stdout, stderr } = await forward.finished;
    seen.push(stdout, stderr);
    close();

    expect(tokens.length).toBeGreaterThanOrEqual(5);
    const everything = seen.join('\n');
    for (const secret of [...tokens, secretOf(env)]) expect(everything).not.toContain(secret);
    expect(readdirSync(folder)).toEqual([]);
  });
});

const secretOf = (env: Readonly<Record<string, string>>): string => env['AWS_SECRET_ACCESS_KEY'] ?? '';
