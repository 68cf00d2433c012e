import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { compare, failed, measured, OFFICIAL, type Quantity } from '../clients.ts';
import { type ForwardProcess, withRemoteProgram } from '../forward-process.ts';
import { dial, request } from '../remote-program.ts';
import type { Row } from '../row.ts';
import { withSandbox } from '../sandbox-process.ts';

const CONNECTIONS = 50;
const BUSY_MS = 3000;
const STALLED_MS = 3000;
const STALLED_BYTES = 64 * 2 ** 20;
const BLOCK = Buffer.alloc(16 * 1024, 'm');
const DEADLINE_MS = 60_000;
const BAR = { atMost: 128 };

export const memory: Row = {
  name: 'memory',
  title: `resident memory of the client with ${CONNECTIONS} busy connections, then one consumer that stops reading`,
  run: ({ runs }) =>
    withSandbox({ agentPace: 'fast' }, (sandbox) =>
      withRemoteProgram(sandbox, async () => {
        const trials = await compare(sandbox, runs, DEADLINE_MS, sample);
        const quantities: readonly Quantity<Sample>[] = [
          { what: 'idle forward', unit: 'MB', of: ({ idle }) => idle },
          {
            what: `peak, ${CONNECTIONS} busy connections`,
            unit: 'MB',
            of: ({ busy }) => busy,
            bar: () => BAR,
          },
          {
            what: 'peak, and one stalled consumer',
            unit: 'MB',
            of: ({ stalled }) => stalled,
            bar: () => BAR,
          },
          { what: 'echoed meanwhile', unit: 'MB', of: ({ echoed }) => echoed },
        ];
        return [
          ...quantities.flatMap((quantity) => measured(trials, quantity)),
          ...failed(trials, `${CONNECTIONS} busy connections and a stalled consumer`),
          {
            remark:
              `The stalled consumer asks for ${STALLED_BYTES / 2 ** 20} MiB and reads nothing for ${STALLED_MS / 1000} s; ` +
              'afterwards it reads on, and every run checks that all of it arrives.',
          },
          OFFICIAL,
        ];
      }),
    ),
};

interface Sample {
  readonly idle: number;
  readonly busy: number;
  readonly stalled: number;
  readonly echoed: number;
}

async function sample(forward: ForwardProcess): Promise<Sample> {
  const idle = forward.residentMb;
  const echoes = await Promise.all(Array.from({ length: CONNECTIONS }, () => echo(forward.port)));
  await sleep(BUSY_MS);
  const busy = forward.peakMb;
  const consumer = await dial(forward.port);
  let received = 0;
  consumer.pause();
  consumer.on('data', (bytes: Buffer) => {
    received += bytes.length;
  });
  consumer.pause();
  consumer.write(request('D', STALLED_BYTES));
  await sleep(STALLED_MS);
  const stalled = forward.peakMb;
  const echoed = echoes.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  for (const { socket } of echoes) socket.destroy();
  consumer.resume();
  await once(consumer, 'end');
  if (received !== STALLED_BYTES)
    throw new Error(`${received} of ${STALLED_BYTES} bytes reached the consumer`);
  return { idle, busy, stalled, echoed };
}

/** Keeps one block in transit all the time. */
async function echo(port: number): Promise<{ readonly socket: Socket; readonly bytes: number }> {
  const socket = await dial(port);
  const state = { socket, bytes: 0 };
  let missing = BLOCK.length;
  socket.on('error', () => undefined);
  socket.on('data', (data: Buffer) => {
    state.bytes += data.length;
    missing -= data.length;
    if (missing > 0) return;
    missing = BLOCK.length;
    socket.write(BLOCK);
  });
  socket.write(request('E'));
  socket.write(BLOCK);
  return state;
}
