import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { findConfinement } from '../../../src/sandbox/machines/confinement.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { ContainerLaunch } from '../../../src/sandbox/contracts.ts';
import { createContainerMachine } from '../../../src/sandbox/machines/container-machine.ts';
import { HOST_PROGRAMS } from '../../../src/sandbox/machines/stand-ins/host-programs.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { VpcNetwork } from '../../../src/sandbox/world/vpc-network.ts';
import { until } from '../../support/eventually.ts';
import { finish, TerminalText } from '../support/machine-streams.ts';
import { reportSkip } from '../../support/on-path.ts';

const seed = defaultSeed();
const service = seed.services.find((item) => item.name === 'orders-api')!;
const task = service.tasks[0]!;
const definition = seed.taskDefinitions.find((item) => item.family === 'orders-api')!;
const launch: ContainerLaunch = {
  target: `ecs:demo_${task.id}_${task.containers[0]!.runtimeId!}`,
  region: seed.region,
  accountId: seed.accountId,
  cluster: 'demo',
  service: 'orders-api',
  taskArn: `arn:aws:ecs:eu-west-1:111122223333:task/demo/${task.id}`,
  taskDefinition: definition,
  container: definition.containers[0]!,
  privateIp: task.privateIp,
  subnetId: task.subnetId,
  securityGroupIds: service.securityGroups,
};
const network = new VpcNetwork({
  vpcs: seed.vpcs,
  region: seed.region,
  policy: { allows: () => true },
  clock: systemClock,
  blockedTimeoutMs: 5,
});

const started: ReturnType<typeof createContainerMachine>[] = [];
const start = (): ReturnType<typeof createContainerMachine> => {
  const machine = createContainerMachine(launch, network);
  started.push(machine);
  return machine;
};
afterEach(async () => {
  for (const machine of started.splice(0)) await machine.stop();
});

describe('a command in a container', () => {
  it('runs without a shell, with separate streams, and returns its exit code', async () => {
    const machine = start();
    const result = await finish(await machine.process(`sh -c 'echo "$0 out"; echo err >&2; exit 7' it`));
    expect(result).toEqual({ stdout: 'it out\n', stderr: 'err\n', code: 7, signal: undefined });
    expect((await finish(await machine.process('echo $HOME && exit'))).stdout).toBe('$HOME && exit\n');
  });

  it('sees the environment of the task definition and none of our variables', async () => {
    const { stdout } = await finish(await start().process('env'));
    const names = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => line.slice(0, line.indexOf('=')));
    expect(stdout).toContain('PORT=8080');
    expect(stdout).toContain('PAYMENT_PROVIDER_KEY=sandbox-secret-payment_provider_key');
    expect(stdout).toMatch(
      /ECS_CONTAINER_METADATA_URI_V4=http:\/\/169\.254\.170\.2\/v4\/[0-9a-f]{32}-\d{10}/,
    );
    expect(names.filter((name) => /VITEST|npm_|NODE_OPTIONS|SSH_|USER/.test(name))).toEqual([]);
  });

  it('finds realistic files in its working directory', async () => {
    const { stdout } = await finish(await start().process('cat VERSION log/app.log'));
    expect(stdout).toContain('orders-api:2.14.0');
    expect(stdout).toContain('listening on 0.0.0.0:8080');
  });

  it('fails for an unknown program with the message of the agent', async () => {
    const machine = start();
    await expect(
      machine.terminal({ command: '/bin/nosuch --x', columns: 80, rows: 24 }),
    ).rejects.toMatchObject({
      kind: 'not-found',
      message: 'Failed to start pty: fork/exec /bin/nosuch: no such file or directory',
    });
    await expect(machine.process('nosuch')).rejects.toMatchObject({
      kind: 'not-found',
      message: 'Failed to start pty: exec: "nosuch": executable file not found in $PATH',
    });
  });

  it('receives signals as a process group', async () => {
    const process = await start().process(`sh -c 'sleep 1000 & echo ready; wait'`);
    const ended = finish(process);
    process.onStdout(() => process.kill('SIGTERM'));
    expect(await ended).toMatchObject({ stdout: 'ready\n', signal: 15 });
  });
});

describe('programs that would end or change the host', () => {
  it('are refused by name, from the command line and from a shell', async () => {
    const machine = start();
    for (const command of [
      'reboot',
      'sh -c "halt -p"',
      'sh -c "exec systemctl poweroff"',
      'apt-get install x',
    ])
      expect(await finish(await machine.process(command))).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('runs on your own machine'),
      });
  });

  it('come first in PATH', async () => {
    const look = HOST_PROGRAMS.map((name) => `command -v ${name}`).join('; ');
    const { stdout } = await finish(await start().process(`sh -c '${look}'`));
    const found = stdout.trim().split('\n');
    expect(found).toHaveLength(HOST_PROGRAMS.length);
    expect(found.filter((path) => !path.includes('/.stand-ins/bin/'))).toEqual([]);
  });
});

