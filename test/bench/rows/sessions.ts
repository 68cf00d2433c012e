import { SEED_DATABASES } from '../../../src/sandbox/world/seed-databases.ts';
import { CliProcess } from '../../support/cli-process.ts';
import { ForwardProcess, withRemoteProgram } from '../forward-process.ts';
import { download } from '../remote-program.ts';
import { type Measurement, repeat, type Row } from '../row.ts';
import { type SandboxProcess, withSandbox } from '../sandbox-process.ts';

/** What is downloaded through one connection before the next one is opened, as an image pull or a browser does. */
const PART_BYTES = 512 * 1024;
/** By then a forward has seen the agent's pace and has opened its further sessions. */
const BEFORE_MS = 4_000;
const MEASURED_MS = 3_000;
const AT_FOUR = 3;

const WAYS = [
  { name: 'one session', args: ['--sessions', '1'] },
  { name: 'the default', args: [] },
  { name: '8 sessions', args: ['--sessions', '8'] },
] as const;

export const sessions: Row = {
  name: 'sessions',
  title: 'download through a forward of several sessions, agent at the official pace, through the bastion',
  run: ({ runs }) =>
    withSandbox({ agentPace: 'official' }, (sandbox) =>
      withRemoteProgram(sandbox, async () => {
        await upFor(sandbox);
        const rates = new Map<string, number[]>();
        await repeat(runs, async () => {
          for (const { name, args } of WAYS)
            for (const connections of [1, 4, 8]) {
              const forward = await ForwardProcess.ours(sandbox, 'bastion', args);
              try {
                const key = `${connections} connection${connections === 1 ? '' : 's'}, ${name}`;
                const rate = await downloadRate(forward.port, connections);
                rates.set(key, [...(rates.get(key) ?? []), rate]);
              } finally {
                await forward.stop();
              }
            }
        });
        const one = rates.get('4 connections, one session') ?? [];
        const ratios: Measurement[] = WAYS.slice(1).map(({ name }) => ({
          what: `4 connections, ${name}: times as fast as one session`,
          unit: '×',
          values: (rates.get(`4 connections, ${name}`) ?? []).map((rate, run) => rate / (one[run] ?? 0)),
          bar: { atLeast: AT_FOUR },
        }));
        return [
          ...[...rates].map(([what, values]): Measurement => ({ what, unit: 'MB/s', values })),
          ...ratios,
          {
            remark: `Each connection downloads ${PART_BYTES / 1024} KiB and is followed by another one. The first ${BEFORE_MS / 1000} s are not counted: in the first two of them the default has one session.`,
          },
        ];
      }),
    ),
};

async function upFor(sandbox: SandboxProcess): Promise<void> {
  const database = SEED_DATABASES[0]?.id ?? '';
  const args = ['up', '--cluster', 'demo', '--db', database, '--yes'];
  const { status, stderr } = await new CliProcess(args, { env: sandbox.env }).finished;
  if (status !== 0) throw new Error(stderr);
}

/** MB/s of `connections` programs that download part after part. */
async function downloadRate(port: number, connections: number): Promise<number> {
  const began = performance.now();
  const from = began + BEFORE_MS;
  const to = from + MEASURED_MS;
  let bytes = 0;
  const program = async (): Promise<void> => {
    for (let at = began; at < to;) {
      await download(port, PART_BYTES);
      const end = performance.now();
      // The share of the part that falls into the measured time.
      const share = Math.max(0, Math.min(end, to) - Math.max(at, from)) / (end - at);
      bytes += share * PART_BYTES;
      at = end;
    }
  };
  await Promise.all(Array.from({ length: connections }, program));
  return bytes / 1e6 / (MEASURED_MS / 1000);
}
