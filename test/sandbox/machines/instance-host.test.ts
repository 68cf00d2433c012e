import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { renderUserData, USER_DATA_FILES } from '../../../src/provision/bastion/user-data.ts';
import type { BootedInstance, InstanceLaunch, Machine } from '../../../src/sandbox/contracts.ts';
import type { BootFault } from '../../../src/sandbox/machines/stand-ins/package-tools.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { createWorld, type World, type WorldOptions } from '../../../src/sandbox/world/world.ts';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { Deferred } from '../../../src/core/deferred.ts';
import { eventually, until } from '../../support/eventually.ts';
import { finish, TerminalText } from '../support/machine-streams.ts';

const seed = defaultSeed();
const files = Object.fromEntries(
  USER_DATA_FILES.map((name) => [
    name,
    readFileSync(join(import.meta.dirname, '../../../userdata', name), 'utf8'),
  ]),
);
const FAR_FUTURE = 4_000_000_000;

const worlds: World[] = [];
function newWorld(options: Partial<WorldOptions> = {}): World {
  const world = createWorld({
    seed,
    policy: { allows: () => true },
    blockedTimeoutMs: 10,
    hostPath: '',
    ...options,
  });
  worlds.push(world);
  return world;
}
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

interface Launched {
  readonly world: World;
  readonly instanceId: string;
  readonly booted: Promise<BootedInstance>;
  readonly shutdown: Promise<void>;
  readonly metadata: {
    tags: Record<string, string>;
    interruption: { readonly action: 'terminate'; readonly time: Date } | undefined;
  };
  console(): string;
  /** Resolves when the console output contains the text. */
  said(text: string): Promise<void>;
}

/** The scaled timers of systemd are longer than that, and retries between programs of the machine are shorter. */
const SHORT_MS = 50;

/**
 * Longer timers begin once the machine has booted: the lease counts minutes of a boot that takes seconds, but with a
 * `timeScale` it would be over before the boot script of a busy machine has ended.
 */
function afterBoot(booted: Promise<unknown>): Clock {
  return {
    now: () => systemClock.now(),
    timer(ms, fn) {
      if (ms < SHORT_MS) return systemClock.timer(ms, fn);
      let isCancelled = false;
      let cancel = (): void => undefined;
      const begin = (): void => {
        if (!isCancelled) cancel = systemClock.timer(ms, fn);
      };
      void booted.then(begin, begin);
      return () => {
        isCancelled = true;
        cancel();
      };
    },
  };
}

let nextInstance = 1;
function launch(
  options: Partial<WorldOptions> = {},
  of: Partial<InstanceLaunch> & {
    cluster?: string | undefined;
    expiresAt?: number;
    idle?: number;
    ipv6?: boolean;
  } = {},
): Launched {
  const ready = new Deferred<unknown>();
  const world = newWorld({ clock: afterBoot(ready.promise), ...options });
  const instanceId = `i-${String(nextInstance++).padStart(17, '0')}`;
  const metadata: Launched['metadata'] = { tags: {}, interruption: undefined };
  let shut = (): void => undefined;
  const shutdown = new Promise<void>((resolve) => (shut = resolve));
  const booted = world.instances.boot({
    instanceId,
    architecture: 'arm64',
    instanceType: 't4g.micro',
    privateIp: '10.0.1.200',
    subnetId: seed.subnets[0]!.id,
    securityGroupIds: [],
    userData: renderUserData(files, {
      bastion: 'default',
      region: 'eu-west-1',
      cluster: 'cluster' in of ? of.cluster : 'demo',
      expiresAt: of.expiresAt ?? FAR_FUTURE * 1000,
      idleMinutes: of.idle ?? 30,
      ipv6: of.ipv6 === true ? { dualStackDomain: 'api.aws' } : undefined,
    }),
    region: 'eu-west-1',
    roleEnv: () => ({ AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'ASIAEXAMPLE' }),
    metadata: () => metadata,
    onShutdown: shut,
    ...of,
  });
  ready.resolve(booted);
  const console_ = (): string => world.instances.consoleOutput(instanceId);
  return {
    world,
    instanceId,
    booted,
    shutdown,
    metadata,
    console: console_,
    said: (text) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (console_().includes(text)) resolve();
        };
        world.instances.onConsole(instanceId, look);
        look();
      }),
  };
}