describe('a terminal in a container', () => {
  it('is a real pty: prompt, size, resize, interrupt, exit code', async () => {
    const terminal = await start().terminal({ columns: 101, rows: 31 });
    const screen = new TerminalText(terminal);
    await screen.until(/app:\$ /);
    screen.type('stty size\r');
    await screen.until(/31 101\r\napp:\$ $/);
    terminal.resize(120, 40);
    screen.type('stty size\r');
    await screen.until(/40 120\r\napp:\$ $/);
    // The child itself prints that it runs: an interrupt while the shell still forks would not reach it.
    screen.type(`sh -c 'echo begun; exec sleep 1000'\r`);
    await screen.until(/^begun/m);
    screen.type('\u0003');
    // The interrupt discards input that was typed before the signal is handled.
    await screen.until(/\^C[\s\S]*app:\$ $/);
    screen.type('echo "after $?"\r');
    await screen.until(/after 130/);
    screen.type('exit 5\r');
    expect(await screen.exit).toEqual({ code: 5, signal: undefined });
  });

  it('passes bytes through unchanged', async () => {
    const screen = new TerminalText(
      await start().terminal({ command: `printf 'h\\303\\251\\377.'`, columns: 80, rows: 24 }),
    );
    await screen.exit;
    expect(screen.text).toBe('hé\ufffd.');
  });

  it('blocks the program while paused', async () => {
    const terminal = await start().terminal({
      command: `sh -c 'i=0; while [ $i -lt 40000 ]; do echo line-$i; i=$((i+1)); done; echo done'`,
      columns: 80,
      rows: 24,
    });
    let bytes = 0;
    let text = '';
    let paused = false;
    await new Promise<void>((resolve) => {
      terminal.onExit(() => resolve());
      terminal.onData((data) => {
        expect(paused).toBe(false);
        bytes += data.length;
        text = (text + Buffer.from(data).toString()).slice(-20);
        if (bytes % 7 !== 0) return;
        terminal.pause();
        paused = true;
        setImmediate(() => {
          paused = false;
          terminal.resume();
        });
      });
    });
    expect(text).toMatch(/done\r\n$/);
  });

  it('loses no output of a program that ended before its reader resumed', async () => {
    const terminal = await start().terminal({
      command: `sh -c 'i=0; while [ $i -lt 600 ]; do echo line-$i; i=$((i+1)); done'`,
      columns: 80,
      rows: 24,
    });
    let text = '';
    const ended = new Promise<void>((resolve) => terminal.onExit(() => resolve()));
    await new Promise<void>((resolve) => {
      terminal.onData((data) => {
        text += Buffer.from(data).toString();
        terminal.pause();
        resolve();
      });
    });
    // Longer than the pty package waits by default.
    await new Promise((resolve) => setTimeout(resolve, 400));
    terminal.onData((data) => (text += Buffer.from(data).toString()));
    terminal.resume();
    await ended;
    expect(text).toMatch(/line-599\r\n$/);
  });

  it('ends with its processes when killed', async () => {
    const terminal = await start().terminal({ command: 'sleep 1000', columns: 80, rows: 24 });
    const screen = new TerminalText(terminal);
    terminal.kill();
    expect((await screen.exit).signal).toBeGreaterThan(0);
  });
});

describe('a container that stops', () => {
  it('leaves neither files nor processes, not even detached processes', async () => {
    const machine = start();
    const { stdout } = await finish(
      await machine.process(`sh -c 'setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $!; pwd'`),
    );
    const [pid = '', directory = ''] = stdout.trim().split('\n');
    await machine.stop();
    expect(existsSync(directory)).toBe(false);
    const isAlive = (): boolean => {
      try {
        return !/ Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      } catch {
        return false;
      }
    };
    // The signal is sent, but the kernel may need a moment.
    await until(() => !isAlive());
  });
});

const confinement = await findConfinement();

if (confinement === undefined)
  reportSkip('the names of the VPC in a confined container', 'unprivileged namespaces do not work here');
describe.skipIf(confinement === undefined)('the names of the VPC in a confined container', () => {
  const open = 'orders.rds.amazonaws.com';
  const closed = 'billing.rds.amazonaws.com';

  it('lead its programs to the databases that its security groups may reach', async () => {
    const server = createServer((socket) => socket.end('hello\n')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const vpc = new VpcNetwork({
      vpcs: seed.vpcs,
      region: seed.region,
      policy: { allows: (_, { privateIp }) => privateIp === '10.0.1.200' },
      clock: systemClock,
      blockedTimeoutMs: 5,
    });
    for (const [privateIp, name] of [
      ['10.0.1.200', open],
      ['10.0.1.201', closed],
    ] as const)
      vpc.attach({
        privateIp,
        securityGroupIds: [],
        names: [name],
        listeners: new Map([[5432, () => Promise.resolve(port)]]),
      });
    const machine = createContainerMachine(launch, vpc, confinement);
    started.push(machine);
    const ask = async (name: string) =>
      finish(await machine.process(`bash -c 'exec 3<>/dev/tcp/${name}/5432 && cat <&3'`));
    expect(await ask(open)).toMatchObject({ stdout: 'hello\n', code: 0 });
    expect(await ask(closed)).toMatchObject({ stdout: '' });
    server.close();
  });
});
