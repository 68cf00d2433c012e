import { singleQuoted } from '../../../core/shell-words.ts';
import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import { splitCommand } from '../split-command.ts';
import { killGroup } from '../terminal.ts';
import type { StandInCall, StandInResult } from './stand-in-server.ts';
import { nextCalendarTime, parseTimeSpan } from './systemd-time.ts';
import { parseUnitFile, valueOf, valuesOf, type UnitFile } from './systemd-units.ts';

export interface SystemdOptions {
  /** The instance's root: units are read from `etc/systemd/system`, output goes to `var/log/journal.log`. */
  readonly root: string;
  readonly clock: Clock;
  /** Timers fire this many times faster than configured. */
  readonly timeScale: number;
  /** Units that are part of the image, e.g. `amazon-ssm-agent.service`. */
  readonly imageUnits: readonly string[];
  /** Called when a unit of the image starts that was not running. */
  onImageUnit?(unit: string): void;
  environment(): Readonly<Record<string, string>>;
  /** The program to run for a path of the real system: the instance's own, a stand-in, or the host's. */
  resolveProgram(path: string): string;
}

interface Timer {
  readonly unit: string;
  cancel: () => void;
  /** When the timer's service was last started; OnUnitActiveSec counts from that time. */
  lastActivation: number | undefined;
}

/** Implements systemd for the units that a user data script writes: services run and timers fire. */
export class Systemd {
  readonly #options: SystemdOptions;
  readonly #bootedAt: number;
  readonly #running = new Map<string, ChildProcess>();
  readonly #restarts = new Map<string, () => void>();
  readonly #timers = new Map<string, Timer>();
  readonly #active = new Set<string>();
  readonly #enabled = new Set<string>();
  /** The manager's environment, which every unit is started with. */
  readonly #environment = new Map<string, string>();
  readonly #transient = new Map<string, UnitFile>();
  #stopped = false;
  #nextTransient = 1;

  constructor(options: SystemdOptions) {
    this.#options = options;
    this.#bootedAt = options.clock.now();
  }

