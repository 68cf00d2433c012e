import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ForwardProcess, ProcessEnd } from '../../app/supervisor/detached-forward.ts';

/** A child process without stdin, whose lines are read. It notices by its pipes when the parent is gone. */
export function pipedProcess(
  program: string,
  argv: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): ForwardProcess {
  const child = spawn(program, argv, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
  return {
    pid: child.pid,
    stop: (signal) => void child.kill(signal),
    watch(onLine, onEnd) {
      let end: ProcessEnd | undefined;
      const ended = (last: ProcessEnd): void => {
        if (end === undefined) onEnd((end = last));
      };
      for (const stream of [child.stdout, child.stderr])
        createInterface({ input: stream, crlfDelay: Infinity }).on('line', onLine);
      child.once('error', (error) => ended({ exitStatus: undefined, reason: error.message }));
      child.once('close', (status, signal) =>
        ended({
          exitStatus: status ?? undefined,
          reason: signal === null ? `exit status ${status}` : `signal ${signal}`,
        }),
      );
    },
  };
}
