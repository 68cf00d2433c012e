import { describe, expect, it } from 'vitest';

import type { Task } from '../../../src/connect/ports.ts';
import { cli, type CliOutcome, type CliWorld } from '../../support/cli-in-process.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

const sandbox = testSandbox();
const FIRST = '1f0e9d8c7b6a45948372615049382716';
const SECOND = '2a3b4c5d6e7f48091a2b3c4d5e6f7081';
const exec = (args: readonly string[], world: Partial<CliWorld> = {}): Promise<CliOutcome> =>
  cli(['exec', '--cluster', 'demo', ...args], { env: sandbox().env, ...world });
const inShell = (script: string): readonly string[] => ['--', 'sh', '-c', script];
const all = (script: string, ...flags: readonly string[]): Promise<CliOutcome> =>
  exec(['orders-api', '--all', ...flags, ...inShell(script)]);
/** Succeeds in the first task, and ends with 3 in the second. */
const STATUSES = `case $ECS_CONTAINER_METADATA_URI_V4 in *${FIRST}*) exit 0;; *) exit 3;; esac`;
const objects = (text: string): readonly Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('exec --all', () => {
  it('prefixes each line with its task, keeps the streams apart, and ends with the worst status', async () => {
    const outcome = await all(`printf 'one\\ntwo'; echo oops >&2; ${STATUSES}`);
    expect(outcome.status).toBe(3);
    expect(outcome.stdout.split('\n').sort()).toEqual(
      ['', '1f0e9d8c one', '1f0e9d8c two', '2a3b4c5d one', '2a3b4c5d two'].sort(),
    );
    expect(outcome.stderr).toContain('1f0e9d8c oops\n');
    expect(outcome.stderr).toContain('2a3b4c5d oops\n');
    expect(outcome.stderr).toContain('2 tasks: not 0 in 1: 2a3b4c5d with 3');
  });

  it('prints one JSON object for each task', async () => {
    const outcome = await all(`echo out; echo err >&2; printf '\\377' >&2; ${STATUSES}`, '--json');
    expect(outcome.status).toBe(3);
    const found = objects(outcome.stdout);
    expect(found).toHaveLength(2);
    for (const [task, status] of [
      [FIRST, 0],
      [SECOND, 3],
    ])
      expect(found).toContainEqual({
        task,
        container: 'app',
        status,
        stdout: 'out\n',
        stderrBase64: Buffer.from('err\n\xff', 'latin1').toString('base64'),
      });
  });

  it('gives each command an empty stdin', async () => {
    expect(await all('cat; echo done')).toMatchObject({ status: 0 });
  });

  it('watches all its tasks with one DescribeTasks for each look', async () => {
    const calls: (readonly string[])[] = [];
    let began = false;
    let enough: () => void = () => undefined;
    const looked = new Promise<void>((resolve) => (enough = resolve));
    const signals = new FakeSignals();
    const outcome = exec(['orders-api', '--all', ...inShell('echo begun; exec sleep 60')], {
      signals,
      onStdout: (text) => {
        began = text.split('begun').length > 2;
      },
      account: (account) => ({
        ...account,
        async ecs() {
          const ecs = await account.ecs();
          return {
            ...ecs,
            describeTasks: (cluster, arns) => {
              if (began) calls.push(arns);
              if (calls.length === 3) enough();
              return ecs.describeTasks(cluster, arns);
            },
          };
        },
      }),
    });
    await looked;
    signals.raise('SIGINT');
    await outcome;
    for (const arns of calls.slice(0, 3))
      expect(new Set(arns.map((arn) => arn.split('/').at(-1)))).toEqual(new Set([FIRST, SECOND]));
  });

  it('runs in the named tasks only', async () => {
    const named = await exec(['--task', '1f0e,2a3b', ...inShell('echo here')]);
    expect(named.stdout.split('\n').sort()).toEqual(['', '1f0e9d8c here', '2a3b4c5d here']);
    const twice = await exec(['--task', `1f0e,${FIRST}`, ...inShell('echo here')]);
    expect(twice.stdout).toBe('1f0e9d8c here\n');
  });

  it('lists the candidates of a part of a name where nobody can be asked, before a session starts', async () => {
    const outcome = await exec(['orders', '--all', ...inShell('echo here')]);
    expect(outcome.status).toBe(3);
    expect(outcome.stdout).toBe('');
    expect(outcome.stderr).toContain('orders-api');
  });

  it('a task in which the command cannot run does not stop the others', async () => {
    const changed = (task: Task): Task => (task.id === SECOND ? { ...task, execEnabled: false } : task);
    const outcome = await exec(['orders-api', '--all', '--json', ...inShell('echo here')], {
      account: (account) => ({
        ...account,
        async ecs() {
          const ecs = await account.ecs();
          return {
            ...ecs,
            describeTasks: async (...args) => (await ecs.describeTasks(...args)).map(changed),
          };
        },
      }),
    });
    expect(outcome.status).toBe(1);
    const found = objects(outcome.stdout);
    expect(found).toContainEqual({ task: FIRST, container: 'app', status: 0, stdout: 'here\n', stderr: '' });
    expect(found).toContainEqual(
      expect.objectContaining({ task: SECOND, error: expect.objectContaining({ code: 'exec-not-enabled' }) }),
    );
  });

  it.each([
    [['orders-api', '--all'], 'command-needed'],
    [['orders-api', '--all', '-t', '--', 'ls'], 'conflicting-option'],
    [['orders-api', '--all', '-i', '--', 'ls'], 'conflicting-option'],
    [['--task', '1f0e,ffff', '--', 'ls'], 'task-not-found'],
    [['--all', '--', 'ls'], 'service-needed'],
    [['orders-api', '--all', '--container', 'nobody', '--json', '--', 'ls'], undefined],
  ])('refuses %j: %s', async (args, code) => {
    const outcome = await exec([...(args.includes('--json') ? [] : ['--json']), ...args]);
    expect(outcome.status).not.toBe(0);
    if (code === undefined)
      expect(objects(outcome.stdout)[0]).toMatchObject({ error: { code: 'container-not-found' } });
    else expect(outcome.stderr).toContain(`"code":"${code}"`);
  });
});

