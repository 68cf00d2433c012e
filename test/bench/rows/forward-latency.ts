import { once } from 'node:events';
import { withForward, withRemoteProgram } from '../forward-process.ts';
import { dial, request } from '../remote-program.ts';
import { elapsedMs, type Measurement, repeat, type Row } from '../row.ts';
import { withSandbox } from '../sandbox-process.ts';
import { percentile } from '../statistics.ts';

const REQUESTS = 1000;
const WARM_UP = 200;
const MESSAGE = Buffer.alloc(64, 'q');

export const forwardLatency: Row = {
  name: 'forward-latency',
  title: `${REQUESTS} requests of ${MESSAGE.length} bytes one after the other: what the forward adds to loopback`,
  run: async ({ runs }) => {
    const results: Measurement[] = [];
    for (const agentPace of ['fast', 'official'] as const) {
      const samples = await withSandbox({ agentPace }, (sandbox) =>
        withRemoteProgram(sandbox, (directPort) =>
          withForward(sandbox, async ({ port }) => {
            await roundTrips(port, WARM_UP);
            return repeat(runs, async () => ({
              direct: await roundTrips(directPort, REQUESTS),
              forwarded: await roundTrips(port, REQUESTS),
            }));
          }),
        ),
      );
      for (const share of [0.5, 0.99])
        results.push({
          what: `${agentPace} agent, added at p${share * 100}`,
          unit: 'ms',
          values: samples.map(
            ({ direct, forwarded }) => percentile(forwarded, share) - percentile(direct, share),
          ),
        });
    }
    return [
      ...results,
      {
        remark:
          'The bar is session-manager-plugin’s own p50 and p99 in the same run; not measured here, the plugin is not installed.',
      },
    ];
  },
};

async function roundTrips(port: number, count: number): Promise<readonly number[]> {
  const socket = await dial(port);
  socket.write(request('E'));
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    let missing = MESSAGE.length;
    socket.write(MESSAGE);
    while (missing > 0) missing -= ((await once(socket, 'data')) as [Buffer])[0].length;
    times.push(elapsedMs(began));
  }
  socket.destroy();
  return times;
}
