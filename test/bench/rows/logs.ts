import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { elapsedMs, repeat, type Row } from '../row.ts';
import { withSandbox } from '../sandbox-process.ts';

const run = promisify(execFile);
const CLI = resolve(import.meta.dirname, '../../../dist/main.js');
const MAX_CALLS = 6;

/** `logs` of a service with two tasks in one log group, process start included. */
export const logs: Row = {
  name: 'logs',
  title: 'service name → all lines of the last day, process start included',
  run: ({ runs }) =>
    withSandbox({ agentPace: 'fast' }, async (sandbox) => {
      const calls: (readonly string[])[] = [];
      const times = await repeat(runs, async () => {
        const before = (await sandbox.calls()).length;
        const began = performance.now();
        await run(process.execPath, [CLI, 'logs', 'orders-api', '--cluster', 'demo', '--since', '1d'], {
          env: { ...process.env, ...sandbox.env },
        });
        const ms = elapsedMs(began);
        calls.push((await sandbox.calls()).slice(before));
        return ms;
      });
      return [
        { what: 'fargate-connect logs, to its end', unit: 'ms', values: times },
        {
          what: 'API calls',
          unit: 'calls',
          values: calls.map((list) => list.length),
          bar: { atMost: MAX_CALLS },
        },
        { remark: `Calls, in order: ${calls[0]?.join(', ') ?? 'none'}.` },
      ];
    }),
};
