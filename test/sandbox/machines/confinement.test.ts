import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Confinement, findConfinement } from '../../../src/sandbox/machines/confinement.ts';
import { startProcess } from '../../../src/sandbox/machines/process.ts';
import { startTerminal } from '../../../src/sandbox/machines/terminal.ts';
import {
  DescribeTasksCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
} from '@aws-sdk/client-ecs';
import { startSandbox } from '../../../src/sandbox/sandbox.ts';
import { SUBNET } from '../../../src/sandbox/world/seed-network.ts';
import { eventually } from '../../support/eventually.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { finish, TerminalText } from '../support/machine-streams.ts';
import { reportSkip } from '../../support/on-path.ts';

const confinement = await findConfinement();
const root = mkdtempSync(join(tmpdir(), 'confinement-'));
const outside = mkdtempSync(join(tmpdir(), 'confinement-'));
mkdirSync(join(root, 'tmp'));
writeFileSync(join(outside, 'secret'), 'x');
afterAll(() => {
  for (const directory of [root, outside]) rmSync(directory, { recursive: true, force: true });
});

const env = { PATH: '/usr/local/bin:/usr/bin:/bin', TERM: 'dumb', PS1: '$ ' };
const sh = async (script: string) => {
  const wrap = (confinement as Confinement).wrap(
    { file: '/bin/sh', args: ['-c', script], cwd: root, env },
    root,
  );
  return finish(await startProcess(wrap));
};

if (confinement === undefined) reportSkip('namespaces', 'unprivileged namespaces do not work here');
describe.skipIf(confinement === undefined)('namespaces', () => {
  it('hide the user’s files, and allow writing only to the container’s directory', async () => {
    expect(
      await sh(`ls -A ${homedir()} ${outside} | grep -c secret; echo yes > ${root}/own && cat ${root}/own`),
    ).toMatchObject({
      stdout: '0\nyes\n',
      code: 0,
    });
    for (const place of ['/', '/etc', '/usr'])
      expect((await sh(`echo x > ${place}/confinement-probe`)).code, place).not.toBe(0);
  });

  it('give the container a /tmp of its own, which its later programs see', async () => {
    expect(await sh('echo kept >/tmp/file; echo too >/var/tmp/other')).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(await sh('cat /tmp/file /tmp/other')).toMatchObject({ stdout: 'kept\ntoo\n', code: 0 });
  });

  it('hide the processes of the machine, and preserve the status, streams and arguments of a command', async () => {
    expect(await sh(`kill -0 ${process.pid}`)).toMatchObject({ code: 1 });
    expect(await sh(`echo 'a  "b"'; echo err >&2; exit 7`)).toEqual({
      stdout: 'a  "b"\n',
      stderr: 'err\n',
      code: 7,
      signal: undefined,
    });
  });

  it('contain a whole container, whose PATH begins with programs that refuse to run', async () => {
    const sandbox = await startSandbox({ confine: true });
    try {
      const { config } = sandboxClients(sandbox.env);
      const ecs = new ECSClient(config);
      const command = [
        'sh',
        '-c',
        'mount; ls -A $HOME/..; echo pid $$ of $(ls -d /proc/[0-9]* | wc -l); exit 4',
      ];
      await ecs.send(
        new RegisterTaskDefinitionCommand({
          family: 'confined',
          cpu: '256',
          memory: '512',
          networkMode: 'awsvpc',
          executionRoleArn: 'arn:aws:iam::111122223333:role/demo-task-execution',
          containerDefinitions: [
            {
              name: 'app',
              image: 'a',
              command,
              logConfiguration: {
                logDriver: 'awslogs',
                options: {
                  'awslogs-group': '/ecs/ledger',
                  'awslogs-region': 'eu-west-1',
                  'awslogs-stream-prefix': 'c',
                },
              },
            },
          ],
        }),
      );
      const awsvpcConfiguration = { subnets: [SUBNET.mainPrivateA] };
      const { tasks = [] } = await ecs.send(
        new RunTaskCommand({
          cluster: 'demo',
          taskDefinition: 'confined',
          networkConfiguration: { awsvpcConfiguration },
        }),
      );
      const task = tasks[0]?.taskArn ?? '';
      const stopped = await eventually(async () => {
        const found = await ecs.send(new DescribeTasksCommand({ cluster: 'demo', tasks: [task] }));
        return found.tasks?.[0]?.lastStatus === 'STOPPED' ? found.tasks[0] : undefined;
      });
      expect(stopped.containers?.[0]?.exitCode).toBe(4);
      const lines =
        sandbox.logs.group('/ecs/ledger')?.streams.get(`c/app/${task.split('/').at(-1)}`)?.events ?? [];
      const text = lines.map(({ message }) => message).join('\n');
      expect(text).toMatch(/mount: not permitted/);
      expect(text).toMatch(/^pid \d{1,2} of [1-9]$/m);
    } finally {
      await sandbox.close();
    }
  });

  it('do not affect Ctrl-C and job control of a terminal', async () => {
    const wrap = (confinement as Confinement).wrap({ file: '/bin/sh', args: ['-i'], cwd: root, env }, root);
    const terminal = await startTerminal(wrap, { columns: 80, rows: 24 });
    const text = new TerminalText(terminal);
    text.type('echo re""ady; sleep 600\n');
    await text.until(/ready/);
    // The signal has no effect before the shell has started the program; in that case Ctrl-C is typed again.
    const again = setInterval(() => text.type('\u0003echo st""ill here\n'), 300);
    await text.until(/still here/);
    clearInterval(again);
    terminal.kill();
  });
});
