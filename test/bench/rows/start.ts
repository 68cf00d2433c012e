import { spawnSync } from 'node:child_process';
import { ENTRY } from '../../support/cli-process.ts';
import { elapsedMs, type Row } from '../row.ts';

/** Processes start quickly enough for many more runs than the other rows have. */
const RUNS_PER_RUN = 4;
const BAR_MS = 40;

export const start: Row = {
  name: 'start',
  title: '--help and --version against node -e 0, runs interleaved',
  run: ({ runs }) => {
    const programs = { node: ['-e', '0'], version: [ENTRY, '--version'], help: [ENTRY, '--help'] };
    const times: Record<keyof typeof programs, number[]> = { node: [], version: [], help: [] };
    for (let run = 0; run <= runs * RUNS_PER_RUN; run++)
      for (const name of ['node', 'version', 'help'] as const) {
        const began = performance.now();
        const { status } = spawnSync(process.execPath, programs[name], { stdio: 'ignore' });
        if (status !== 0) throw new Error(`${name} ended with ${status}`);
        // The first round only fills caches.
        if (run > 0) times[name].push(elapsedMs(began));
      }
    // Against its neighbour, not against the median: what slows the machine down slows both.
    const above = (values: readonly number[]): readonly number[] =>
      values.map((value, round) => value - (times.node[round] ?? Number.NaN));
    return Promise.resolve([
      { what: 'node -e 0', unit: 'ms', values: times.node },
      {
        what: '--version above node -e 0',
        unit: 'ms',
        values: above(times.version),
        bar: { atMost: BAR_MS },
      },
      { what: '--help above node -e 0', unit: 'ms', values: above(times.help), bar: { atMost: BAR_MS } },
    ]);
  },
};
