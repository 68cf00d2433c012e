import { execa } from 'execa';
import { access as canAccess, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Writable } from 'node:stream';

import { text } from '../../core/bytes.ts';
import { type Clock, withDeadline } from '../../core/clock.ts';
import { Deferred } from '../../core/deferred.ts';
import { failed, transport } from '../../core/errors.ts';
import type { SessionStart } from '../ports.ts';

/** The official session-manager-plugin as a child process, for `--transport plugin` (SPEC.md §10, §14). */
export interface Plugin {
  readonly path: string;
  readonly version: string;
}

export interface PluginCall {
  readonly session: SessionStart;
  readonly region: string;
  readonly profile: string | undefined;
  readonly target: string;
  /**
   * Always the SSM endpoint, also for ECS Exec: the AWS CLI passes the ECS endpoint there, and then sessions cannot be
   * resumed (SPEC.md §9).
   */
  readonly ssmEndpoint: string;
  /** Environment of this process, and credentials for the plugin's own calls. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

const NAME = 'session-manager-plugin';
/** Where AWS's installers put the plugin when it is not on PATH. */
const INSTALL_FOLDERS = ['/usr/local/sessionmanagerplugin/bin', '/usr/local/bin', '/opt/homebrew/bin'];
const RESPONSE_VARIABLE = 'AWS_SSM_START_SESSION_RESPONSE';
/**
 * Plugins newer than this version read the answer of StartSession from the environment, where `ps` does not show it.
 */
const LAST_WITHOUT_VARIABLE = '1.2.497.0';
const VERSION_DEADLINE_MS = 5_000;
const KILL_AFTER_MS = 5_000;

/** Throws `plugin-missing` naming every folder that was searched. */
export async function findPlugin(env: PluginCall['env']): Promise<Plugin> {
  const folders = [...new Set([...(env['PATH'] ?? '').split(delimiter), ...INSTALL_FOLDERS])].filter(
    (each) => each !== '',
  );
  for (const folder of folders) {
    const path = join(folder, NAME);
    const executable = await canAccess(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable) return { path, version: await pluginVersion(path, env) };
  }
  throw failed('plugin-missing', `no ${NAME} in ${folders.join(', ')}`, {
    details: { searched: folders },
  });
}

async function pluginVersion(path: string, env: PluginCall['env']): Promise<string> {
  const { stdout } = await execa(path, ['--version'], {
    env: { ...env },
    extendEnv: false,
    reject: false,
    timeout: VERSION_DEADLINE_MS,
    stdin: 'ignore',
  });
  const version = (stdout ?? '').trim();
  return /^\d+(\.\d+){0,3}$/.test(version) ? version : '0';
}

/**
 * argv and environment as the AWS CLI builds them (SPEC.md §10). The token is on the command line only for plugins that
 * accept it nowhere else.
 */
export function pluginInvocation(
  plugin: Plugin,
  call: PluginCall,
): { readonly args: readonly string[]; readonly env: Readonly<Record<string, string | undefined>> } {
  const { session, region, profile, target, ssmEndpoint } = call;
  const response = JSON.stringify({
    SessionId: session.sessionId,
    TokenValue: session.tokenValue,
    StreamUrl: session.streamUrl,
  });
  const byVariable = compareVersions(plugin.version, LAST_WITHOUT_VARIABLE) > 0;
  return {
    args: [
      byVariable ? RESPONSE_VARIABLE : response,
      region,
      'StartSession',
      profile ?? '',
      JSON.stringify({ Target: target }),
      ssmEndpoint,
    ],
    env: byVariable ? { ...call.env, [RESPONSE_VARIABLE]: response } : call.env,
  };
}

function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let index = 0; index < 4; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Runs a session on our own terminal. The plugin's exit status says nothing about the command (SPEC.md §14); 0 means
 * that the session ended.
 */
export async function runPluginShell(plugin: Plugin, call: PluginCall, signal: AbortSignal): Promise<void> {
  const { args, env } = pluginInvocation(plugin, call);
  const child = execa(plugin.path, args, {
    env: { ...env },
    extendEnv: false,
    stdio: 'inherit',
    reject: false,
    cancelSignal: signal,
    forceKillAfterDelay: KILL_AFTER_MS,
  });
  const result = await child;
  if (result.exitCode !== 0 && !signal.aborted) throw pluginFailed(result.exitCode, result.signal);
}

/**
 * A session whose output we read: `onOutput` gets stdout as it arrives, banner included. Stdin is kept open until the
 * end, because the plugin ends the session at once when its stdin ends (SPEC.md §11.1).
 */
export interface PipedPlugin {
  readonly stdin: Writable;
  /** Resolves when the process has ended, whatever its exit status. */
  readonly ended: Promise<void>;
  /** Sends the end signal, and kills the plugin if it does not exit. */
  stop(): Promise<void>;
}

/**
 * On SIGINT the plugin of a forward sends the terminate flag to the agent. The plugin of a shell would pass SIGINT on
 * as Ctrl-C, so there SIGTERM ends the plugin.
 */
export function startPiped(
  plugin: Plugin,
  call: PluginCall,
  onOutput: (bytes: Uint8Array) => void,
  endSignal: 'SIGINT' | 'SIGTERM',
): PipedPlugin {
  const { args, env } = pluginInvocation(plugin, call);
  const child = execa(plugin.path, args, {
    env: { ...env },
    extendEnv: false,
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
    buffer: false,
    encoding: 'buffer',
    reject: false,
    killSignal: endSignal,
    forceKillAfterDelay: KILL_AFTER_MS,
    // Ctrl-C reaches the whole process group of the terminal, but the forward itself must decide when its plugins end.
    detached: true,
  });
  child.stdout.on('data', onOutput);
  // A session that is over reads no more input; only the end of the process matters then.
  child.stdin.on('error', () => undefined);
  const ended = child.then(() => undefined);
  return {
    stdin: child.stdin,
    ended,
    stop() {
      child.kill();
      return ended;
    },
  };
}

const READY_TEXT = 'Waiting for connections';
const READY_DEADLINE_MS = 60_000;

/**
 * Resolves when the plugin listens. Throws `plugin-failed` with what it printed, or after a minute: it may hang without
 * printing anything (SPEC.md §9, §13.5).
 */
export async function startPluginForward(
  plugin: Plugin,
  call: PluginCall,
  clock: Clock,
): Promise<PipedPlugin> {
  let printed = '';
  const ready = new Deferred<void>();
  const child = startPiped(
    plugin,
    call,
    (bytes) => {
      printed = (printed + text(bytes)).slice(-4_000);
      if (printed.includes(READY_TEXT)) ready.resolve();
    },
    'SIGINT',
  );
  const ended = child.ended.then(() => {
    throw pluginFailed(undefined, undefined, lastLine(printed));
  });
  ended.catch(() => undefined);
  try {
    await withDeadline(clock, READY_DEADLINE_MS, Promise.race([ready.promise, ended]), () =>
      pluginFailed(undefined, undefined, 'it did not start to listen in time'),
    );
  } catch (error) {
    await child.stop();
    throw error;
  }
  return child;
}

const lastLine = (printed: string): string => printed.trim().split('\n').at(-1)?.trim() ?? '';

export function pluginFailed(exitCode: number | undefined, signal: string | undefined, output = ''): Error {
  const how =
    signal === undefined ? (exitCode === undefined ? '' : ` with status ${exitCode}`) : ` on ${signal}`;
  return transport('plugin-failed', `${NAME} ended${how}${output === '' ? '' : `: ${output}`}`, {
    details: { exitCode, signal },
  });
}
