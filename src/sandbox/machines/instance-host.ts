import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { type Clock, systemClock } from '../../core/clock.ts';
import type { BootedInstance, InstanceHost, InstanceLaunch } from '../contracts.ts';
import { instanceDnsName, type VpcNetwork } from '../world/vpc-network.ts';
import { readAgentEndpoints } from '../agent/agent-endpoints.ts';
import { ConsoleLog } from './console-log.ts';
import { InstanceMachine } from './instance-machine.ts';
import { createMachineRoot, findProgram, type MachineRoot, SYSTEM_PATH } from './machine-root.ts';
import { createAwsCli, type HostTools } from './stand-ins/aws-cli.ts';
import { createCurl, createMetadataService } from './stand-ins/downloads.ts';
import {
  INTERACTIVE_STAND_INS,
  installForwarded,
  installStandIns,
  STAND_IN_BIN,
  standInCalls,
  standInSocket,
} from './stand-ins/install-stand-ins.ts';
import { type BootFault, createPackageTools } from './stand-ins/package-tools.ts';
import { createSessionPlugin } from './stand-ins/session-plugin.ts';
import { type StandIn, type StandInCall, StandInServer } from './stand-ins/stand-in-server.ts';
import { StandInPipe } from './stand-ins/stand-in-pipe.ts';
import { Systemd } from './stand-ins/systemd.ts';
import { splitCommand } from './split-command.ts';
import { killGroup, type Program } from './terminal.ts';

export interface InstanceHostOptions {
  readonly network: VpcNetwork;
  readonly clock?: Clock;
  /** Zone of the subnet, and whether an instance in it reaches the internet. */
  place(subnetId: string): { readonly zone: string; readonly internet: boolean };
  /** Called at every boot and for every call of a stand-in. */
  readonly bootFaults?: () => ReadonlySet<BootFault>;
  /** Time from power-on to the first line of the user data; 0 unless given. */
  readonly bootDelayMs?: number;
  /** systemd timers fire this many times faster than configured; 1 unless given. */
  readonly timeScale?: number;
  /** Official programs of the host that the stand-ins start instead; see `HostTools`. */
  readonly tools?: HostTools;
  /** The Node.js that runs stand-ins. */
  readonly node: string;
}

/** One call of a stand-in, recorded for tests and `status`. */
export interface RecordedCall {
  readonly program: string;
  readonly args: readonly string[];
}

export interface SandboxInstanceHost extends InstanceHost {
  /** The calls that the instance's programs made to the stand-ins, oldest first; empty for an unknown instance. */
  callsOf(instanceId: string): readonly RecordedCall[];
  /** The directory that plays the instance's disk while the instance exists. */
  rootOf(instanceId: string): string | undefined;
  /** Called after each write to the console. */
  onConsole(instanceId: string, watcher: () => void): void;
  close(): Promise<void>;
}

const AGENT_UNIT = 'amazon-ssm-agent.service';
/** The units that the standard Amazon Linux 2023 image runs or can run. */
const IMAGE_UNITS = [AGENT_UNIT, 'sshd.service', 'chronyd.service', 'dnf-automatic.timer'];
const AGENT_LOGS = 'var/log/amazon/ssm';
const CONNECTED = 'Set up control channel successfully';
const USER = 'ssm-user';

export function createInstanceHost(options: InstanceHostOptions): SandboxInstanceHost {
  const instances = new Map<string, Instance>();
  return {
    async boot(launch) {
      const instance = new Instance(launch, options);
      instances.set(launch.instanceId, instance);
      return instance.boot();
    },
    consoleOutput: (instanceId) => instances.get(instanceId)?.console.text ?? '',
    callsOf: (instanceId) => instances.get(instanceId)?.calls ?? [],
    rootOf: (instanceId) => instances.get(instanceId)?.root.path,
    onConsole: (instanceId, watcher) => instances.get(instanceId)?.console.onWrite(watcher),
    async close() {
      await Promise.all([...instances.values()].map((instance) => instance.stop()));
    },
  };
}

