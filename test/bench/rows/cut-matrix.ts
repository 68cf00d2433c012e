import { execa } from 'execa';
import { createHash, randomBytes } from 'node:crypto';
import { ENTRY } from '../../support/cli-process.ts';
import { compare, failed, measured, OFFICIAL } from '../clients.ts';
import { type ForwardProcess, withRemoteProgram } from '../forward-process.ts';
import { type Checked, checkedDownload, checkedUpload } from '../remote-program.ts';
import { elapsedMs, type Measurement, type Remark, repeat, type Row } from '../row.ts';
import { type SandboxProcess, withSandbox } from '../sandbox-process.ts';

const BYTES = 1_500_160;
/**
 * The cuts happen between these fractions of the bytes that a transfer relays: data in one direction, acknowledgements
 * in the other.
 */
const EARLIEST = 0.05;
const LATEST = 0.9;
const RELAYED = BYTES * 1.4;
const DEADLINE_MS = 60_000;

const CUTS = [
  { spec: undefined, what: 'no cut' },
  { spec: 'cut-client', what: 'client cut once' },
  { spec: 'cut-agent', what: 'agent cut once' },
] as const;
const DIRECTIONS = [
  { name: 'up', move: checkedUpload },
  { name: 'down', move: checkedDownload },
] as const;

interface Sample {
  readonly outcome: Checked;
  readonly rate: number;
  readonly repeated: number;
}

/** Pace and traits are those of the sandbox's agent, which behaves as the official one. */
export const cutMatrix: Row = {
  name: 'cut-matrix',
  title:
    'transfers of 1.5 MB through a forward and into exec, each cut once at another byte: how many arrive intact',
  run: ({ runs }) =>
    withSandbox({ agentPace: 'fast' }, (sandbox) =>
      withRemoteProgram(sandbox, async () => {
        const results: (Measurement | Remark)[] = [];
        const seeds = seeded(1);
        for (const { name, move } of DIRECTIONS)
          for (const { spec, what } of CUTS) {
            const trials = await compare(sandbox, runs, DEADLINE_MS, async (forward) => {
              const at = Math.floor(RELAYED * (EARLIEST + (LATEST - EARLIEST) * seeds()));
              const faults = spec === undefined ? [] : [`${spec}=after:${at}`];
              return transfer(sandbox, forward, move, faults);
            });
            const title = `${name}, ${what}`;
            results.push(
              ...measured<Sample>(trials, { what: title, unit: 'MB/s', of: ({ rate }) => rate }),
              ...measured<Sample>(trials, {
                what: `${title}, repeated messages`,
                unit: '',
                of: ({ repeated }) => repeated,
              }),
              ...trials.map(({ client, samples, failures }) => ({
                remark: `${title}, ${client.name}: tried ${samples.length + failures.length}, ${outcomes(samples)}`,
              })),
              ...failed(trials, title),
            );
          }
        for (const { spec, what } of CUTS) {
          const intact = await repeat(runs, () => {
            const at = Math.floor(BYTES * (EARLIEST + (LATEST - EARLIEST) * seeds()));
            return stdinOfExec(sandbox, spec === undefined ? [] : [`${spec}=after:${at}`]);
          });
          results.push({
            remark: `stdin of exec, ${what}, fargate-connect: tried ${runs}, intact ${intact.filter(Boolean).length}`,
          });
        }
        return [...results, OFFICIAL];
      }),
    ),
};

const outcomes = (samples: readonly Sample[]): string =>
  (['intact', 'failed', 'wrong', 'ended early'] as const)
    .map((kind) => ({ kind, count: samples.filter(({ outcome }) => outcome === kind).length }))
    .filter(({ kind, count }) => kind === 'intact' || count > 0)
    .map(({ kind, count }) => `${kind} ${count}`)
    .join(', ');

async function transfer(
  sandbox: SandboxProcess,
  forward: ForwardProcess,
  move: (port: number, bytes: number) => Promise<Checked>,
  faults: readonly string[],
): Promise<Sample> {
  // Runs compiled code on both sides first.
  await move(forward.port, 300_032);
  await sandbox.ask({ type: 'faults', specs: faults });
  const before = await sandbox.repeatedInput();
  const began = performance.now();
  const outcome = await move(forward.port, BYTES);
  const seconds = elapsedMs(began) / 1000;
  const repeated = (await sandbox.repeatedInput()) - before;
  await sandbox.ask({ type: 'faults', specs: [] });
  return { outcome, rate: BYTES / 1e6 / seconds, repeated };
}

/** Whether a command of `exec` got all bytes of its stdin. */
async function stdinOfExec(sandbox: SandboxProcess, faults: readonly string[]): Promise<boolean> {
  const content = randomBytes(BYTES);
  await sandbox.ask({ type: 'faults', specs: faults });
  const words = ['exec', 'orders-api', '--cluster', 'demo', '--container', 'app', '--quiet'];
  const { stdout } = await execa(process.execPath, [ENTRY, ...words, '--', 'sha256sum'], {
    env: sandbox.env,
    input: content,
    reject: false,
    timeout: DEADLINE_MS,
  });
  await sandbox.ask({ type: 'faults', specs: [] });
  return stdout.startsWith(createHash('sha256').update(content).digest('hex'));
}

/** Seeded pseudorandom numbers in [0, 1). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
