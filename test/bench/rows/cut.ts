import { setTimeout as sleep } from 'node:timers/promises';
import { type ForwardProcess, withForward, withRemoteProgram } from '../forward-process.ts';
import { dial, request } from '../remote-program.ts';
import { repeat, type Row } from '../row.ts';
import { type SandboxProcess, withSandbox } from '../sandbox-process.ts';

const BLOCK_BYTES = 4096;
const EVERY_MS = 2;
const BEFORE_MS = 400;
const AFTER_MS = 1500;
/** What was on its way arrives within this. */
const SETTLED_MS = 150;
/** A forward that needs longer than this for the rest has hung. */
const DRAIN_MS = 10_000;
const BAR_MS = 1000;

export const cut: Row = {
  name: 'cut',
  title:
    'a steady echo of 2 MB/s while a connection is cut: until bytes flow again, and whether all of them are right',
  run: ({ runs }) =>
    withSandbox({ agentPace: 'fast' }, (sandbox) =>
      withRemoteProgram(sandbox, async () => [
        {
          what: 'client’s WebSocket cut → bytes flow again',
          unit: 'ms',
          values: await repeat(runs, () => withForward(sandbox, (it) => outage(sandbox, it, 'cut-client'))),
          bar: { atMost: BAR_MS },
        },
        {
          what: 'closed with code 1000 → bytes flow again',
          unit: 'ms',
          values: await repeat(runs, () => withForward(sandbox, (it) => outage(sandbox, it, 'close-1000'))),
          bar: { atMost: BAR_MS },
        },
        {
          what: 'agent’s connection cut → bytes flow again',
          unit: 'ms',
          values: await repeat(runs, () => withForward(sandbox, (it) => outage(sandbox, it, 'cut-agent'))),
          bar: { atMost: BAR_MS },
        },
        {
          remark:
            'Every run compares every byte that came back with what was sent: none lost, doubled or out of order.',
        },
      ]),
    ),
};

/** Milliseconds without a byte because of the cut. Throws if a byte is wrong or missing. */
async function outage(
  sandbox: SandboxProcess,
  forward: ForwardProcess,
  fault: 'cut-client' | 'close-1000' | 'cut-agent',
): Promise<number> {
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
  }, EVERY_MS);
  await sleep(BEFORE_MS);
  const reply = await sandbox.ask({ type: 'faults', specs: [`${fault}=after:1ms`] });
  const cutAt = reply.type === 'done' ? reply.at + 1 : Number.NaN;
  await sleep(AFTER_MS);
  clearInterval(writing);
  await sandbox.ask({ type: 'faults', specs: [] });
  for (let waited = 0; received < sent && waited < DRAIN_MS; waited += 10) await sleep(10);
  socket.destroy();
  if (wrong !== undefined || received !== sent)
    throw new Error(`${fault}: ${received} of ${sent} bytes came back, first wrong one: ${wrong ?? 'none'}`);
  if (fault !== 'cut-agent' && !forward.talk.includes('"resumed"'))
    throw new Error(`${fault}: the connection was not cut\n${forward.talk}`);
  return longestSilence(arrivals, cutAt);
}

/** Prime period, so that a repeated or missing block of any usual size shows. */
const patternAt = (position: number): number => (position % 65_521) & 0xff;

function block(from: number): Buffer {
  const bytes = Buffer.allocUnsafe(BLOCK_BYTES);
  for (let i = 0; i < BLOCK_BYTES; i++) bytes[i] = patternAt(from + i);
  return bytes;
}

/** Of those that begin soon after the cut: later ones are the machine's. */
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
