import { spawn as spawnPty } from '@lydell/node-pty';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { CliProcess, ENTRY } from '../../support/cli-process.ts';
import { elapsedMs, type Measurement, type Remark, type Row, within } from '../row.ts';
import { median } from '../statistics.ts';

/** How many services, and how many calls a second the sandbox admits (0 = any number). */
interface World {
  readonly services: number;
  readonly tasks: number;
  readonly rate: number;
}

interface Sandbox {
  readonly endpoint: string;
  readonly env: Readonly<Record<string, string>>;
  /** From the start of the process until it listens. */
  readonly startMs: number;
  readonly pid: number;
}

const LATENCY_MS = 60;
const DEADLINE_MS = 15 * 60_000;
const FIRST_ROW_MS = 400;
const KEY_MS = 50;
const SIZES = [1, 10, 11, 100, 101, 250, 1000, 5000];
const RATES = [0, 20, 5, 2];

async function withWorld<T>(world: World, work: (sandbox: Sandbox) => Promise<T>): Promise<T> {
  const started = performance.now();
  const counts = ['--services', String(world.services), '--tasks', String(world.tasks)];
  const rate = world.rate === 0 ? [] : ['--rate', `${world.rate}/s`];
  const host = new CliProcess(['sandbox', '--json', ...counts, '--latency', String(LATENCY_MS), ...rate]);
  try {
    const [line] = await host.until('stdout', /^\{.*\}\n/);
    const startMs = elapsedMs(started);
    const { endpoint, env } = JSON.parse(line) as Pick<Sandbox, 'endpoint' | 'env'>;
    return await work({ endpoint, env, startMs, pid: host.child.pid ?? 0 });
  } finally {
    host.kill('SIGTERM');
    await host.finished;
  }
}

/** The largest resident set of a process so far, in MB. */
function peakMb(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1.024e-3;
  } catch {
    return Number.NaN;
  }
}

/** Runs a program to its end: elapsed time, largest resident set, and how many calls of ECS were admitted or refused. */
async function measured(sandbox: Sandbox, program: string, args: readonly string[]) {
  const before = await callsOf(sandbox);
  const started = performance.now();
  const child = spawn(program, args, {
    env: { ...process.env, ...sandbox.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let peak = 0;
  let bytes = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, peakMb(child.pid ?? 0) || 0);
  }, 20);
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  const status = await within(
    DEADLINE_MS,
    `${program} has not ended`,
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ).finally(() => {
    clearInterval(watch);
    child.kill();
  });
  const ms = elapsedMs(started);
  return { ms, status, bytes, peak, calls: (await callsOf(sandbox)) - before };
}

async function callsOf({ endpoint }: Sandbox): Promise<number> {
  const calls = (await (await fetch(`${endpoint}/_sandbox/calls`)).json()) as readonly { service: string }[];
  return calls.filter(({ service }) => service === 'ecs').length;
}

/** The picker in a pty of 80 × 24; only output after each step is looked at, so that looking costs nothing. */
async function inPicker<T>(
  sandbox: Sandbox,
  args: readonly string[],
  work: (
    step: (keys: string, isAnswered: (text: string) => boolean) => Promise<number>,
    latest: () => string,
  ) => Promise<T>,
): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), 'fc-bench-'));
  const pty = spawnPty(process.execPath, [ENTRY, 'connect', ...args], {
    name: 'xterm-256color',
    cols: 80,
    rows: 24,
    cwd: home,
    env: { PATH: process.env['PATH'] ?? '', HOME: home, LANG: 'C.UTF-8', ...sandbox.env },
  });
  let text = '';
  let wake = (): void => undefined;
  pty.onData((data) => {
    text += stripVTControlCharacters(data);
    wake();
  });
  const step = async (keys: string, isAnswered: (text: string) => boolean): Promise<number> => {
    text = '';
    const started = performance.now();
    pty.write(keys);
    const answered = async (): Promise<void> => {
      while (!isAnswered(text))
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    };
    await within(60_000, `the picker has not answered ${JSON.stringify(keys)}`, answered());
    return elapsedMs(started);
  };
  try {
    return await work(step, () => text);
  } finally {
    const exit = new Promise((resolve) => pty.onExit(resolve));
    pty.write('\u0003');
    await exit;
    rmSync(home, { recursive: true, force: true });
  }
}

const TYPED = 'orders-api';
const LEAST_KEYS = 10;
const MOST_KEYS = 40;
const KEY_GAP_MS = 60;

/** From Enter on the cluster to the first described service, and from each key to its letter while the list loads. */
async function picked(sandbox: Sandbox, args: readonly string[], title: string) {
  return inPicker(sandbox, args, async (step, latest) => {
    await step('', (text) => /\blarge\b.*\d/s.test(text));
    const firstRow =
      args.length > 0
        ? Number.NaN
        : await (async () => {
            await step('large', (text) => text.includes('cluster: large'));
            // The only service is chosen without a question.
            return step('\r', (text) => /\d+\/\d+ .*\bon\b|what now/s.test(text));
          })();
    if (latest().includes('what now')) return { firstRow, keys: [] };
    const keys: number[] = [];
    // The first key deletes what the list was opened with.
    let typed = TYPED;
    while (keys.length < MOST_KEYS) {
      await new Promise((resolve) => setTimeout(resolve, KEY_GAP_MS));
      const letter = TYPED[typed.length];
      typed = letter === undefined ? '' : typed + letter;
      const line = `${title}: ${typed}`;
      const ms = await step(letter ?? '\u0015', (text) => text.includes(line));
      const isLoading = / of .*…/.test(latest());
      if (!isLoading && keys.length >= LEAST_KEYS) break;
      keys.push(ms);
    }
    return { firstRow, keys };
  });
}

