import { resolveSettings } from '../config/resolve.ts';
import type { ConfiguredConnection } from '../config/settings.ts';
import { usage } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import type { CliDeps } from './context.ts';

/**
 * The command line that opens the connection whose name is at `at`. Where there is no such connection, the word after
 * flags is a search of `connect`, and a first word is a mistake: throws `unknown-command` (usage) with similar names.
 * Throws the errors of the config files, too.
 */
export async function expandConnection(
  argv: readonly string[],
  at: number,
  { env, cwd }: Pick<CliDeps, 'env' | 'cwd'>,
  commands: readonly string[],
): Promise<readonly string[]> {
  const name = argv[at] ?? '';
  // Repeats the last choice of the picker, and cannot be the name of a connection.
  if (name === '-') return argv;
  const streams = { stdinIsTty: false, stdoutIsTty: false, stderrIsTty: false };
  const { settings } = await resolveSettings({ flags: {}, env, cwd, ...streams });
  const { connections } = settings;
  const connection = connections.find((each) => each.name === name);
  if (connection !== undefined)
    return [...argv.slice(0, at), ...wordsOf(connection, argv), ...argv.slice(at + 1)];
  if (at > 0) return argv;
  const names = [...commands, ...connections.map((each) => each.name)];
  throw usage('unknown-command', `unknown command '${name}'`, {
    details: { suggestions: nearest(name, names) },
  });
}

/** `forward` and `db` look their connection up themselves; the settings of the others are flags of the command. */
function wordsOf(connection: ConfiguredConnection, argv: readonly string[]): readonly string[] {
  const { kind, name, profile, region, cluster, service, container, bastion } = connection;
  // Only forwards can stay open without this process.
  if (kind === 'db' && argv.includes('--detach')) return ['forward', name];
  if (kind === 'forward' || kind === 'db') return [kind, name];
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const isTyped = (flag: string): boolean =>
    own.some((word) => word === `--${flag}` || word.startsWith(`--${flag}=`));
  const flags =
    kind === 'exec' ? { profile, region, cluster, service, container } : { profile, region, name: bastion };
  return [
    kind,
    ...Object.entries(flags).flatMap(([flag, value]) =>
      value === undefined || isTyped(flag) ? [] : [`--${flag}=${value}`],
    ),
  ];
}
