import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, PtyProcess } from '../support/cli-process.ts';
import { onPath, reportSkip } from '../support/on-path.ts';
import { ordersDatabase } from '../support/orders-database.ts';
import { testSandbox } from '../support/test-sandbox.ts';

/** Runs the AWS CLI and its session-manager-plugin unmodified against the sandbox, without our client. */

const aws = onPath('aws');
const missing = [
  ...(aws === undefined ? ['aws'] : []),
  ...(onPath('session-manager-plugin') === undefined ? ['session-manager-plugin'] : []),
];
if (missing.length > 0) reportSkip('sessions of the official clients', `${missing.join(', ')} not on PATH`);

const HOST = 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';
const sandbox = testSandbox();
const env = (): NodeJS.ProcessEnv => ({ ...process.env, ...sandbox().env, AWS_PAGER: '' });

async function ask<T>(...args: readonly string[]): Promise<T> {
  const { stdout } = await promisify(execFile)(aws ?? '', [...args, '--output', 'json'], { env: env() });
  return JSON.parse(stdout) as T;
}

/** The flags that select a container of orders-api. */
async function container(): Promise<readonly string[]> {
  const service = ['--cluster', 'demo', '--service-name', 'orders-api'];
  const { taskArns } = await ask<{ readonly taskArns: readonly string[] }>('ecs', 'list-tasks', ...service);
  return ['--cluster', 'demo', '--task', taskArns[0] ?? '', '--container', 'app'];
}

/**
 * Retried, because the plugin numbers its messages without a lock: when a key is typed at the moment of its first size
 * message, the plugin can lose a message, and the agent then waits for it for ever.
 */
describe.runIf(missing.length === 0)('the official clients', { retry: 3 }, () => {
  let instanceId = '';
  beforeAll(async () => {
    const up = await cli(['up', '--cluster', 'demo', '--db', 'orders-db', '--yes', '--json'], {
      env: sandbox().env,
    });
    ({ instanceId } = JSON.parse(up.stdout) as { instanceId: string });
  });
  afterAll(() => cli(['down', '--all', '--yes', '--force'], { env: sandbox().env }));

  it('aws ssm start-session: a shell on the bastion', async () => {
    const shell = new PtyProcess(['ssm', 'start-session', '--target', instanceId], {
      program: aws ?? '',
      env: sandbox().env,
    });
    await shell.until(/[$#] $/);
    await shell.type('echo on the bastion $((6*7))\r', /on the bastion 42\n/);
    shell.write('exit\r');
    expect(await shell.exit()).toMatchObject({ status: 0 });
  });

  it('aws ecs execute-command: a shell in the container', async () => {
    const target = await container();
    const shell = new PtyProcess(
      ['ecs', 'execute-command', ...target, '--interactive', '--command', '/bin/sh'],
      { program: aws ?? '', env: sandbox().env },
    );
    await shell.until(/[$#] $/);
    await shell.type('echo in the container $((6*7))\r', /in the container 42\n/);
    shell.write('exit\r');
    expect(await shell.exit()).toMatchObject({ status: 0 });
  });

  it('aws ecs execute-command: a command without a terminal', async () => {
    const args = [
      ...(await container()),
      '--interactive',
      '--command',
      '/bin/sh -c "echo from the container"',
    ];
    const { stdout } = await promisify(execFile)(aws ?? '', ['ecs', 'execute-command', ...args], {
      env: env(),
    });
    expect(stdout).toContain('from the container');
  });

  it('aws ssm start-session: SQL through a port session to the database', async () => {
    const parameters = JSON.stringify({ host: [HOST], portNumber: ['5432'], localPortNumber: ['0'] });
    const document = ['--document-name', 'AWS-StartPortForwardingSessionToRemoteHost'];
    const session = spawn(
      aws ?? '',
      ['ssm', 'start-session', '--target', instanceId, ...document, '--parameters', parameters],
      // Starts in a process group of its own, as in a terminal: the CLI leaves Ctrl-C to the plugin.
      { env: env(), stdio: ['ignore', 'pipe', 'inherit'], detached: true },
    );
    const ended = once(session, 'exit');
    let text = '';
    const port = await new Promise<number>((resolve, reject) => {
      session.stdout.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        const opened = /Port (\d+) opened/.exec(text)?.[1];
        if (opened !== undefined) resolve(Number(opened));
      });
      void ended.then(() => reject(new Error(`ended: ${text}`)));
    });
    const client = await ordersDatabase(port);
    expect((await client.query('SELECT count(*)::int AS orders FROM orders')).rows).toEqual([
      { orders: 420 },
    ]);
    await client.end();
    process.kill(-(session.pid ?? 0), 'SIGINT');
    await ended;
  });
});
