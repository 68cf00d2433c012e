import { once } from 'node:events';
import { compare, failed, measured, OFFICIAL } from '../clients.ts';
import { withRemoteProgram } from '../forward-process.ts';
import { dial, type RemoteProgram, request } from '../remote-program.ts';
import { elapsedMs, type Row } from '../row.ts';
import { withSandbox } from '../sandbox-process.ts';
import { percentile } from '../statistics.ts';

const CONNECTIONS = 5000;
const CLOSES = 100;
/** What a PostgreSQL server with its usual 100 connections can spare. */
const MOST_OPEN = 12;
const MESSAGE = Buffer.alloc(64, 'q');
/** A busy machine needs ten times what an idle one does. */
const DEADLINE_MS = 600_000;

/** The agent is the sandbox's, with the traits of the official one. */
export const shortConnections: Row = {
  name: 'short-connections',
  title: `${CONNECTIONS} connections of one request, one after the other`,
  run: ({ runs }) =>
    withSandbox({ agentPace: 'fast' }, (sandbox) =>
      withRemoteProgram(sandbox, async (_, program) => {
        const trials = await compare(sandbox, runs, DEADLINE_MS, async ({ port }) => {
          program.restartPeak();
          const began = performance.now();
          let answered = 0;
          for (let i = 0; i < CONNECTIONS; i++) if (await isAnswered(port)) answered++;
          return { answered, ms: elapsedMs(began) / CONNECTIONS, peak: program.peak };
        });
        return [
          ...measured(trials, {
            what: 'connections that got their answer',
            unit: '',
            of: ({ answered }) => answered,
            bar: () => ({ atLeast: CONNECTIONS }),
          }),
          ...measured(trials, {
            what: 'open at the server at the same time, at most',
            unit: '',
            of: ({ peak }) => peak,
            bar: () => ({ atMost: MOST_OPEN }),
          }),
          ...measured(trials, { what: 'one connection, mean', unit: 'ms', of: ({ ms }) => ms }),
          ...failed(trials, 'short connections'),
          OFFICIAL,
        ];
      }),
    ),
};

/** The same agent. */
export const localClose: Row = {
  name: 'local-close',
  title: `${CLOSES} idle connections, one after the other: time from a local close to the server's`,
  run: ({ runs }) =>
    withSandbox({ agentPace: 'fast' }, (sandbox) =>
      withRemoteProgram(sandbox, async (_, program) => {
        const trials = await compare(sandbox, runs, DEADLINE_MS, ({ port }) => timesToClose(port, program));
        const quantities = [0.5, 0.99].map((share) => ({
          what: `local close to the server's, p${share * 100}`,
          unit: 'ms',
          of: (closes: readonly number[]) => percentile(closes, share),
          bar: () => ({ atMost: 100 }),
        }));
        return [
          ...quantities.flatMap((quantity) => measured(trials, quantity)),
          ...failed(trials, 'local close'),
          OFFICIAL,
        ];
      }),
    ),
};

async function isAnswered(port: number): Promise<boolean> {
  const socket = await dial(port);
  const end = Promise.race([once(socket, 'data'), once(socket, 'close')]);
  socket.write(Buffer.concat([Buffer.from(request('E')), MESSAGE]));
  const [data] = (await end) as [unknown];
  socket.destroy();
  return Buffer.isBuffer(data);
}

/** The connections are answered and idle, so that nothing waits when the local program closes them. */
async function timesToClose(port: number, program: RemoteProgram): Promise<readonly number[]> {
  const times: number[] = [];
  for (let i = 0; i < CLOSES; i++) {
    const socket = await dial(port);
    socket.write(Buffer.concat([Buffer.from(request('E')), MESSAGE]));
    await once(socket, 'data');
    const closed = program.nextClose();
    const began = performance.now();
    socket.destroy();
    await closed;
    times.push(elapsedMs(began));
  }
  return times;
}
