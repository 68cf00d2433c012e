import { execa } from 'execa';
import { access, constants } from 'node:fs/promises';
import { constants as osConstants } from 'node:os';
import { delimiter, join } from 'node:path';

import { failed } from '../../core/errors.ts';

/** The client program of a database as a child process on the person's terminal. */

type Env = Readonly<Record<string, string | undefined>>;

/** The first of the programs that PATH has; undefined = none. */
export async function findProgram(programs: readonly string[], env: Env): Promise<string | undefined> {
  for (const name of programs)
    for (const folder of (env['PATH'] ?? '').split(delimiter).filter((each) => each !== '')) {
      const isThere = await access(join(folder, name), constants.X_OK).then(
        () => true,
        () => false,
      );
      if (isThere) return name;
    }
  return undefined;
}

const VERSION_DEADLINE_MS = 5_000;

/** Whether a client of the MySQL family is MariaDB's: on Debian, `mysql` is. */
export async function isMariaDbClient(program: string, env: Env): Promise<boolean> {
  const { stdout } = await execa(program, ['--version'], {
    env: { PATH: env['PATH'] ?? '' },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    timeout: VERSION_DEADLINE_MS,
  });
  return /mariadb/i.test(stdout ?? '');
}

/** As shells do (POSIX, "Exit Status for Commands"): no such program; a program that cannot be executed. */
const NOT_FOUND_STATUS = 127;
const NOT_STARTED_STATUS = 126;

export interface ClientRun {
  readonly command: readonly [string, ...string[]];
  /** The whole environment of the child; undefined values are left out. */
  readonly env: Env;
  /** Undefined = the child inherits the streams of this process. */
  readonly streams: { write(stream: 'stdout' | 'stderr', bytes: Uint8Array): void } | undefined;
  /** False = a terminal sends SIGINT to the program as well, so that passing it on would send it twice. */
  readonly passesInterrupts: boolean;
  readonly signals: { on(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): () => void };
}

/**
 * Resolves with the exit status of the program, 128 and the number of the signal if one ended it. On a
 * terminal, SIGINT reaches the program by itself, because it belongs to the foreground processes: psql cancels a query
 * with it. The other signals are passed on. Throws `client-missing` if the program cannot be started, with the exit
 * status of a shell: 127 if there is no such program, else 126.
 */
export async function runClient({
  command,
  env,
  streams,
  signals,
  passesInterrupts,
}: ClientRun): Promise<number> {
  const [program, ...args] = command;
  const child = execa(program, args, {
    env: Object.fromEntries(
      Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
    extendEnv: false,
    stdio: streams === undefined ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    buffer: false,
    encoding: 'buffer',
    reject: false,
    // The clean-up of this run waits for the child.
    cleanup: false,
  });
  if (streams !== undefined) {
    child.stdout?.on('data', (bytes: Uint8Array) => streams.write('stdout', bytes));
    child.stderr?.on('data', (bytes: Uint8Array) => streams.write('stderr', bytes));
  }
  const releases = [
    signals.on('SIGINT', () => {
      if (passesInterrupts) child.kill('SIGINT');
    }),
    signals.on('SIGTERM', () => child.kill('SIGTERM')),
    signals.on('SIGHUP', () => child.kill('SIGHUP')),
  ];
  const result = await child.finally(() => {
    for (const release of releases) release();
  });
  if (result.exitCode !== undefined) return result.exitCode;
  if (result.signal !== undefined) return 128 + (osConstants.signals[result.signal] ?? 0);
  throw failed('client-missing', `cannot start ${program}: ${result.shortMessage ?? 'no such program'}`, {
    details: { program },
    cause: result.cause,
    exitStatus: result.code === 'ENOENT' ? NOT_FOUND_STATUS : NOT_STARTED_STATUS,
  });
}
