import { watchCredentials } from '../forward/credentials-watch.ts';
import { findProgram } from '../../connect/database/client-process.ts';
import { whenAborted } from '../../connect/session/shell-session.ts';
import type { Needs } from '../collaborators.ts';
import { asTransportStatus } from '../session/session-setup.ts';
import {
  clientVariables,
  readsLoginFile,
  runOnTerminal,
  type TerminalNeeds,
  withArguments,
} from './client-command.ts';
import type { DatabaseRequest } from './database-request.ts';
import { type DatabaseNeeds, openDatabase, type OpenDatabase } from './open-database.ts';

/** Ends in the client of the database, or keeps the local port open for other programs. */

type RunNeeds = DatabaseNeeds & TerminalNeeds & Needs<'env' | 'prompter', 'input' | 'output'>;

export interface DatabaseOutput {
  /** A client is about to start. */
  starting(database: OpenDatabase, program: string): void;
  /** No client starts: how another program connects. */
  ready(database: OpenDatabase): Promise<void> | void;
}

/**
 * Resolves with the exit status of the client; without one with 0 when the person ends the run. An error of the
 * connection has the status 255 if a command was given.
 */
export async function runDatabase(
  request: DatabaseRequest,
  deps: RunNeeds,
  output: DatabaseOutput,
): Promise<number> {
  const hasCommand = request.command.length > 0;
  try {
    const opened = await openDatabase(request, deps);
    watchCredentials(deps);
    const command = await commandOf(request, opened, deps);
    if (command === undefined) {
      await output.ready(opened);
      const aborted = whenAborted(deps.signal);
      deps.scope.add(() => aborted.dispose());
      await Promise.race([opened.lost, aborted.promise]).catch((error: unknown) => {
        if (!deps.signal.aborted) throw error;
      });
      return 0;
    }
    output.starting(opened, command[0]);
    // When the forward ends for good, the client's connections are closed, and the client ends by itself.
    opened.lost.catch(() => undefined);
    const variables = await clientVariables(opened, command[0], deps);
    const status = await runOnTerminal(command, { ...deps.env, ...variables }, deps);
    const { connection, login } = opened;
    const { family } = connection;
    if (
      login.expires &&
      (family === 'postgres' || family === 'mysql') &&
      mayBeRefused(command[0], family, status)
    )
      deps.report({
        type: 'note',
        level: 'info',
        code: 'token-refused',
        message: `${command[0]} ended with status ${status}: the database may have refused the IAM token`,
        details: { family, user: login.user },
      });
    return status;
  } catch (error) {
    throw hasCommand ? asTransportStatus(error) : error;
  }
}

/** The given command, or the usual client that is on PATH; undefined = none. */
async function commandOf(
  { command, print }: DatabaseRequest,
  { setup }: OpenDatabase,
  { env, settings }: Needs<'env', 'output'>,
): Promise<readonly [string, ...string[]] | undefined> {
  const [given, ...args] = command;
  if (given !== undefined) return withArguments(given, args, setup);
  if (print !== undefined || settings.output === 'json') return undefined;
  const usual = await findProgram(setup.programs, env);
  return usual === undefined ? undefined : withArguments(usual, [], setup);
}

/**
 * Whether the status may mean that the server has refused the token. The client writes the reason to the terminal
 * itself, so that only its exit status is known here: psql ends with 2 if it could not connect, and MySQL's clients
 * with 1 for every error.
 */
function mayBeRefused(
  program: string,
  family: OpenDatabase['connection']['family'],
  status: number,
): boolean {
  if (!readsLoginFile(program, family)) return false;
  return (family === 'postgres' && status === 2) || (family === 'mysql' && status === 1);
}