class Instance {
  readonly console = new ConsoleLog();
  readonly calls: RecordedCall[] = [];
  readonly root: MachineRoot;
  readonly #launch: InstanceLaunch;
  readonly #options: InstanceHostOptions;
  readonly #clock: Clock;
  #cancelShutdown = (): void => undefined;
  readonly #systemd: Systemd;
  readonly #machine: InstanceMachine;
  readonly #halted = new AbortController();
  #server: StandInServer | undefined;
  #pipe: StandInPipe | undefined;
  #stopping: Promise<void> | undefined;

  constructor(launch: InstanceLaunch, options: InstanceHostOptions) {
    this.#launch = launch;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.root = createMachineRoot('instance');
    this.#systemd = new Systemd({
      root: this.root.path,
      clock: this.#clock,
      timeScale: options.timeScale ?? 1,
      imageUnits: IMAGE_UNITS,
      environment: () => this.#environment('root'),
      resolveProgram: (path) => this.#resolveProgram(path),
      onImageUnit: (unit) => {
        if (unit === AGENT_UNIT) this.#startAgent();
      },
    });
    this.#machine = new InstanceMachine({
      instanceId: launch.instanceId,
      place: launch,
      network: options.network,
      session: (command) => this.#sessionProgram(command),
      command: (line) => {
        const [file = '', ...args] = splitCommand(line);
        return { ...this.#sessionProgram(undefined), file: this.#resolveProgram(file), args };
      },
    });
    launch.signal?.addEventListener('abort', () => void this.stop(), { once: true });
    this.#halted.signal.addEventListener('abort', () => this.#cancelShutdown(), { once: true });
  }

  get #hostName(): string {
    const { instanceId, privateIp, region } = this.#launch;
    return instanceDnsName({ id: instanceId, privateIp }, region);
  }

  async boot(): Promise<BootedInstance> {
    await this.#prepare();
    // The image enables the agent, so it starts before the user data runs.
    this.#systemd.start(AGENT_UNIT);
    const exitCode =
      this.#launch.userData === undefined ? undefined : await this.#runUserData(this.#launch.userData);
    const online = (exitCode ?? 0) === 0 && !this.#halted.signal.aborted;
    return {
      machine: online ? this.#machine : undefined,
      userDataExitCode: exitCode,
      stop: () => this.stop(),
    };
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#halted.abort();
    this.#systemd.close();
    this.#pipe?.close();
    await this.#server?.close();
    this.console.close();
    await this.root.remove();
  }

  async #prepare(): Promise<void> {
    const { root } = this;
    for (const directory of [
      'dev',
      'tmp',
      'run',
      'root',
      `home/${USER}`,
      AGENT_LOGS,
      'etc/systemd/system',
      'usr/local/bin',
    ])
      mkdirSync(join(root.path, directory), { recursive: true });
    root.write('etc/hostname', `${this.#hostName}\n`);
    root.write('etc/system-release', 'Amazon Linux release 2023.12.20260831 (Amazon Linux)\n');
    await this.console.open(join(root.path, 'dev/console'));
    const standIns = this.#standIns();
    installStandIns(root, {
      architecture: this.#launch.architecture,
      // The plugin is not part of the image: it appears when its package is installed.
      forwarded: [...standIns.keys()].filter((name) => name !== 'session-manager-plugin'),
      node: this.#options.node,
    });
    const interactive = [...standIns].filter(([name]) => INTERACTIVE_STAND_INS.includes(name));
    this.#server = await StandInServer.listen(standInSocket(root), new Map(interactive));
    this.#pipe = await StandInPipe.open(standInCalls(root), standIns, this.#clock);
    this.console.write(`[    0.000000] Linux version 6.12 (${this.#launch.architecture})\r\n`);
    this.console.write(`${this.#hostName} login: \r\n`);
  }

  /** The agent itself does not run on the machine; its log is written there, because the user data reads it. */
  #startAgent(): void {
    const lines = this.#launch.startAgent?.(readAgentEndpoints(this.root.path)) ?? [
      { level: 'INFO', text: CONNECTED },
    ];
    const at = new Date(this.#clock.now()).toISOString().replace('T', ' ').replace('Z', '0');
    for (const { level, text } of lines) {
      const line = `${at} ${level} ${text}\n`;
      const files = level === 'ERROR' ? ['amazon-ssm-agent.log', 'errors.log'] : ['amazon-ssm-agent.log'];
      for (const file of files) appendFileSync(join(this.root.path, AGENT_LOGS, file), line);
    }
  }

  /**
   * Returns the exit code of the script, or 128 + signal if it was killed. As with cloud-init, text that does not
   * start with `#!` is not run.
   */
  async #runUserData(text: string): Promise<number> {
    const delay = this.#options.bootDelayMs ?? 0;
    if (delay > 0 && !(await this.#wait(delay))) return 143;
    this.root.write(`var/lib/cloud/instances/${this.#launch.instanceId}/user-data.txt`, text, 0o600);
    if (!text.startsWith('#!')) {
      this.console.write('cloud-init: Unhandled non-multipart (text/x-not-multipart) userdata\r\n');
      return 0;
    }
    if (this.#halted.signal.aborted) return 143;
    const file = `var/lib/cloud/instances/${this.#launch.instanceId}/scripts/part-001`;
    this.root.write(file, text, 0o700);
    const interpreter = /^#!\s*(\S+)/.exec(text)?.[1] ?? '/bin/sh';
    const shell = findProgram(basename(interpreter), SYSTEM_PATH, '/') ?? '/bin/sh';
    const child = spawn(shell, [join(this.root.path, file)], {
      cwd: this.root.path,
      env: this.#environment('root'),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const log = (bytes: Buffer): void => this.console.write(bytes.toString().replace(/\r?\n/g, '\r\n'));
    child.stdout.on('data', log);
    child.stderr.on('data', log);
    const kill = (): void => {
      if (child.pid !== undefined) killGroup(child.pid, 'SIGKILL');
    };
    this.#halted.signal.addEventListener('abort', kill, { once: true });
    return new Promise((resolve) => {
      child.once('error', () => resolve(127));
      // The `exit` event is used and not `close`, because a service left in the background may keep the streams open.
      child.once('exit', (code) => resolve(code ?? 143));
    });
  }

  /** Waits; returns false if the instance ended first. */
  #wait(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#clock.timer(ms, () => resolve(true));
      this.#halted.signal.addEventListener('abort', () => {
        cancel();
        resolve(false);
      });
    });
  }

  #environment(user: 'root' | typeof USER): Record<string, string> {
    const home = user === 'root' ? 'root' : `home/${user}`;
    const scale = this.#options.timeScale ?? 1;
    const below = (path: string): string => join(this.root.path, path);
    return this.root.environment({
      HOME: below(home),
      USER: user,
      LOGNAME: user,
      HOSTNAME: this.#hostName,
      // /usr/local of the host is left out, because people install there what the image does not have.
      PATH: [below(STAND_IN_BIN), below('usr/local/bin'), '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':'),
      FC_ROOT: this.root.path,
      FC_POLL_SECONDS: String(Math.max(0.1, 5 / scale)),
      FC_RETRY_SECONDS: '0',
      ...this.#launch.roleEnv(),
    });
  }

  #sessionProgram(command: string | undefined): Program {
    const bash = findProgram('bash', SYSTEM_PATH, '/');
    const env = { ...this.#environment(USER), PS1: 'sh-5.2$ ' };
    const cwd = join(this.root.path, `home/${USER}`);
    // On Amazon Linux `sh` is bash in POSIX mode.
    if (command === undefined && bash !== undefined)
      return { file: bash, args: ['--posix', '--norc'], cwd, env };
    return { file: '/bin/sh', args: command === undefined ? [] : ['-c', command], cwd, env };
  }

  #resolveProgram(path: string): string {
    const own = isAbsolute(path) ? join(this.root.path, path) : path;
    if (isAbsolute(path) && existsSync(own)) return own;
    const standIn = join(this.root.path, STAND_IN_BIN, basename(path));
    return existsSync(standIn) ? standIn : path;
  }

  #standIns(): ReadonlyMap<string, StandIn> {
    const {
      instanceId,
      instanceType,
      privateIp,
      ipv6Address,
      metadataOverIpv6 = false,
      region,
    } = this.#launch;
    const place = this.#options.place(this.#launch.subnetId);
    const has = (fault: BootFault): boolean => this.#options.bootFaults?.().has(fault) === true;
    const metadata = createMetadataService(randomBytes(32).toString('base64'), () => ({
      instanceId,
      instanceType,
      privateIp,
      ipv6Address,
      region,
      zone: place.zone,
      ...this.#launch.metadata(),
    }));
    const environment = (): Readonly<Record<string, string>> => this.#launch.roleEnv();
    const standIns = new Map<string, StandIn>([
      ...createPackageTools({
        architecture: this.#launch.architecture,
        has,
        installPlugin: () =>
          installForwarded(
            this.root,
            'usr/local/bin/session-manager-plugin',
            'session-manager-plugin',
            this.#options.node,
          ),
      }),
      ['curl', createCurl({ has, internet: place.internet, metadataOverIpv6, metadata })],
      ['systemctl', this.#systemd.systemctl],
      ['systemd-run', this.#systemd.systemdRun],
      ['aws', createAwsCli(environment, this.#options.tools ?? {}, this.#clock)],
      ['session-manager-plugin', createSessionPlugin(environment, this.#options.tools ?? {}, this.#clock)],
      ['shutdown', (call) => this.#shutdown(call)],
      ['poweroff', (call) => this.#shutdown(call)],
      ['halt', (call) => this.#shutdown(call)],
      ['init', (call) => this.#init(call)],
      ['telinit', (call) => this.#init(call)],
      ['wall', (call) => this.#wall(call)],
      ['pgrep', (call) => this.#pgrep(call)],
    ]);
    for (const [name, standIn] of standIns)
      standIns.set(name, (call) => {
        this.calls.push({ program: call.program, args: call.args });
        return standIn(call);
      });
    return standIns;
  }

  #shutdown(call: StandInCall): ReturnType<StandIn> {
    if (call.args.includes('-c')) {
      this.#cancelShutdown();
      return { code: 0 };
    }
    const minutes = call.args.map((word) => /^\+(\d+)$/.exec(word)?.[1]).find((found) => found !== undefined);
    if (minutes === undefined || minutes === '0') {
      this.#powerOff();
      return { code: 0 };
    }
    // A later shutdown replaces an earlier one, as with systemd.
    this.#cancelShutdown();
    const afterMs = (Number(minutes) * 60_000) / (this.#options.timeScale ?? 1);
    this.#cancelShutdown = this.#clock.timer(afterMs, () => this.#powerOff());
    return { code: 0, stderr: `Shutdown scheduled in ${minutes} min, use 'shutdown -c' to cancel.\n` };
  }

  #powerOff(): void {
    this.console.write('[  OK  ] Reached target Power-Off.\r\n');
    this.#launch.onShutdown();
  }

  /** `init 0` ends the instance; other run levels are not supported. */
  #init(call: StandInCall): ReturnType<StandIn> {
    if (call.args[0] === '0') return this.#shutdown(call);
    return { code: 1, stderr: `init: run level ${call.args[0] ?? ''} is not played by the sandbox\n` };
  }

  #wall(call: StandInCall): ReturnType<StandIn> {
    const text = call.args.filter((word) => !word.startsWith('-')).join(' ');
    this.#machine.wall(`\r\nBroadcast message from root@${this.#hostName}:\r\n\r\n${text}\r\n`);
    return { code: 0 };
  }

  /** The user data searches for session workers only; every other pattern finds nothing. */
  #pgrep(call: StandInCall): ReturnType<StandIn> {
    const found = call.args.some((word) => word.includes('ssm-session-worker'))
      ? this.#machine.liveSessions
      : 0;
    const pids = Array.from({ length: found }, (_, index) => `${2000 + index}\n`).join('');
    const counts = call.args.some((word) => /^-[a-z]*c/.test(word) || word === '--count');
    return { code: found > 0 ? 0 : 1, stdout: counts ? `${found}\n` : pids };
  }
}
