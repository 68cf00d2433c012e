import { aliasToShow, containerPlace, type Place, type PlaceNeeds, startAt } from './session-place.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import type { TaskWatch } from '../../connect/target/task-watch.ts';
import type { Plugin } from '../../connect/plugin/plugin-transport.ts';
import {
  type ResolvedContainer,
  resolveContainer,
  startExec,
  type StartedSession,
} from '../../connect/target/resolve.ts';
import { refuseWindows } from '../../connect/target/windows.ts';
import type { Needs } from '../collaborators.ts';
import {
  asTransportStatus,
  channelDeps,
  type ChannelNeeds,
  pluginCall,
  type ResolveNeeds,
  resolveOptions,
  watchTasks,
} from './session-setup.ts';

export type SessionNeeds = ChannelNeeds &
  ResolveNeeds &
  PlaceNeeds &
  Needs<'scope' | 'signals' | 'terminal', 'transport'>;

export interface ContainerSessionOptions {
  /** Empty = a shell. */
  readonly command: readonly string[];
  /** False = the command gets an empty stdin. */
  readonly stdin: boolean;
  /** Whether the remote program gets a terminal; undefined = it does when stdin and stdout are terminals. */
  readonly tty?: boolean | undefined;
  /** True = ECS Exec does not end the idle session of a shell, or of a command with a terminal. */
  readonly keepAlive?: boolean;
}

export interface CommandOptions extends Pick<ContainerSessionOptions, 'command' | 'stdin' | 'keepAlive'> {
  /** Undefined = no line that names the place. */
  readonly place: Place | undefined;
  /** Shared by commands that run in several tasks; undefined = the command has its own. */
  readonly watch?: TaskWatch;
}

/**
 * Opens a shell or runs a command in the container that `wanted` describes. Resolves with the exit status for our
 * process.
 */
export async function openContainer(
  wanted: Wanted,
  options: ContainerSessionOptions,
  deps: SessionNeeds,
): Promise<number> {
  const { settings, terminal } = deps;
  const interactive = options.tty ?? (terminal.stdinIsTty && terminal.stdoutIsTty && options.stdin);
  const plugin = settings.transport === 'plugin' ? await findPlugin(deps) : undefined;
  const resolving = await resolveOptions(deps, 'exec');
  void aliasToShow(deps);
  const resolved = await resolveContainer(wanted, resolving);
  if (interactive && (options.command.length === 0 || plugin !== undefined)) {
    return openTerminal(resolved, options, plugin, deps);
  }
  // The events of --json are for a program that knows what it runs, and stderr belongs to the command.
  const place = settings.output === 'json' ? undefined : containerPlace(resolved);
  return runCommand(resolved, { ...options, place }, interactive, plugin, deps).catch((error: unknown) => {
    throw asTransportStatus(error);
  });
}

export async function findPlugin(deps: Needs<'env'>): Promise<Plugin> {
  const transport = await import('../../connect/plugin/plugin-transport.ts');
  return transport.findPlugin(deps.env);
}

/**
 * The remote program uses the person's terminal. The plugin transmits no exit status, so that even a command ends with
 * 0.
 */
async function openTerminal(
  chosen: ResolvedContainer,
  { command, keepAlive = false }: ContainerSessionOptions,
  plugin: Plugin | undefined,
  deps: SessionNeeds,
): Promise<number> {
  const { terminal, signal, signals, report } = deps;
  const [{ shellCommand }, { quoteWords }] = await Promise.all([
    import('../../connect/session/shell-command.ts'),
    import('../../core/shell-words.ts'),
  ]);
  if (command.length > 0) refuseWindows(chosen.task, chosen.container, 'a command');
  const line = command.length === 0 ? shellCommand(chosen.task.platformFamily) : quoteWords(command);
  const resolving = await resolveOptions(deps, 'exec');
  const { session, resolved } = await startAt(containerPlace(chosen), deps, () =>
    startExec(chosen, line, resolving),
  );
  if (plugin !== undefined) {
    const { runPluginShell } = await import('../../connect/plugin/plugin-transport.ts');
    const call = await pluginCall(deps, session, resolved.target);
    // While the plugin uses the terminal, Ctrl-C is for the remote program; the plugin transmits it.
    const release = signals.on('SIGINT', () => undefined);
    const ended = runPluginShell(plugin, call, signal).finally(release);
    const { endOf } = await import('../../connect/session/container-end.ts');
    await endOf(ended, (await watchTasks(deps)).watch(resolved), () => signal.aborted);
    return 0;
  }
  const { runShellSession } = await import('../../connect/session/shell-session.ts');
  const [channel, watch] = await Promise.all([channelDeps(deps), watchTasks(deps)]);
  return runShellSession({
    session,
    target: resolved.target,
    container: watch.watch(resolved),
    keepAlive,
    deps: channel,
    terminal,
    signals,
    signal,
    report,
  });
}

/**
 * Runs a command, or without one a shell that reads a script, with pipes or, if `interactive`, with our terminal.
 * Resolves with its exit status.
 */
export async function runCommand(
  chosen: ResolvedContainer,
  options: CommandOptions,
  interactive: boolean,
  plugin: Plugin | undefined,
  deps: SessionNeeds,
): Promise<number> {
  const { clock, random, report, signal, signals, terminal } = deps;
  const what = options.command.length === 0 ? 'a script on stdin' : 'a command';
  refuseWindows(chosen.task, chosen.container, what);
  const { execNonce, execScript } = await import('../../connect/session/exec-script.ts');
  // Without a terminal a shell reads its commands from stdin, as `sh < script` does.
  const argv = options.command.length === 0 ? ['/bin/sh'] : options.command;
  const script = execScript(
    argv,
    execNonce((length) => random.bytes(length)),
    interactive ? 'terminal' : plugin === undefined ? 'pipes' : 'pipes-by-lines',
  );
  const resolving = await resolveOptions(deps, 'exec');
  const start = (): Promise<StartedSession> => startExec(chosen, script.command, resolving);
  const { session, resolved } = await (options.place === undefined
    ? start()
    : startAt(options.place, deps, start));
  const { nonce } = script;
  if (plugin !== undefined) {
    const { runPluginCommand } = await import('../../connect/plugin/plugin-command.ts');
    const call = await pluginCall(deps, session, resolved.target);
    const container = (await watchTasks(deps)).watch(resolved);
    const { stdin: readStdin } = options;
    return runPluginCommand({ plugin, call, nonce, readStdin, terminal, signal, clock }).catch(
      async (error: unknown) => {
        throw (signal.aborted ? undefined : await container.look()) ?? error;
      },
    );
  }
  const { runCommandSession } = await import('../../connect/session/command-session.ts');
  const [channel, watch] = await Promise.all([channelDeps(deps), options.watch ?? watchTasks(deps)]);
  return runCommandSession({
    session,
    target: resolved.target,
    nonce,
    interactive,
    readStdin: options.stdin,
    keepAlive: options.keepAlive === true,
    container: watch.watch(resolved),
    deps: channel,
    terminal,
    signals,
    signal,
    report,
  });
}
