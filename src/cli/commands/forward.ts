import { Command, Option } from 'commander';

import type { ConfiguredConnection } from '../../config/settings.ts';
import type { ForwardRequest } from '../../app/forward/forward-request.ts';
import { usage } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { serviceArgument } from '../contradictions.ts';
import { typedWords } from '../typed-words.ts';
import { listDetachedCommand, stopDetachedCommand } from './detached.ts';
import { withDiagnosis } from '../failed-connect.ts';
import {
  addForwardFlag,
  addProxyFlags,
  addRouteFlags,
  type ProxyFlags,
  routeContradiction,
  type RouteFlags,
} from '../forward-flags.ts';

export interface ForwardOptions extends Omit<ForwardRequest, 'wanted' | 'connections'> {
  /** True = the file for browsers is printed, and nothing is opened. */
  readonly pac: boolean;
  readonly service: string | undefined;
  /** Names of connections of the config files; empty where `-L`, `-D` or `--stdio` says what to open. */
  readonly names: readonly string[];
  /** Words of the same command line without names and `--detach`; undefined = it stays in this process. */
  readonly detached: readonly string[] | undefined;
}

export function forwardCommand(invoke: Invoke, run: Run<ForwardOptions> = runForward): Command {
  const command = new Command('forward')
    .description('local ports to a task, or to hosts behind a task or the bastion')
    .argument(
      '[name...]',
      'connections of the config file; with -L or -D the service whose task carries them',
    );
  addProxyFlags(addForwardFlag(command));
  command.addCommand(listDetachedCommand(invoke)).addCommand(stopDetachedCommand(invoke));
  return addRouteFlags(command)
    .option('--detach', 'stay open in the background when this command ends; forward list, forward stop NAME')
    .addOption(new Option('--report-traffic').hideHelp())
    .option('--stdio <target>', 'HOST:PORT on stdin and stdout, for ssh -o ProxyCommand')
    .option('--document <name>', 'session document that fixes host and port; -L is then [bind:]local')
    .option('--allow-link-local', '-D leads to 169.254.0.0/16 too, where AWS serves credentials')
    .option('--pac', 'print the proxy auto-configuration file of -D for browsers, and open nothing')
    .option('--require-logged', 'refuse a task as carrier: ECS Exec does not log these sessions')
    .addHelpText(
      'after',
      `
Runs until Ctrl-C and then exits 0 (130 if no listener was ready yet). With --json each listener that is \
ready is one line on stdout. Local port 0 takes any free port. --via auto: a task when a service or task is named, \
else the bastion. Names are those of connections in the config file (config add); --via, --name, --cluster, --service and \
--container replace what the file says.

Examples:
  $ fargate-connect forward orders-api -L 8080:80
  $ fargate-connect forward -L 5432:db.internal:5432 -L 6379:cache.internal:6379 --via bastion
  $ fargate-connect forward orders web
  $ fargate-connect forward orders web --detach   # then: forward list, forward stop web
  $ fargate-connect forward -L orders-db -L 6379:sessions-cache --service orders-api
  $ fargate-connect forward -L 5432:orders-db:5432 --sessions 8   # pg_dump -j 8
  $ fargate-connect forward orders-api -D 1080   # curl --socks5-hostname 127.0.0.1:1080 …
  $ fargate-connect forward orders-api -D 1080 --allow '*.internal' --allow 10.0.0.0/16:443
  $ fargate-connect forward -D 1080 --allow '*.internal' --pac > proxy.pac
  $ fargate-connect forward --document fargate-connect-orders-db -L 5432
  $ ssh -o ProxyCommand='fargate-connect forward --stdio %h:%p --via bastion' me@host.internal`,
    )
    .action(
      (
        words: readonly string[],
        flags: RouteFlags &
          ProxyFlags & {
            L?: readonly string[];
            pac?: true;
            stdio?: string;
            document?: string;
            requireLogged?: true;
            detach?: true;
            reportTraffic?: true;
            allowLinkLocal?: true;
          },
        command: Command,
      ) => {
        const isTyped = [flags.L, flags.D, flags.stdio, flags.document].some((flag) => flag !== undefined);
        const service = isTyped ? onlyService(words) : undefined;
        serviceArgument(service, command);
        const names = isTyped ? [] : [...new Set(words)];
        return invoke(
          run,
          {
            forwards: flags.L ?? [],
            proxies: flags.D ?? [],
            allowed: flags.allow ?? [],
            pac: flags.pac === true,
            via: flags.via,
            stdio: flags.stdio,
            service,
            names,
            name: flags.name,
            replace: flags.replace,
            sessions: flags.sessions,
            document: flags.document,
            requireLogged: flags.requireLogged === true,
            reportTraffic: flags.reportTraffic === true,
            detached: flags.detach === true ? typedWords(command, OF_THE_STARTER) : undefined,
            allowLinkLocal: flags.allowLinkLocal === true,
          },
          command,
          names,
        );
      },
    );
}

