import { randomBytes, randomUUID } from 'node:crypto';
import { systemClock } from '../core/clock.ts';
import { createTerminal } from '../ui/terminal.ts';
import type { CliDeps } from './context.ts';
import { detachedProcess } from './detached-process.ts';
import { pipedProcess } from './supervisor/forward-process.ts';
import { lineageOf, watchParent } from './process-lineage.ts';

/**
 * The implementations for a real process. The process is a parameter, so that only main.ts refers to the global one.
 */
export function processDeps(host: NodeJS.Process, version: string): CliDeps {
  const env = host.env;
  const lineage = lineageOf([host.stdin, host.stdout, host.stderr], env['JOURNAL_STREAM']);
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
        if (name !== 'SIGHUP') {
          host.on(name, listener);
          return () => host.removeListener(name, listener);
        }
        // The listener stays registered even if it does nothing: without a listener SIGHUP would end the process.
        const onHangup = lineage.isDetached ? (): void => undefined : listener;
        host.on(name, onHangup);
        const unwatch = watchParent(() => host.ppid, lineage, listener);
        return () => {
          unwatch();
          host.removeListener(name, onHangup);
        };
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
    async openAccount(settings, callbacks) {
      const { openAwsAccount } = await import('../aws/open-account.ts');
      // The SDK reads the endpoints (`endpoint_url`, `services`) only of the profile that AWS_PROFILE names.
      const profile = settings.profile ?? (env['AWS_DEFAULT_PROFILE'] || undefined);
      if (profile !== undefined) env['AWS_PROFILE'] = profile;
      return openAwsAccount({ ...settings, endpointUrl: undefined }, env, callbacks);
    },
    version,
    startDetached: (argv, options) => detachedProcess(host, argv, options),
    startPiped: (argv, options) =>
      pipedProcess(host.execPath, [...host.execArgv, host.argv[1] ?? '', ...argv], options),
  };
}
