import { spawn } from 'node:child_process';
import type { StartDetached } from './context.ts';

/** The implementation for a real process. */
export function detachedProcess(
  host: Pick<NodeJS.Process, 'argv' | 'execPath' | 'execArgv'>,
  argv: readonly string[],
  options: Parameters<StartDetached>[1] = {},
): void {
  const entry = host.argv[1];
  if (entry === undefined) return;
  const child = spawn(host.execPath, [...host.execArgv, entry, ...argv], {
    detached: true,
    stdio: 'ignore',
    windowsHide: true,
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const { onExit } = options;
  if (onExit !== undefined) child.once('exit', (status) => onExit(status ?? 1));
  // Without a listener, a system without room for another process would end this one with an error.
  child.on('error', () => options.onExit?.(1));
  child.unref();
}
