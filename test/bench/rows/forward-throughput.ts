import { type Client, compare, failed, measured, OFFICIAL } from '../clients.ts';
import { type ForwardProcess, withRemoteProgram } from '../forward-process.ts';
import { download, upload } from '../remote-program.ts';
import { type Bar, type BenchOptions, elapsedMs, type Measurement, type Remark, type Row } from '../row.ts';
import { type SandboxProcess, withSandbox } from '../sandbox-process.ts';

const MIB = 2 ** 20;
/** A busy machine needs ten times what an idle one does. */
const DEADLINE_MS = 120_000;
/** The throughput of session-manager-plugin with the official agent, in both directions (docs/benchmarks.md). */
const RECORDED_MB_PER_SECOND = 0.72;

interface Direction {
  readonly name: 'up' | 'down';
  readonly move: (port: number, bytes: number) => Promise<void>;
  /** The share of the official client's throughput. */
  readonly barFactor: number;
}

const DIRECTIONS: readonly Direction[] = [
  { name: 'up', move: upload, barFactor: 5 },
  { name: 'down', move: download, barFactor: 1 },
];

export const forwardThroughput: Row = {
  name: 'forward-throughput',
  title: 'MB/s (10^6) through a forward, and what it costs the client’s process',
  run: async (options) => [
    ...(await measure('fast', options)),
    ...(await measure('official', options)),
    {
      remark:
        'The agent is the sandbox’s, with all traits of the official one. Pace "official" reproduces the agent’s 1 KiB messages and 1 ms waits between messages it sends. The bars are 5 × (up) and ' +
        `1 × (down) the official plugin’s figure beside; without the plugin, the ${RECORDED_MB_PER_SECOND} MB/s recorded with the official agent.`,
    },
    OFFICIAL,
  ],
};

/**
 * A client below 1 MB/s gets less data: the plugin for uploads, and every client for downloads from an agent at the
 * official pace.
 */
const bytesPerRun = (agentPace: 'fast' | 'official', { name }: Direction, client: Client): number =>
  (name === 'up' ? client.name === 'official plugin' : agentPace === 'official') ? 4 * MIB : 16 * MIB;

function measure(
  agentPace: 'fast' | 'official',
  { runs }: BenchOptions,
): Promise<readonly (Measurement | Remark)[]> {
  return withSandbox({ agentPace }, (sandbox) =>
    withRemoteProgram(sandbox, async () => {
      const results: (Measurement | Remark)[] = [];
      for (const direction of DIRECTIONS)
        for (const connections of [1, 4]) {
          const trials = await compare(sandbox, runs, DEADLINE_MS, (forward, client) =>
            sample(sandbox, forward, direction, bytesPerRun(agentPace, direction, client), connections),
          );
          const what = `${agentPace} agent, ${direction.name}, ${connections} connection${connections === 1 ? '' : 's'}`;
          const recorded = agentPace === 'official' ? RECORDED_MB_PER_SECOND : undefined;
          const bar = (official = recorded): Bar | undefined =>
            official === undefined ? undefined : { atLeast: official * direction.barFactor };
          results.push(...measured(trials, { what, unit: 'MB/s', of: ({ rate }) => rate, bar }));
          if (agentPace === 'fast')
            results.push(...measured(trials, { what: `CPU, ${what}`, unit: 's/GB', of: ({ cpu }) => cpu }));
          if (direction.name === 'up')
            results.push(
              ...measured(trials, {
                what: `messages sent more than once, of 1000, ${what}`,
                unit: '',
                of: ({ repeated }) => repeated,
              }),
            );
          results.push(...failed(trials, what));
        }
      return results;
    }),
  );
}

async function sample(
  sandbox: SandboxProcess,
  forward: ForwardProcess,
  { move }: Direction,
  bytes: number,
  connections: number,
): Promise<{ readonly rate: number; readonly cpu: number; readonly repeated: number }> {
  // After its first second, a forward has compiled code and a large window.
  await move(forward.port, bytes / 4);
  const cpuBefore = forward.cpuSeconds;
  const repeatedBefore = await sandbox.repeatedInput();
  const began = performance.now();
  await Promise.all(Array.from({ length: connections }, () => move(forward.port, bytes / connections)));
  const seconds = elapsedMs(began) / 1000;
  return {
    rate: bytes / 1e6 / seconds,
    cpu: (forward.cpuSeconds - cpuBefore) / (bytes / 1e9),
    repeated: ((await sandbox.repeatedInput()) - repeatedBefore) / (bytes / 1024 / 1000),
  };
}