describe('a Windows container', () => {
  const windows: Partial<CliWorld> = {
    account: (account) => ({
      ...account,
      async ecs() {
        const ecs = await account.ecs();
        return {
          ...ecs,
          describeTasks: async (...args) =>
            (await ecs.describeTasks(...args)).map((task) => ({
              ...task,
              platformFamily: 'WINDOWS_SERVER_2022_FULL',
            })),
          executeCommand: () => Promise.reject(new Error('no session may start')),
        };
      },
    }),
  };

  it.each([
    ['a command', ['orders-api', '--', 'dir']],
    ['a command with a terminal', ['orders-api', '--tty', '--', 'dir']],
    ['a script on stdin', ['orders-api']],
    ['a command in several tasks', ['orders-api', '--all', '--', 'dir']],
  ])('%s is refused before a session starts', async (_, args) => {
    const outcome = await exec(['--container', 'app', ...args], windows);
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain('WINDOWS_SERVER_2022_FULL');
    expect(outcome.stderr).toContain('needs a POSIX shell');
  });
});

describe('a forward through a task, which ECS Exec does not log', () => {
  const forward = (...args: readonly string[]): Promise<CliOutcome> => {
    const signals = new FakeSignals();
    const onStdout = (text: string): void => {
      if (text.includes('forward-ready')) signals.raise('SIGTERM');
    };
    const words = ['forward', 'orders-api', '--cluster', 'demo', '--json', ...args];
    return cli(words, { env: sandbox().env, signals, onStdout });
  };
  const notes = (text: string): number => text.split('"code":"route-unlogged"').length - 1;

  it('says so once, and --require-logged refuses it before a session starts', async () => {
    const told = await forward('-L', '0:8080', '-L', '0:8081');
    expect(notes(told.stderr)).toBe(1);
    const before = sandbox().calls.filter(({ action }) => action === 'StartSession').length;
    const refused = await forward('-L', '0:8080', '--require-logged');
    expect([refused.status, notes(refused.stderr)]).toEqual([2, 1]);
    expect(sandbox().calls.filter(({ action }) => action === 'StartSession')).toHaveLength(before);
  });
});