/** The calls that a list needs: pages of 100 names, and descriptions of 10. */
const fewestCalls = (services: number): number => Math.ceil(services / 100) + Math.ceil(services / 10);

const hasAws = (): Promise<boolean> =>
  new Promise((resolve) => void execFile('aws', ['--version'], (error) => resolve(error === null)));

/** What a person types to get the same list from the AWS CLI: one call after the other. */
const AWS_LIST =
  'aws ecs list-services --cluster large --page-size 100 --query "serviceArns[]" --output text | tr "\\t" "\\n" | xargs -n 10 aws ecs describe-services --cluster large --output json --services';

async function tableLine(world: World, aws: boolean): Promise<string> {
  return withWorld(world, async (sandbox) => {
    const { firstRow, keys } = await picked(sandbox, [], 'service in large');
    const list = ['ls', 'services', '--cluster', 'large', '--json'];
    const own = await measured(sandbox, process.execPath, [ENTRY, ...list]);
    const official = aws ? await measured(sandbox, 'bash', ['-o', 'pipefail', '-c', AWS_LIST]) : undefined;
    const cells = [
      world.services,
      world.rate === 0 ? 'any' : `${world.rate}/s`,
      own.calls,
      fewestCalls(world.services),
      `${Math.round(firstRow)} ms`,
      `${(own.ms / 1000).toFixed(1)} s${own.status === 0 ? '' : `, exit ${own.status}`}`,
      keys.length === 0
        ? '-'
        : `${Math.round(median(keys))} / ${Math.round(Math.max(...keys))} ms (${keys.length})`,
      `${Math.round(own.peak)} MB`,
      official === undefined
        ? '-'
        : `${(official.ms / 1000).toFixed(1)} s, ${official.calls} calls${official.status === 0 ? '' : `, exit ${official.status}`}`,
    ];
    return `| ${cells.join(' | ')} |`;
  });
}

const HEAD =
  '| Services | Calls a second | Calls | Minimum | First row | Complete | Key: median / largest (keys) | Memory | AWS CLI |\n|---|---|---|---|---|---|---|---|---|';

/** `BENCH_RATES=0,20` measures only these rates; without `--slow` there is no table. */
async function table(): Promise<Remark> {
  const rates = process.env['BENCH_RATES']?.split(',').map(Number) ?? RATES;
  const aws = process.env['BENCH_AWS'] !== '0' && (await hasAws());
  const lines: string[] = [];
  for (const rate of rates)
    for (const services of SIZES) {
      const line = await tableLine({ services, tasks: 0, rate }, aws && rate === 0);
      console.error(line);
      lines.push(line);
    }
  return { remark: [HEAD, ...lines].join('\n') };
}

async function large(): Promise<readonly Measurement[]> {
  return withWorld({ services: 5000, tasks: 20_000, rate: 0 }, async (sandbox) => {
    const startedMb = peakMb(sandbox.pid);
    const list = await picked(sandbox, [], 'service in large');
    const everything = await picked(sandbox, ['or'], 'service or task');
    const services = await measured(sandbox, process.execPath, [
      ENTRY,
      'ls',
      'services',
      '--cluster',
      'large',
      '--json',
    ]);
    const tasks = await measured(sandbox, process.execPath, [
      ENTRY,
      'ls',
      'tasks',
      '--cluster',
      'large',
      '--json',
    ]);
    const one = (what: string, unit: string, value: number, atMost?: number): Measurement => ({
      what,
      unit,
      values: [value],
      ...(atMost === undefined ? {} : { bar: { atMost } }),
    });
    return [
      one('the sandbox with 5 000 services and 20 000 tasks listens', 'ms', sandbox.startMs, 5000),
      one('its memory by then', 'MB', startedMb, 400),
      one('first described service after Enter on the cluster', 'ms', list.firstRow, FIRST_ROW_MS),
      {
        what: 'a key in the list of services, while it loads',
        unit: 'ms',
        values: list.keys,
        bar: { atMost: KEY_MS },
      },
      one('the slowest of these keys', 'ms', Math.max(...list.keys), KEY_MS),
      {
        what: 'a key in the search over all clusters, while 20 000 tasks load',
        unit: 'ms',
        values: everything.keys,
        bar: { atMost: KEY_MS },
      },
      one('the slowest of these keys', 'ms', Math.max(...everything.keys), KEY_MS),
      one('ls services --json, complete', 'ms', services.ms),
      one('its calls', 'calls', services.calls),
      one('its memory', 'MB', services.peak),
      one('ls tasks --json of 20 000 tasks, complete', 'ms', tasks.ms),
      one('its memory', 'MB', tasks.peak, 150),
    ];
  });
}

export const lists: Row = {
  name: 'lists',
  title: `the picker and ls with 5 000 services and 20 000 tasks, ${LATENCY_MS} ms a call`,
  async run({ slow }) {
    return [...(await large()), ...(slow ? [await table()] : [])];
  },
};
