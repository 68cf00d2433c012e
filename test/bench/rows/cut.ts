import { setTimeout as sleep } from 'node:timers/promises';
import { compare, failed, measured, OFFICIAL } from '../clients.ts';
import { type ForwardProcess, withRemoteProgram } from '../forward-process.ts';
import { dial, request } from '../remote-program.ts';
import type { Measurement, Remark, Row } from '../row.ts';
import { type SandboxProcess, withSandbox } from '../sandbox-process.ts';

const BLOCK_BYTES = 512;
/** The throughput of the official plugin without a cut, and a tenth of it. */
const LOADS = [2, 20].map((everyMs) => ({ everyMs, name: `${BLOCK_BYTES / everyMs} kB/s` }));
const BEFORE_MS = 400;
const AFTER_MS = 1500;
/** Data in transit at the cut arrives within this time. */
const SETTLED_MS = 150;
/** A forward that needs longer than this for the rest is considered hung. */
const DRAIN_MS = 10_000;
const DEADLINE_MS = 20_000;
const BAR = { atMost: 1000 };

const FAULTS = [
  { spec: 'cut-client', what: 'client’s WebSocket cut' },
  { spec: 'close-1000', what: 'closed with code 1000' },
  { spec: 'cut-agent', what: 'agent’s connection cut' },
] as const;

export const cut: Row = {
  name: 'cut',
  title: 'a steady echo while a connection is cut: until bytes flow again, and whether all of them are right',
  run: ({ runs }) =>
    withSandbox({ agentPace: 'fast' }, (sandbox) =>
      withRemoteProgram(sandbox, async () => {
        const results: (Measurement | Remark)[] = [];
        for (const load of LOADS)
          for (const fault of FAULTS) {
            const trials = await compare(sandbox, runs, DEADLINE_MS, (forward) =>
              outage(sandbox, forward, fault.spec, load.everyMs),
            );
            const what = `${fault.what} at ${load.name}`;
            results.push(
              ...measured(trials, { what, unit: 'ms', of: (silence) => silence, bar: () => BAR }),
              ...failed(trials, what),
            );
          }
        return [
          ...results,
          {
            remark:
              'The time is the longest silence that begins with the cut. Every run compares every byte that came back with what was sent: none lost, doubled or out of order.',
          },
          OFFICIAL,
        ];
      }),
    ),
};

/** Returns the milliseconds without a byte because of the cut. Throws if a byte is wrong or missing. */
async function outage(
  sandbox: SandboxProcess,
  forward: ForwardProcess,
  fault: (typeof FAULTS)[number]['spec'],
  everyMs: number,
): Promise<number> {
  const resumesBefore = await resumes(sandbox);
  const socket = await dial(forward.port);
  let sent = 0;
  let received = 0;
  const arrivals: number[] = [];
  let wrong: number | undefined;
  socket.on('data', (data: Buffer) => {
    arrivals.push(Date.now());
    for (let i = 0; i < data.length; i++) if (data[i] !== patternAt(received + i)) wrong ??= received + i;
    received += data.length;
  });
  socket.write(request('E'));
  const writing = setInterval(() => {
    socket.write(block(sent));
    sent += BLOCK_BYTES;
  }, everyMs);
  await sleep(BEFORE_MS);
  const reply = await sandbox.ask({ type: 'faults', specs: [`${fault}=after:1ms`] });
  const cutAt = reply.type === 'done' ? reply.at + 1 : Number.NaN;
  await sleep(AFTER_MS);
  clearInterval(writing);
  await sandbox.ask({ type: 'faults', specs: [] });
  for (let waited = 0; received < sent && waited < DRAIN_MS; waited += 10) await sleep(10);
  socket.destroy();
  if (wrong !== undefined) throw new Error(`byte ${wrong} came back wrong`);
  if (received !== sent)
    throw new Error(`${received} of ${sent} bytes came back within ${DRAIN_MS / 1000} s`);
  if (fault !== 'cut-agent' && (await resumes(sandbox)) === resumesBefore)
    throw new Error('the connection was not cut');
  return longestSilence(arrivals, cutAt);
}

const resumes = async (sandbox: SandboxProcess): Promise<number> =>
  (await sandbox.calls()).filter((call) => call === 'ssm:ResumeSession').length;

/** The period is prime, so that a repeated or missing block of any usual size is detected. */
const patternAt = (position: number): number => (position % 65_521) & 0xff;

function block(from: number): Buffer {
  const bytes = Buffer.allocUnsafe(BLOCK_BYTES);
  for (let i = 0; i < BLOCK_BYTES; i++) bytes[i] = patternAt(from + i);
  return bytes;
}

/** Counts only pauses that begin soon after the cut: later ones are caused by the machine. */
function longestSilence(arrivals: readonly number[], cutAt: number): number {
  let last = cutAt;
  let longest = 0;
  for (const at of arrivals) {
    if (at < cutAt) continue;
    if (last - cutAt > SETTLED_MS) break;
    longest = Math.max(longest, at - last);
    last = at;
  }
  return longest;
}
