import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { DescribeTasksCommand, ECSClient, ListTasksCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
import { cli, CliProcess, ENTRY, PtyProcess } from '../support/cli-process.ts';
import { until } from '../support/eventually.ts';
import { sandboxClients } from '../support/sandbox-clients.ts';
import { testSandbox } from '../support/test-sandbox.ts';

const sandbox = testSandbox();
const APP = ['exec', 'orders-api', '--cluster', 'demo', '--container', 'app'];

describe('a shell in a container, in a real terminal', () => {
  it('runs what is typed, follows the window size, sends Ctrl-C to the container, and ends with exit', async () => {
    const shell = new PtyProcess(APP, { env: sandbox().env, columns: 101, rows: 33 });
    await shell.until(/[$#] $/);
    await shell.type('echo six times seven is $((6*7))\r', /six times seven is 42\n/);
    await shell.type('stty size\r', /33 101/);
    shell.resize(77, 21);
    // The new size travels as a message of its own: a loop in the shell waits until the size has changed.
    await shell.type('until [ "$(stty size)" = "21 77" ]; do sleep 0.05; done; echo resi"zed"\r', /resized/);
    await shell.type(`sh -c 'echo beg""un; exec sleep 1000'\r`, /begun\n/);
    await shell.type('\x03', /\^C[\s\S]*[$#] $/);
    await shell.type('echo still he"re"\r', /still here/);
    shell.write('exit\r');
    expect(await shell.exit()).toEqual({ status: 0, signal: 0 });
  });

  it('carries UTF-8, control characters and a paste of many lines unchanged', async () => {
    const shell = new PtyProcess(APP, { env: sandbox().env });
    await shell.until(/[$#] $/);
    await shell.type(
      'printf "%s\\n" "grüße→世界" | od -An -tx1\r',
      /67 72 c3 bc c3 9f 65 e2 86 92 e4 b8 96 e7 95 8c/,
    );
    const lines = Array.from({ length: 200 }, (_, i) => `echo line-$((${i}+1))`).join('\r');
    await shell.type(`${lines}\recho do"ne"\r`, /line-200\n[\s\S]*done\n/);
    shell.write('\x04');
    expect((await shell.exit()).status).toBe(0);
  });

  const inBash = (): PtyProcess => {
    const command = `"${process.execPath}" "${ENTRY}" ${APP.join(' ')}`;
    const script = `stty -g > before; ${command}; echo "status $?"; stty -g > after; cmp before after && echo unchanged`;
    return new PtyProcess(['-c', script], { env: sandbox().env, program: '/bin/bash' });
  };

  it('restores the terminal after a normal end', async () => {
    const shell = inBash();
    await shell.until(/[$#] $/);
    shell.write('exit\r');
    await shell.until(/status 0\n[\s\S]*unchanged/);
  });

  it.each([
    ['SIGTERM', 130],
    ['SIGHUP', 130],
  ] as const)('restores the terminal after %s and terminates the session', async (signal, status) => {
    const shell = inBash();
    await shell.until(/[$#] $/);
    const child = Number(execFileSync('pgrep', ['-P', String(shell.pid)], { encoding: 'utf8' }));
    const terminated = (): number =>
      sandbox().calls.filter((call) => call.action === 'TerminateSession').length;
    const before = terminated();
    process.kill(child, signal);
    await shell.until(new RegExp(`status ${status}\\n[\\s\\S]*unchanged`));
    expect(terminated()).toBe(before + 1);
  });

  it('ends a shell that does not respond with ~. and lists the escapes with ~?', async () => {
    const shell = new PtyProcess(APP, { env: sandbox().env });
    await shell.until(/[$#] $/);
    await shell.type('sleep 1000\r', /sleep 1000/);
    await shell.type('\r~?', /~\./);
    shell.write('\r~.');
    expect((await shell.exit()).status).toBe(0);
    expect(shell.text).toMatch(/session/i);
  });
});

describe('a task that stops', () => {
  const why = (task: string): string => `task ${task} has stopped: bad deploy: app exit 143`;

  /** The ARN of a task by the start of its id, and the call that stops it. */
  async function stopper(id: string) {
    const tasks = new ECSClient(sandboxClients(sandbox().env).config);
    const { taskArns = [] } = await tasks.send(new ListTasksCommand({ cluster: 'demo' }));
    const task = taskArns.find((each) => each.includes(`/${id}`)) ?? '';
    return {
      task,
      stop: () => tasks.send(new StopTaskCommand({ cluster: 'demo', task, reason: 'bad deploy' })),
      isStopped: async () => {
        const described = await tasks.send(new DescribeTasksCommand({ cluster: 'demo', tasks: [task] }));
        return described.tasks?.[0]?.lastStatus === 'STOPPED';
      },
    };
  }

  it('ends its shell with 255, the reason and a usable terminal, although its session stays open', async () => {
    sandbox().faults.sessions.set('target-stops=silent');
    const shell = new PtyProcess(APP, { env: sandbox().env });
    await shell.until(/[$#] $/);
    await shell.type(`printf '\\033[?1049h\\033[?1003h\\033[?2004h'; echo al"ive"\r`, /alive/);
    const id = /using task (\w+)/.exec(shell.text)?.[1] ?? '';
    const { stop, isStopped } = await stopper(id);
    await stop();
    await until(isStopped);
    // A key without an answer shows that the agent is gone.
    shell.write('x');
    expect(await shell.exit()).toEqual({ status: 255, signal: 0 });
    expect(shell.text).toMatch(new RegExp(`\nerror: ${why(id)}`));
    for (const mode of [1049, 1003, 2004]) expect(shell.raw).toContain(`\u001b[?${mode}l`);
    sandbox().faults.sessions.set();
  });

  it('ends its command with 255 and the reason', async () => {
    const words = ['--', 'sh', '-c', 'echo up; exec sleep 1000'];
    const command = new CliProcess([...APP, ...words], { env: sandbox().env });
    await command.until('stdout', /up/);
    const id = /using task (\w+)/.exec(command.stderr)?.[1] ?? '';
    await (await stopper(id)).stop();
    const { status, stderr } = await command.finished;
    expect(stderr).toContain(`error: ${why(id)}`);
    expect(status).toBe(255);
  });
});

describe('a command in a container', () => {
  it('sees the size of the terminal at its start, and returns its exit status', async () => {
    const command = new PtyProcess([...APP, '--', 'sh', '-c', 'stty size; exit 7'], {
      env: sandbox().env,
      columns: 101,
      rows: 33,
    });
    await command.until(/33 101/);
    expect((await command.exit()).status).toBe(7);
  });

  it('returns its exit status, and stdout holds only its output', async () => {
    const env = sandbox().env;
    const ok = await cli([...APP, '--', 'echo', 'hello   world', "it's; $HOME `x`"], { env });
    expect(ok).toMatchObject({ status: 0, stdout: "hello   world it's; $HOME `x`\n" });
    const failing = await cli([...APP, '--', 'sh', '-c', 'echo out; exit 42'], { env });
    expect(failing).toMatchObject({ status: 42, stdout: 'out\n' });
    const missing = await cli([...APP, '--', 'no-such-program'], { env });
    expect(missing.status).toBe(127);
  });
});