/** Flags that are about this command, not about the process of a detached forward. */
const OF_THE_STARTER = new Set([
  '--detach',
  '--json',
  '--output',
  '--yes',
  '--no-input',
  '--quiet',
  '--no-color',
]);

/** Throws `bad-arguments` (usage). */
function onlyService([service, other]: readonly string[]): string | undefined {
  if (other !== undefined)
    throw usage('bad-arguments', `${service} and ${other}: with -L, -D or --stdio there is one service`);
  return service;
}

/**
 * Resolves with 0 when the person stopped the forward after it was ready; throws `interrupted` if it was stopped before
 * that.
 */
async function runForward(options: ForwardOptions, context: CommandContext): Promise<number> {
  refuseContradictions(options);
  const [{ forward, pacOf }, { wantedOf }, { connectionNamed }] = await Promise.all([
    import('../../app/forward/forward-request.ts'),
    import('../../app/session/session-setup.ts'),
    import('../../app/connections/named-connections.ts'),
  ]);
  const { settings } = context;
  const connections = options.names.map((name) =>
    connectionNamed(name, settings.connections, ['forward', 'db']),
  );
  if (options.pac) {
    const { writePac } = await import('../render/pac.ts');
    writePac(await pacOf({ ...options, connections }, context.env), context);
    return 0;
  }
  if (options.detached !== undefined) return detach(options, options.detached, connections, context);
  return withDiagnosis('forward', context, () =>
    forward({ ...options, connections, wanted: wantedOf(settings, options.service) }, context),
  );
}

/** Each connection is a forward of its own, and so is what was typed. */
async function detach(
  { forwards, proxies, document }: ForwardOptions,
  words: readonly string[],
  connections: readonly ConfiguredConnection[],
  context: CommandContext,
): Promise<number> {
  const { detachForwards } = await import('../detached-forwards.ts');
  const specs = [...forwards, ...proxies.map((spec) => `D${spec}`)];
  const typed = {
    name: document === undefined ? specs.join(',') : `${document},${specs.join(',')}`,
    words,
    listeners: specs.length,
    connection: undefined,
  };
  const named = connections.map((connection) => ({
    name: connection.name,
    words: [connection.name, ...words],
    listeners: connection.kind === 'db' ? 1 : connection.forwards.length + connection.proxies.length,
    connection,
  }));
  return detachForwards(specs.length === 0 ? named : [typed, ...named], context);
}

/** Throws `forward-needed`, `bad-arguments` (usage). */
function refuseContradictions(options: ForwardOptions): void {
  const { stdio, forwards, proxies, names, document, via, name, sessions } = options;
  if (stdio === undefined && forwards.length + proxies.length + names.length === 0) {
    throw usage('forward-needed', 'nothing to forward');
  }
  if (stdio !== undefined && forwards.length > 0) {
    throw usage('bad-arguments', '--stdio and -L exclude each other');
  }
  if (stdio !== undefined && options.detached !== undefined) {
    throw usage('bad-arguments', '--stdio is a connection of this process, and --detach leaves it');
  }
  if (stdio !== undefined && proxies.length > 0) {
    throw usage('bad-arguments', '--stdio and -D exclude each other');
  }
  if (document !== undefined && proxies.length > 0) {
    throw usage('bad-arguments', 'a --document fixes one host and port, and -D leads to any');
  }
  if (options.allowLinkLocal === true && proxies.length + names.length === 0) {
    throw usage('bad-arguments', '--allow-link-local is for -D; -L and --stdio take any address');
  }
  if (options.allowed.length > 0 && proxies.length + names.length === 0) {
    throw usage('bad-arguments', '--allow is for -D; -L and --stdio name their host');
  }
  if (options.pac && options.detached !== undefined) {
    throw usage('bad-arguments', '--pac opens nothing, and --detach leaves it open');
  }
  if (sessions !== undefined && sessions > 1 && (stdio ?? document) !== undefined) {
    throw usage(
      'bad-arguments',
      stdio === undefined
        ? '--sessions is not for a --document: it has one session'
        : '--sessions shares several connections, and --stdio is one',
    );
  }
  const wrong = routeContradiction({ via, name });
  if (wrong !== undefined) throw usage('bad-arguments', wrong);
  if (stdio !== undefined && document !== undefined) {
    throw usage('bad-arguments', '--stdio names host and port, and so does a --document', {
      details: { instead: [['--document', document, '-L', '0']] },
    });
  }
}
