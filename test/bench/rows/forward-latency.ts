import { compare, failed, measured, OFFICIAL } from '../clients.ts';
import { withRemoteProgram } from '../forward-process.ts';
import { dial, MESSAGE, roundTrips } from '../remote-program.ts';
import { type Measurement, type Remark, type Row } from '../row.ts';
import { withSandbox } from '../sandbox-process.ts';
import { percentile } from '../statistics.ts';

/** Enough samples for thirty above p99: other work of the machine affects every tail. */
const REQUESTS = 3000;
/** As many as V8 needs to compile the hot code; before that, our p99 is a millisecond higher. */
const WARM_UP = 6000;
const DEADLINE_MS = 60_000;
/**
 * What session-manager-plugin added to loopback with the official agent: 1.51 ms at p50 and 6.31 ms at p99, less 0.32
 * and 1.13 ms without a forward (docs/benchmarks.md). The bar where no plugin is on PATH, although it is of another
 * agent and another hour.
 */
const RECORDED_MS: Readonly<Record<number, number>> = { 0.5: 1.19, 0.99: 5.18 };

export const forwardLatency: Row = {
  name: 'forward-latency',
  title: `${REQUESTS} requests of ${MESSAGE.length} bytes one after the other: what the forward adds to loopback`,
  run: async ({ runs }) => {
    const results: (Measurement | Remark)[] = [];
    for (const agentPace of ['fast', 'official'] as const) {
      const trials = await withSandbox({ agentPace }, (sandbox) =>
        withRemoteProgram(sandbox, (directPort) =>
          compare(sandbox, runs, DEADLINE_MS, async ({ port }) => {
            await roundTrips(await dial(port), WARM_UP);
            return {
              direct: await roundTrips(await dial(directPort), REQUESTS),
              forwarded: await roundTrips(await dial(port), REQUESTS),
            };
          }),
        ),
      );
      for (const share of [0.5, 0.99])
        results.push(
          ...measured(trials, {
            what: `${agentPace} agent, added at p${share * 100}`,
            unit: 'ms',
            of: ({ direct, forwarded }) => percentile(forwarded, share) - percentile(direct, share),
            bar: (official = agentPace === 'official' ? RECORDED_MS[share] : undefined) =>
              official === undefined ? undefined : { atMost: official },
          }),
        );
      results.push(...failed(trials, `${agentPace} agent`));
    }
    return [
      ...results,
      {
        remark:
          'The agent is the sandbox’s, with all traits of the official one. The bars at the official pace are the official plugin’s figures beside; ' +
          'without the plugin, those recorded with the official agent.',
      },
      OFFICIAL,
    ];
  },
};
