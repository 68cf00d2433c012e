import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { elapsedMs, repeat, type Row } from '../row.ts';
import { withSandbox } from '../sandbox-process.ts';

const run = promisify(execFile);
const CLI = resolve(import.meta.dirname, '../../../dist/main.js');

/** `doctor` of a service in which nothing is wrong, process start included. */
export const doctor: Row = {
  name: 'doctor',
  title: 'service name → no fault was found, process start included',
  run: ({ runs }) =>
    withSandbox({ agentPace: 'fast' }, async (sandbox) => {
      const calls: number[] = [];
      const times = await repeat(runs, async () => {
        const before = (await sandbox.calls()).length;
        const began = performance.now();
        await run(process.execPath, [CLI, 'doctor', 'orders-api', '--cluster', 'demo'], {
          env: { ...process.env, ...sandbox.env },
        });
        const ms = elapsedMs(began);
        calls.push((await sandbox.calls()).length - before);
        return ms;
      });
      return [
        { what: 'fargate-connect doctor SERVICE, to its end', unit: 'ms', values: times },
        { what: 'API calls', unit: 'calls', values: calls },
      ];
    }),
};
