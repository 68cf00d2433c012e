import { PASSWORD_VARIABLES } from '../../connect/database/client-setup.ts';
import { findProgram, runClient } from '../../connect/database/client-process.ts';
import { withTerminalKept } from '../../connect/database/terminal-state.ts';
import { whenAborted } from '../../connect/session/shell-session.ts';
import type { Needs } from '../collaborators.ts';
import { asTransportStatus } from '../session/session-setup.ts';
import type { DatabaseRequest } from './database-request.ts';
import { type DatabaseNeeds, openDatabase, type OpenDatabase } from './open-database.ts';

/** Ends in the client of the database, or keeps the local port open for other programs. */

type RunNeeds = DatabaseNeeds & Needs<'env' | 'prompter' | 'signals' | 'terminal', 'input' | 'output'>;

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
    return await runCommand(opened, command, deps);
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

const withArguments = (
  program: string,
  args: readonly string[],
  setup: OpenDatabase['setup'],
): readonly [string, ...string[]] => [
  program,
  ...setup.argumentsOf(program.slice(Math.max(program.lastIndexOf('/'), program.lastIndexOf('\\')) + 1)),
  ...args,
];

async function runCommand(
  { connection, login, lost, setup }: OpenDatabase,
  command: readonly [string, ...string[]],
  { clock, env, report, signals, terminal }: RunNeeds,
): Promise<number> {
  const { family } = connection;
  const [program] = command;
  const byFile = connection.loginFile !== undefined && readsLoginFile(program, family);
  const variable = byFile ? undefined : passwordVariable(family);
  const password = variable === undefined ? undefined : await login.password?.();
  if (login.expires && password !== undefined)
    report({
      type: 'note',
      level: 'info',
      code: 'token-in-environment',
      message: `${program} gets its token in the environment: it opens new connections for 15 minutes`,
    });
  const childEnv = {
    ...env,
    ...setup.env,
    ...(variable === undefined || password === undefined ? {} : { [variable]: password }),
  };
  const run = (): Promise<number> =>
    runClient({
      command,
      env: childEnv,
      signals,
      streams:
        terminal.canBeInherited === true
          ? undefined
          : { write: (stream, bytes) => void terminal[stream].write(bytes) },
    });
  // When the forward ends for good, the client's connections are closed, and the client ends by itself.
  lost.catch(() => undefined);
  const status = await (terminal.stdinIsTty && terminal.canBeInherited === true
    ? withTerminalKept(run, clock)
    : run());
  const advice = login.expires ? refusedTokenAdvice(program, family, status, login.user) : undefined;
  if (advice !== undefined) report({ type: 'note', level: 'info', code: 'token-refused', message: advice });
  return status;
}

/**
 * What to do if the server has refused the token. The client writes the reason to the terminal itself, so that only its
 * exit status is known here: psql ends with 2 if it could not connect, and MySQL's clients with 1 for every error.
 * Source: AWS, "Creating a database account using IAM authentication", "Troubleshooting for IAM DB authentication".
 */
function refusedTokenAdvice(
  program: string,
  family: OpenDatabase['connection']['family'],
  status: number,
  user = 'USER',
): string | undefined {
  if (!readsLoginFile(program, family)) return undefined;
  if (family === 'postgres' && status === 2)
    return `if the message is 'password authentication failed', the user lacks a role: GRANT rds_iam TO ${user}; if it is 'PAM authentication failed', IAM does not allow rds-db:connect: policy db --db-resource ID --db-user ${user}`;
  return family === 'mysql' && status === 1
    ? `if the message is 'Access denied', the user is not made for tokens (CREATE USER ${user} IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'), or IAM does not allow rds-db:connect: policy db --db-resource ID --db-user ${user}`
    : undefined;
}

const passwordVariable = (family: OpenDatabase['connection']['family']): string | undefined =>
  ({ postgres: 'PGPASSWORD', mysql: 'MYSQL_PWD', ...PASSWORD_VARIABLES })[family as 'postgres'];

/** Programs that are known to read pgpass or the options file; others get the password in the environment. */
function readsLoginFile(program: string, family: OpenDatabase['connection']['family']): boolean {
  const name = program.slice(program.lastIndexOf('/') + 1);
  return family === 'postgres'
    ? /^(psql|pg_\w+|pgbench|createdb|dropdb|createuser|dropuser|vacuumdb|reindexdb|clusterdb|pgcli)$/.test(
        name,
      )
    : family === 'mysql' && /^(mysql|mariadb)(dump|admin|import|check|show|slap|-\w+)?$/.test(name);
}
