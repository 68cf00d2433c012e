import { randomBytes, randomUUID } from 'node:crypto';
import { systemClock } from '../core/clock.ts';
import { createTerminal } from '../ui/terminal.ts';
import type { CliDeps } from './context.ts';

/** The real outside world. The process is handed in, so that only main.ts names it. */
export function processDeps(host: NodeJS.Process, version: string): CliDeps {
  const env = host.env;
  return {
    env,
    cwd: host.cwd(),
    terminal: createTerminal(host),
    clock: systemClock,
    random: {
      number: Math.random,
      bytes: (length) => randomBytes(length),
      uuid: () => randomUUID(),
    },
    signals: {
      on(name, listener) {
        host.on(name, listener);
        return () => host.removeListener(name, listener);
      },
    },
    uncaught(listener) {
      host.on('uncaughtException', listener);
      host.on('unhandledRejection', listener);
      return () => {
        host.removeListener('uncaughtException', listener);
        host.removeListener('unhandledRejection', listener);
      };
    },
    async openAccount(settings) {
      const { openAwsAccount } = await import('../aws/open-account.ts');
      return openAwsAccount(settings, env, systemClock);
    },
    version,
  };
}
