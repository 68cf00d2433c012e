import { type ForwardProcess, withForward, withRemoteProgram } from '../forward-process.ts';
import { download, upload } from '../remote-program.ts';
import { type BenchOptions, elapsedMs, type Measurement, repeat, type Row } from '../row.ts';
import { withSandbox } from '../sandbox-process.ts';

const MIB = 2 ** 20;
/** What session-manager-plugin reaches with the official agent, both ways (../shared/reference/ssm-data-channel.md). */
const PLUGIN_MB_PER_SECOND = 0.72;

interface Direction {
  readonly name: 'up' | 'down';
  readonly move: (port: number, bytes: number) => Promise<void>;
}

const DIRECTIONS: readonly Direction[] = [
  { name: 'up', move: upload },
  { name: 'down', move: download },
];

export const forwardThroughput: Row = {
  name: 'forward-throughput',
  title: 'MB/s (10^6) through a forward, and what it costs the CLI process',
  run: async (options) => [
    ...(await measure('fast', 64 * MIB, options)),
    ...(await measure('official', 4 * MIB, options)),
    {
      remark:
        'Pace "official" reproduces the agent’s 1 KiB messages and 1 ms waits between messages it sends. The bars are 5 × (up) and ' +
        `1 × (down) the ${PLUGIN_MB_PER_SECOND} MB/s recorded for session-manager-plugin; the plugin itself is not measured here.`,
    },
  ],
};

function measure(
  agentPace: 'fast' | 'official',
  bytes: number,
  { runs }: BenchOptions,
): Promise<readonly Measurement[]> {
  return withSandbox({ agentPace }, (sandbox) =>
    withRemoteProgram(sandbox, () =>
      withForward(sandbox, async (forward) => {
        const results: Measurement[] = [];
        // Compiled code and grown windows are what a forward has after its first second.
        for (const { move } of DIRECTIONS) await move(forward.port, bytes / 4);
        for (const direction of DIRECTIONS)
          for (const connections of [1, 4]) {
            const samples = await repeat(runs, () => sample(forward, direction, bytes, connections));
            const what = `${agentPace} agent, ${direction.name}, ${connections} connection${connections === 1 ? '' : 's'}`;
            results.push({
              what,
              unit: 'MB/s',
              values: samples.map(({ rate }) => rate),
              ...(agentPace === 'official'
                ? { bar: { atLeast: PLUGIN_MB_PER_SECOND * (direction.name === 'up' ? 5 : 1) } }
                : {}),
            });
            if (agentPace === 'fast')
              results.push({
                what: `${what}: CPU`,
                unit: 's/GB',
                values: samples.map(({ cpu }) => cpu),
              });
          }
        return results;
      }),
    ),
  );
}

async function sample(
  forward: ForwardProcess,
  { move }: Direction,
  bytes: number,
  connections: number,
): Promise<{ readonly rate: number; readonly cpu: number }> {
  const cpuBefore = forward.cpuSeconds;
  const began = performance.now();
  await Promise.all(Array.from({ length: connections }, () => move(forward.port, bytes / connections)));
  const seconds = elapsedMs(began) / 1000;
  return { rate: bytes / 1e6 / seconds, cpu: (forward.cpuSeconds - cpuBefore) / (bytes / 1e9) };
}