async function machineOf(launched: Launched): Promise<Machine> {
  const { machine, userDataExitCode } = await launched.booted;
  expect(launched.console()).toContain('fargate-connect: ready');
  expect(userDataExitCode).toBe(0);
  return machine!;
}

const faulty = (...faults: BootFault[]): Partial<WorldOptions> => ({ bootFaults: () => new Set(faults) });
const run = async (machine: Machine, command: string): Promise<Awaited<ReturnType<typeof finish>>> =>
  finish(await machine.process(`sh -c '${command.replaceAll("'", `'\\''`)}'`));

describe('an instance that boots', () => {
  it('executes the real user data and is ready', async () => {
    const launched = launch();
    const machine = await machineOf(launched);
    const root = launched.world.instances.rootOf(launched.instanceId)!;
    expect(existsSync(join(root, 'usr/local/bin/ecs_connect.sh'))).toBe(true);
    expect(existsSync(join(root, 'etc/systemd/system/fargate-connect-lease.timer'))).toBe(true);
    const calls = launched.world.instances
      .callsOf(launched.instanceId)
      .map((call) => [call.program, ...call.args].join(' '));
    expect(calls).toContain('systemctl enable --now amazon-ssm-agent.service');
    expect(calls.filter((call) => call.startsWith('curl') && call.includes('linux_arm64'))).toHaveLength(2);
    expect(
      (await run(machine, 'command -v session-manager-plugin; session-manager-plugin --version')).stdout,
    ).toMatch(/\/usr\/local\/bin\/session-manager-plugin\n1\.2\.896\.0\n/);
    expect((await run(machine, 'uname -m; systemctl is-active amazon-ssm-agent')).stdout).toBe(
      'aarch64\nactive\n',
    );
  });

  it('downloads the package of its own architecture', async () => {
    const launched = launch({}, { architecture: 'x86_64' });
    await machineOf(launched);
    const calls = launched.world.instances.callsOf(launched.instanceId);
    expect(calls.some((call) => call.args.some((word) => word.includes('linux_64bit')))).toBe(true);
  });

  it('installs nothing when it serves only tunnels', async () => {
    const launched = launch({}, { cluster: undefined });
    const machine = await machineOf(launched);
    expect(launched.world.instances.callsOf(launched.instanceId).map((call) => call.program)).not.toContain(
      'rpm',
    );
    expect((await run(machine, 'command -v session-manager-plugin')).code).not.toBe(0);
  });

  it('gives a shell a prompt, a size and an environment without our variables', async () => {
    const launched = launch({}, { cluster: undefined });
    const machine = await machineOf(launched);
    const screen = new TerminalText(await machine.terminal({ columns: 90, rows: 20 }));
    await screen.until(/sh-5\.2\$ $/);
    screen.type('stty size; echo "$USER $AWS_ACCESS_KEY_ID ${VITEST:-clean}"\r');
    await screen.until(/20 90\r\nssm-user ASIAEXAMPLE clean/);
    screen.type('exit 3\r');
    expect((await screen.exit).code).toBe(3);
  });

  it('does not run user data without a shebang, as cloud-init does not', async () => {
    const launched = launch({}, { userData: 'echo not a script' });
    expect((await launched.booted).machine).toBeDefined();
    expect(launched.console()).toContain('Unhandled non-multipart');
  });
});

describe('an instance whose user data fails', () => {
  it.each<[BootFault, string]>([
    ['download-fails', 'FAILED download of https://s3.amazonaws.com/'],
    ['bad-signature', 'FAILED the signature of'],
    ['disk-full', 'FAILED download of'],
  ])('reports the reason on the console and has no agent: %s', async (fault, reason) => {
    const launched = launch(faulty(fault));
    const { machine, userDataExitCode } = await launched.booted;
    expect(machine).toBeUndefined();
    expect(userDataExitCode).toBe(1);
    expect(launched.console()).toContain(`fargate-connect: ${reason}`);
    expect(launched.console()).not.toContain('fargate-connect: ready');
  });

  it('cannot download from a subnet without a route to S3', async () => {
    const sealed = seed.subnets.find((subnet) => subnet.route === 'none')!;
    const launched = launch({}, { subnetId: sealed.id });
    expect((await launched.booted).machine).toBeUndefined();
    expect(launched.console()).toContain('is S3 reachable from this subnet?');
  });

  it('installs nothing that is signed by another key than the pinned one', async () => {
    const other = files['session-manager-plugin-signing-key.asc']!.replace(
      /^([A-Za-z0-9+/]{30})(.)/m,
      (_, before: string, char: string) => before + (char === 'A' ? 'B' : 'A'),
    );
    const text = renderUserData(
      { ...files, 'session-manager-plugin-signing-key.asc': other },
      { bastion: 'x', region: 'eu-west-1', cluster: 'demo', expiresAt: FAR_FUTURE * 1000, idleMinutes: 0 },
    );
    const launched = launch({}, { userData: text });
    expect((await launched.booted).machine).toBeUndefined();
    expect(launched.console()).toContain('FAILED the signature of');
  });
});

describe('an instance that ends', () => {
  it('is stopped while its user data hangs: boot resolves without a machine and no file is left', async () => {
    const end = new AbortController();
    const launched = launch(faulty('hang'), { signal: end.signal });
    await launched.said('installing session-manager-plugin');
    const root = launched.world.instances.rootOf(launched.instanceId)!;
    end.abort();
    expect((await launched.booted).machine).toBeUndefined();
    await (await launched.booted).stop();
    expect(existsSync(root)).toBe(false);
  });

  it.each([
    ['cannot be installed', 'false'],
    ['hangs', 'sleep 600'],
  ])('ends soon after its user data has begun if the lease %s', async (_, instead) => {
    const text = renderUserData(files, {
      bastion: 'x',
      region: 'eu-west-1',
      cluster: undefined,
      expiresAt: FAR_FUTURE * 1000,
      idleMinutes: 0,
    }).replace('systemctl daemon-reload', () => instead);
    const launched = launch({ timeScale: 600, clock: systemClock }, { userData: text });
    await launched.shutdown;
    expect(launched.console()).not.toContain('fargate-connect: ready');
  });

  it('ends when its lease is over, with a message to its users', async () => {
    const launched = launch({ timeScale: 600 }, { cluster: undefined, expiresAt: 1000 });
    const machine = await machineOf(launched);
    const screen = new TerminalText(await machine.terminal({ columns: 80, rows: 24 }));
    await launched.shutdown;
    expect(launched.console()).toContain('fargate-connect: ending: its lease is over');
    await screen.until(/Broadcast message[\s\S]*this bastion ends now/);
  });

  it('ends when it is idle, but not while a user is connected', async () => {
    const launched = launch({ timeScale: 600 }, { cluster: undefined, idle: 3 });
    const machine = await machineOf(launched);
    const root = launched.world.instances.rootOf(launched.instanceId)!;
    const end = machine.beginSession?.('developer-0123456789abcdef0');
    const checks = (): number =>
      launched.world.instances.callsOf(launched.instanceId).filter((call) => call.program === 'pgrep').length;
    await until(() => checks() >= 5);
    const idle = (): string => readFileSync(join(root, 'run/fargate-connect/idle-minutes'), 'utf8');
    // The file is empty while a check writes it.
    expect(await eventually(() => idle() || undefined)).toBe('0\n');
    end?.();
    await launched.shutdown;
    expect(launched.console()).toContain('ending: no session for 3 minutes');
  });

  it('extends its lease when its tag changes', async () => {
    const launched = launch({ timeScale: 600 }, { cluster: undefined, expiresAt: 1000, idle: 4 });
    launched.metadata.tags['fargate-connect:expires-at'] = '2099-01-01T00:00:00Z';
    await machineOf(launched);
    await launched.shutdown;
    expect(launched.console()).toContain('ending: no session for 4 minutes');
    expect(launched.console()).not.toContain('its lease is over');
  });
});

describe('a spot interruption', () => {
  it('is announced on console and terminals, from the metadata service', async () => {
    const launched = launch({ timeScale: 50 }, { cluster: undefined });
    const machine = await machineOf(launched);
    const screen = new TerminalText(await machine.terminal({ columns: 80, rows: 24 }));
    launched.metadata.interruption = { action: 'terminate', time: new Date('2026-11-21T12:00:00Z') };
    await launched.said('fargate-connect: interrupted');
    expect(launched.console()).toContain('{"action":"terminate","time":"2026-11-21T12:00:00Z"}');
    await screen.until(/EC2 interrupts this spot instance/);
  });

  it('is announced over IPv6 alone too, and so is the end of the lease', async () => {
    const launched = launch(
      { timeScale: 600 },
      { cluster: undefined, ipv6: true, metadataOverIpv6: true, expiresAt: 1000, idle: 4 },
    );
    launched.metadata.tags['fargate-connect:expires-at'] = '2099-01-01T00:00:00Z';
    launched.metadata.interruption = { action: 'terminate', time: new Date('2026-11-21T12:00:00Z') };
    await machineOf(launched);
    await launched.said('fargate-connect: interrupted');
    await launched.shutdown;
    expect(launched.console()).toContain('ending: no session for 4 minutes');
    const asked = launched.world.instances
      .callsOf(launched.instanceId)
      .filter((call) => call.program === 'curl')
      .map((call) => call.args.join(' '));
    expect(asked).toContainEqual(expect.stringContaining('http://[fd00:ec2::254]/latest/meta-data/spot/'));
    expect(asked).toContainEqual(expect.stringContaining('http://[fd00:ec2::254]/latest/meta-data/tags/'));
    expect(asked.join('\n')).not.toContain('169.254');
  });
});

describe('from an instance', () => {
  it('a database and a task can be reached by name', async () => {
    const world = newWorld();
    const service = seed.services.find((item) => item.name === 'orders-api')!;
    const definition = seed.taskDefinitions.find((item) => item.family === 'orders-api')!;
    const task = service.tasks[0]!;
    const stop = world.taskStarted(
      definition.containers.map((container) => ({
        target: `ecs:demo_${task.id}_${container.name}`,
        region: 'eu-west-1',
        accountId: seed.accountId,
        cluster: 'demo',
        service: 'orders-api',
        taskArn: `arn:aws:ecs:eu-west-1:111122223333:task/demo/${task.id}`,
        taskDefinition: definition,
        container,
        privateIp: task.privateIp,
        subnetId: task.subnetId,
        securityGroupIds: service.securityGroups,
      })),
    );
    const { machine } = await world.instances.boot({
      instanceId: 'i-0',
      architecture: 'arm64',
      instanceType: 't4g.micro',
      privateIp: '10.0.1.201',
      subnetId: seed.subnets[0]!.id,
      securityGroupIds: [],
      userData: undefined,
      region: 'eu-west-1',
      roleEnv: () => ({}),
      metadata: () => ({ tags: {}, interruption: undefined }),
      onShutdown: () => undefined,
    });
    expect(await machine!.resolve(seed.databases[0]!.host)).toEqual(['10.0.201.10']);
    const socket = await machine!.connect('orders-api.demo.local', 8080);
    socket.end('GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toContain('HTTP/1.1 200 OK');
    expect(text).toContain('"service":"orders-api"');
    expect(text).toContain('"container":"app"');
    stop();
    await expect(machine!.connect('10.0.1.21', 8080)).rejects.toMatchObject({ kind: 'timed-out' });
  });
});
