import { spawnSync } from 'node:child_process';
import { ENTRY } from '../../support/cli-process.ts';
import type { Measurement, Row } from '../row.ts';
import { withSandbox } from '../sandbox-process.ts';

/** A process starts fast enough for many more runs than other rows have. */
const RUNS_PER_RUN = 4;
const BAR_MS = 40;
/** A key press, with the start of Node.js. */
const COMPLETION_BAR_MS = 150;

const PROGRAMS = {
  node: ['-e', '0'],
  version: [ENTRY, '--version'],
  help: [ENTRY, '--help'],
  // Reads no list, so that no process is started in the background.
  completion: [ENTRY, '__complete', '--no-input', '--', 'ls', '--region', ''],
  ls: [ENTRY, 'ls', 'services', '--cluster', 'demo'],
} as const;
type Program = keyof typeof PROGRAMS;

interface Cost {
  /** The time from the start of the process to its end. */
  readonly elapsedMs: number;
  /** User and system time of the process. */
  readonly cpuMs: number;
}

/**
 * Uses bash's own `time`, which reads the resource usage of the ended child process; Node.js does not give it to a
 * parent.
 */
const MEASURED = 'TIMEFORMAT="%3R %3U %3S"; time "$@" >/dev/null 2>&1';

function costOf(args: readonly string[], env: NodeJS.ProcessEnv): Cost {
  const { status, stderr } = spawnSync('bash', ['-c', MEASURED, 'bash', process.execPath, ...args], {
    env: { ...env, LC_ALL: 'C' },
    encoding: 'utf8',
  });
  const [elapsed = Number.NaN, user = Number.NaN, system = Number.NaN] = stderr.trim().split(' ').map(Number);
  if (status !== 0 || !Number.isFinite(elapsed + user + system))
    throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  return { elapsedMs: elapsed * 1000, cpuMs: (user + system) * 1000 };
}

export const start: Row = {
  name: 'start',
  title: '--version, --help, completion and ls against node -e 0, runs interleaved; elapsed time and CPU',
  run: ({ runs }) =>
    withSandbox({ agentPace: 'fast' }, (sandbox) => {
      const env = { ...process.env, ...sandbox.env };
      const costs: Record<Program, Cost[]> = { node: [], version: [], help: [], completion: [], ls: [] };
      for (let run = 0; run <= runs * RUNS_PER_RUN; run++)
        for (const name of Object.keys(PROGRAMS) as readonly Program[]) {
          const cost = costOf(PROGRAMS[name], env);
          // The first round only fills caches.
          if (run > 0) costs[name].push(cost);
        }
      const all = (name: Program, of: keyof Cost): readonly number[] => costs[name].map((cost) => cost[of]);
      // Compared with the neighbouring run, not with the median: a slow machine slows both.
      const above = (name: Program, of: keyof Cost): readonly number[] =>
        costs[name].map((cost, round) => cost[of] - (costs.node[round]?.[of] ?? Number.NaN));
      const elapsed = (name: 'version' | 'help'): Measurement => ({
        what: `--${name} above node -e 0`,
        unit: 'ms',
        values: above(name, 'elapsedMs'),
        bar: { atMost: BAR_MS },
      });
      return Promise.resolve([
        { what: 'node -e 0', unit: 'ms', values: all('node', 'elapsedMs') },
        elapsed('version'),
        elapsed('help'),
        {
          what: 'completion of a shell, process start included',
          unit: 'ms',
          values: all('completion', 'elapsedMs'),
          bar: { atMost: COMPLETION_BAR_MS },
        },
        { what: 'ls services, process start included', unit: 'ms', values: all('ls', 'elapsedMs') },
        { what: 'CPU of node -e 0', unit: 'ms', values: all('node', 'cpuMs') },
        { what: 'CPU of --version above that', unit: 'ms', values: above('version', 'cpuMs') },
        { what: 'CPU of --help above that', unit: 'ms', values: above('help', 'cpuMs') },
        { what: 'CPU of the completion above that', unit: 'ms', values: above('completion', 'cpuMs') },
        { what: 'CPU of ls services above that', unit: 'ms', values: above('ls', 'cpuMs') },
      ]);
    }),
};