  /** Stops all services and timers, as at power-off. */
  close(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    for (const cancel of this.#restarts.values()) cancel();
    for (const child of this.#running.values()) if (child.pid !== undefined) killGroup(child.pid, 'SIGKILL');
  }

  /** The stand-in `systemctl`. */
  readonly systemctl = (call: StandInCall): StandInResult => {
    const words = call.args.filter((word) => !word.startsWith('-'));
    const now = call.args.includes('--now');
    const quiet = call.args.includes('-q') || call.args.includes('--quiet');
    const [verb = '', ...names] = words;
    const units = names.map((name) => (name.includes('.') ? name : `${name}.service`));
    if (verb === 'daemon-reload' || verb === 'reset-failed') return { code: 0 };
    if (verb === 'set-environment') {
      for (const [name, value] of names.map(assignment)) this.#environment.set(name, value);
      return { code: 0 };
    }
    const unknown = units.find((unit) => !this.#exists(unit));
    if (unknown !== undefined && verb !== 'is-active' && verb !== 'is-enabled')
      return { code: 5, stderr: `Failed to ${verb} ${unknown}: Unit ${unknown} not found.\n` };
    const state = (holds: (unit: string) => boolean, yes: string, no: string): StandInResult => ({
      code: units.every(holds) ? 0 : 3,
      ...(quiet ? {} : { stdout: units.map((unit) => `${holds(unit) ? yes : no}\n`).join('') }),
    });
    switch (verb) {
      case 'enable':
        for (const unit of units) this.#enabled.add(unit);
        if (now) for (const unit of units) this.start(unit);
        return {
          code: 0,
          stderr: quiet ? '' : units.map((unit) => `Created symlink for ${unit}.\n`).join(''),
        };
      case 'disable':
        for (const unit of units) this.#enabled.delete(unit);
        if (now) for (const unit of units) this.stop(unit);
        return { code: 0 };
      case 'start':
        for (const unit of units) this.start(unit);
        return { code: 0 };
      case 'stop':
        for (const unit of units) this.stop(unit);
        return { code: 0 };
      case 'restart':
      case 'try-restart':
        for (const unit of units) {
          this.stop(unit);
          this.start(unit);
        }
        return { code: 0 };
      case 'is-active':
        return state((unit) => this.isActive(unit), 'active', 'inactive');
      case 'is-enabled':
        return state((unit) => this.#enabled.has(unit), 'enabled', 'disabled');
      case 'status':
        return state((unit) => this.isActive(unit), 'active (running)', 'inactive (dead)');
      default:
        return { code: 1, stderr: `Unknown command verb ${verb}.\n` };
    }
  };

  /** The stand-in `systemd-run`: starts a transient service or, with `--on-active`, a transient timer. */
  readonly systemdRun = (call: StandInCall): StandInResult => {
    const options = new Map<string, string>();
    let index = 0;
    for (; index < call.args.length; index++) {
      const word = call.args[index] ?? '';
      if (!word.startsWith('--')) break;
      const [name = '', value] = word.slice(2).split(/=(.*)/s);
      options.set(name, value ?? '');
    }
    const command = call.args.slice(index);
    if (command.length === 0) return { code: 1, stderr: 'Command line to execute required.\n' };
    const name = (options.get('unit') ?? `run-r${this.#nextTransient++}`).replace(/\.(service|timer)$/, '');
    const quoted = command.map(singleQuoted).join(' ');
    this.#transient.set(`${name}.service`, parseUnitFile(`[Service]\nType=oneshot\nExecStart=${quoted}\n`));
    const timing = [...options].filter(([option]) => option.startsWith('on-'));
    if (timing.length === 0) {
      this.start(`${name}.service`);
      return { code: 0, stderr: `Running as unit: ${name}.service\n` };
    }
    const directives = timing.map(([option, value]) => `${timerDirective(option)}=${value}`);
    this.#transient.set(`${name}.timer`, parseUnitFile(`[Timer]\n${directives.join('\n')}\n`));
    this.start(`${name}.timer`);
    return { code: 0, stderr: `Running timer as unit: ${name}.timer\n` };
  };

  isActive(unit: string): boolean {
    return this.#active.has(unit) || this.#running.has(unit) || this.#timers.has(unit);
  }

  start(unit: string): void {
    if (this.#stopped) return;
    if (unit.endsWith('.timer')) this.#startTimer(unit);
    else if (this.#options.imageUnits.includes(unit)) this.#startImageUnit(unit);
    else this.#startService(unit);
  }

  stop(unit: string): void {
    this.#active.delete(unit);
    this.#timers.get(unit)?.cancel();
    this.#timers.delete(unit);
    this.#restarts.get(unit)?.();
    this.#restarts.delete(unit);
    const child = this.#running.get(unit);
    this.#running.delete(unit);
    if (child?.pid !== undefined) killGroup(child.pid, 'SIGTERM');
  }

  #startImageUnit(unit: string): void {
    if (this.#active.has(unit)) return;
    this.#active.add(unit);
    this.#options.onImageUnit?.(unit);
  }

  #startService(unit: string): void {
    const file = this.#unitFile(unit);
    if (file === undefined || this.#running.has(unit)) return;
    this.#restarts.get(unit)?.();
    this.#restarts.delete(unit);
    this.#runNext(unit, file, [...valuesOf(file, 'Service', 'ExecStart')]);
  }

  #runNext(unit: string, file: UnitFile, commands: string[]): void {
    const command = commands.shift();
    if (command === undefined || this.#stopped) return;
    const [path = '', ...args] = splitCommand(command.replace(/^[-@:+!]+/, ''));
    const assigned = valuesOf(file, 'Service', 'Environment').flatMap(splitCommand);
    const child = spawn(this.#options.resolveProgram(path), args, {
      cwd: this.#options.root,
      env: {
        ...this.#options.environment(),
        ...Object.fromEntries(this.#environment),
        ...Object.fromEntries(assigned.map(assignment)),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#running.set(unit, child);
    const log = (bytes: Buffer): void => this.#log(unit, bytes.toString());
    child.stdout.on('data', log);
    child.stderr.on('data', log);
    child.once('error', (error) => this.#log(unit, `${error.message}\n`));
    child.once('close', (code) => {
      if (this.#running.get(unit) !== child) return;
      this.#running.delete(unit);
      if (code === 0 && commands.length > 0) this.#runNext(unit, file, commands);
      else this.#ended(unit, file, code === 0);
    });
  }

  #ended(unit: string, file: UnitFile, success: boolean): void {
    if (this.#stopped) return;
    this.#log(unit, success ? 'Deactivated successfully.\n' : 'Failed.\n');
    const restart = valueOf(file, 'Service', 'Restart') ?? 'no';
    if (restart === 'always' || (restart === 'on-failure' && !success)) {
      const wait = parseTimeSpan(valueOf(file, 'Service', 'RestartSec') ?? '') ?? 100;
      this.#restarts.set(
        unit,
        this.#after(wait, () => this.#startService(unit)),
      );
    }
    // OnUnitActiveSec of a oneshot service counts from its last start, so its timer is armed again when the service
    // has ended.
    for (const [name, timer] of this.#timers) if (timer.unit === unit) this.#arm(name, timer);
  }

  #startTimer(unit: string): void {
    if (this.#timers.has(unit)) return;
    const file = this.#unitFile(unit);
    if (file === undefined) return;
    const service = valueOf(file, 'Timer', 'Unit') ?? unit.replace(/\.timer$/, '.service');
    const timer: Timer = { unit: service, cancel: () => undefined, lastActivation: undefined };
    this.#timers.set(unit, timer);
    this.#arm(unit, timer, this.#now());
  }

  /** `activatedAt` is given once, when the timer itself starts. */
  #arm(name: string, timer: Timer, activatedAt?: number): void {
    const file = this.#unitFile(name);
    if (file === undefined || this.#stopped) return;
    const now = this.#now();
    const due: number[] = [];
    const spans = (directive: string): number[] =>
      valuesOf(file, 'Timer', directive).flatMap((value) => parseTimeSpan(value) ?? []);
    if (activatedAt !== undefined) {
      for (const span of spans('OnActiveSec')) due.push(activatedAt + span);
      // A time after boot that has already passed elapses at once.
      for (const span of [...spans('OnBootSec'), ...spans('OnStartupSec')])
        due.push(Math.max(now, this.#bootedAt + span));
    }
    const last = timer.lastActivation;
    if (last !== undefined) for (const span of spans('OnUnitActiveSec')) due.push(Math.max(now, last + span));
    for (const value of valuesOf(file, 'Timer', 'OnCalendar')) {
      const next = nextCalendarTime(value, now);
      if (next !== undefined) due.push(next);
    }
    timer.cancel();
    if (due.length === 0) return;
    timer.cancel = this.#after(Math.min(...due) - now, () => {
      timer.lastActivation = this.#now();
      if (this.#running.has(timer.unit)) this.#arm(name, timer);
      else this.#startService(timer.unit);
    });
  }

  /** The instance's own time, which passes `timeScale` times faster than real time. */
  #now(): number {
    const { clock, timeScale } = this.#options;
    return this.#bootedAt + (clock.now() - this.#bootedAt) * timeScale;
  }

  #after(ms: number, fn: () => void): () => void {
    return this.#options.clock.timer(Math.max(0, ms) / this.#options.timeScale, () => {
      if (!this.#stopped) fn();
    });
  }

  #exists(unit: string): boolean {
    return this.#options.imageUnits.includes(unit) || this.#unitFile(unit) !== undefined;
  }

  #unitFile(unit: string): UnitFile | undefined {
    const transient = this.#transient.get(unit);
    if (transient !== undefined) return transient;
    const path = join(this.#options.root, 'etc/systemd/system', basename(unit));
    return existsSync(path) ? parseUnitFile(readFileSync(path, 'utf8')) : undefined;
  }

  #log(unit: string, text: string): void {
    if (this.#stopped) return;
    appendFileSync(join(this.#options.root, 'var/log/journal.log'), `${unit}: ${text}`);
  }
}

/** `NAME=VALUE` */
function assignment(word: string): readonly [name: string, value: string] {
  const [name = '', value = ''] = word.split(/=(.*)/s);
  return [name, value];
}

function timerDirective(option: string): string {
  switch (option) {
    case 'on-active':
      return 'OnActiveSec';
    case 'on-boot':
      return 'OnBootSec';
    case 'on-unit-active':
      return 'OnUnitActiveSec';
    default:
      return 'OnCalendar';
  }
}
