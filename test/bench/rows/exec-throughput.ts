import { spawn } from 'node:child_process';

import { ENTRY } from '../../support/cli-process.ts';
import { elapsedMs, repeat, type Row } from '../row.ts';
import { type SandboxProcess, withSandbox } from '../sandbox-process.ts';

const UP_BYTES = 16_000_000;
const DOWN_BYTES = 64_000_000;

export const execThroughput: Row = {
  name: 'exec-throughput',
  title:
    'MB/s (10^6) of stdin and stdout of exec -- CMD, fast agent, start and end of the process not counted',
  run: ({ runs }) =>
    withSandbox({ agentPace: 'fast' }, async (sandbox) => {
      const idle = await repeat(runs, () => exec(sandbox, ['true'], 0));
      const start = Math.min(...idle);
      const rate = (bytes: number, ms: number): number => bytes / 1000 / Math.max(1, ms - start);
      const up = await repeat(runs, () => exec(sandbox, ['sh', '-c', 'cat >/dev/null'], UP_BYTES));
      const down = await repeat(runs, () =>
        exec(sandbox, ['head', '-c', String(DOWN_BYTES), '/dev/zero'], 0),
      );
      return [
        { what: 'up', unit: 'MB/s', values: up.map((ms) => rate(UP_BYTES, ms)), bar: { atLeast: 5 } },
        { what: 'down', unit: 'MB/s', values: down.map((ms) => rate(DOWN_BYTES, ms)), bar: { atLeast: 20 } },
        { what: 'true, from start to end of the process', unit: 'ms', values: idle },
      ];
    }),
};

/** Milliseconds from start to end of the process. */
function exec(sandbox: SandboxProcess, command: readonly string[], stdinBytes: number): Promise<number> {
  const began = performance.now();
  const words = [
    'exec',
    'orders-api',
    '--cluster',
    'demo',
    '--container',
    'app',
    '--quiet',
    '--',
    ...command,
  ];
  const child = spawn(process.execPath, [ENTRY, ...words], {
    env: { ...process.env, ...sandbox.env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdout.resume();
  child.stdin.end(Buffer.alloc(stdinBytes, 'x'));
  return new Promise((resolve, reject) => {
    child.once('close', (status) => {
      if (status === 0) resolve(elapsedMs(began));
      else reject(new Error(`exec ended with ${status}`));
    });
  });
}
