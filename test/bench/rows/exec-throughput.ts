import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';

import { ENTRY } from '../../support/cli-process.ts';
import { elapsedMs, type Measurement, repeat, type Row } from '../row.ts';
import { type SandboxProcess, withSandbox } from '../sandbox-process.ts';

const UP_BYTES = 32_000_000;
const DOWN_BYTES = 128_000_000;
/** Lines of the streaming command, and the time between two of them. */
const LINES = 40;
const LINE_EVERY_S = 0.05;
const REAPED_MS = 300;

export const execThroughput: Row = {
  name: 'exec-throughput',
  title:
    'MB/s (10^6) of stdin and stdout of exec -- CMD, fast agent, start and end of the process not counted',
  run: ({ runs }) =>
    withSandbox({ agentPace: 'fast' }, async (sandbox) => {
      const idle = await repeat(runs, () => exec(sandbox, ['true'], 0));
      const startMs = Math.min(...idle.map(({ ms }) => ms));
      const startCpu = Math.min(...idle.map(({ cpuMs }) => cpuMs));
      const up = await repeat(runs, () => exec(sandbox, inShell('cat >/dev/null'), UP_BYTES));
      const down = await repeat(runs, () => exec(sandbox, inShell(`head -c ${DOWN_BYTES} /dev/zero`), 0));
      const lines = await repeat(runs, () => slowestLine(sandbox));
      const direction = (what: string, bytes: number, samples: readonly Sample[], bar: number) => {
        const megabytes = bytes / 1e6;
        return [
          {
            what,
            unit: 'MB/s',
            values: samples.map(({ ms }) => (megabytes * 1000) / Math.max(1, ms - startMs)),
            bar: { atLeast: bar },
          },
          {
            what: `${what}: CPU of the CLI`,
            unit: 'ms/MB',
            values: samples.map(({ cpuMs }) => (cpuMs - startCpu) / megabytes),
          },
          {
            what: `${what}: CPU of the sandbox`,
            unit: 'ms/MB',
            values: samples.map(({ sandboxMs }) => sandboxMs / megabytes),
          },
          {
            what: `${what}: CPU of the far side`,
            unit: 'ms/MB',
            values: samples.map(({ farMs }) => farMs / megabytes),
          },
        ] satisfies readonly Measurement[];
      };
      return [
        ...direction('up', UP_BYTES, up, 5),
        ...direction('down', DOWN_BYTES, down, 20),
        {
          what: `the slowest of ${LINES} lines of a streaming command, from its program to our stdout`,
          unit: 'ms',
          values: lines,
          bar: { atMost: 100 },
        },
        { what: 'true, from start to end of the process', unit: 'ms', values: idle.map(({ ms }) => ms) },
      ];
    }),
};

interface Sample {
  /** From start to end of the process. */
  readonly ms: number;
  /** CPU time of the CLI; of the sandbox; of the processes in the container that have ended. */
  readonly cpuMs: number;
  readonly sandboxMs: number;
  readonly farMs: number;
}

const inShell = (line: string): readonly string[] => ['sh', '-c', line];

function start(sandbox: SandboxProcess, command: readonly string[]) {
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
  return spawn(process.execPath, [ENTRY, ...words], {
    env: { ...process.env, ...sandbox.env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

async function exec(
  sandbox: SandboxProcess,
  command: readonly string[],
  stdinBytes: number,
): Promise<Sample> {
  const before = { own: cpuTime('self'), sandbox: cpuTime(sandbox.pid) };
  const began = performance.now();
  const child = start(sandbox, command);
  child.stdout.resume();
  child.stdin.end(Buffer.alloc(stdinBytes, 'x'));
  const [status] = (await once(child, 'close')) as [number];
  if (status !== 0) throw new Error(`exec ended with ${status}`);
  const ms = elapsedMs(began);
  // The sandbox is told by then that the programs of the container have ended.
  await setTimeout(REAPED_MS);
  const after = { own: cpuTime('self'), sandbox: cpuTime(sandbox.pid) };
  return {
    ms,
    cpuMs: after.own.children - before.own.children,
    sandboxMs: after.sandbox.own - before.sandbox.own,
    farMs: after.sandbox.children - before.sandbox.children,
  };
}

/** Each line holds the time at which it was printed, on the clock of this machine. */
async function slowestLine(sandbox: SandboxProcess): Promise<number> {
  const script = `for i in $(seq ${LINES}); do date +%s%N; sleep ${LINE_EVERY_S}; done`;
  const child = start(sandbox, inShell(script));
  child.stdin.end();
  let slowest = 0;
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    count++;
    slowest = Math.max(slowest, performance.timeOrigin + performance.now() - Number(line) / 1e6);
  }
  if (count !== LINES) throw new Error(`${count} of ${LINES} lines arrived`);
  return slowest;
}

/**
 * CPU time of a process and of its ended children, in ms: proc_pid_stat(5), fields 14 to 17, in ticks of 10 ms. Only
 * Linux has it.
 */
function cpuTime(pid: number | 'self'): { readonly own: number; readonly children: number } {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11);
  return { own: (user + system) * 10, children: (childUser + childSystem) * 10 };
}
