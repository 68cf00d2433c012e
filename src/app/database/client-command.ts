import { PASSWORD_VARIABLES } from '../../connect/database/client-setup.ts';
import { runClient } from '../../connect/database/client-process.ts';
import { withTerminalKept } from '../../connect/database/terminal-state.ts';
import type { Needs } from '../collaborators.ts';
import type { OpenDatabase } from './open-database.ts';

/** How a program is started that uses an open database: its arguments, its environment, the terminal. */

/** The program and the arguments that it needs to find the database, before those that the person gave. */
export const withArguments = (
  program: string,
  args: readonly string[],
  setup: OpenDatabase['setup'],
): readonly [string, ...string[]] => [
  program,
  ...setup.argumentsOf(
    program.slice(Math.max(program.lastIndexOf('/'), program.lastIndexOf('\\')) + 1),
    args,
  ),
  ...args,
];

/**
 * The variables that lead `program` to the database; undefined = the variable is removed. Reports that a token in the
 * environment expires. Throws what reading the password throws.
 */
export async function clientVariables(
  { connection, login, nodes, setup }: OpenDatabase,
  program: string,
  { report }: Needs<'report'>,
): Promise<Readonly<Record<string, string | undefined>>> {
  const { family } = connection;
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
  return {
    ...setup.env,
    ...(nodes.length === 0 ? {} : { [NODES_VARIABLE]: addressMap(nodes) }),
    ...(variable === undefined || password === undefined ? {} : { [variable]: password }),
  };
}

/** Holds the local address of each node of a cluster. */
const NODES_VARIABLE = 'FARGATE_CONNECT_NODES';

/** `node-1.example:6379=127.0.0.1:23456,node-2.example:6379=127.0.0.1:23457` */
const addressMap = (nodes: OpenDatabase['nodes']): string =>
  nodes.map(({ remote, local }) => `${remote}=${local}`).join(',');

export type TerminalNeeds = Needs<'clock' | 'signals' | 'terminal'>;

/** Runs a program with the streams of this process. Resolves with its exit status; throws `client-missing`. */
export function runOnTerminal(
  command: readonly [string, ...string[]],
  env: Readonly<Record<string, string | undefined>>,
  { clock, signals, terminal }: TerminalNeeds,
): Promise<number> {
  const isInherited = terminal.canBeInherited === true;
  const isOnTerminal = terminal.stdinIsTty || terminal.stdoutIsTty || terminal.stderrIsTty;
  const run = (): Promise<number> =>
    runClient({
      command,
      env,
      signals,
      streams: isInherited ? undefined : { write: (stream, bytes) => void terminal[stream].write(bytes) },
      passesInterrupts: !isInherited || !isOnTerminal,
    });
  return terminal.stdinIsTty && isInherited ? withTerminalKept(run, clock) : run();
}

const passwordVariable = (family: OpenDatabase['connection']['family']): string | undefined =>
  ({ postgres: 'PGPASSWORD', mysql: 'MYSQL_PWD', ...PASSWORD_VARIABLES })[family as 'postgres'];

/** Programs that are known to read pgpass or the options file; others get the password in the environment. */
export function readsLoginFile(program: string, family: OpenDatabase['connection']['family']): boolean {
  const name = program.slice(program.lastIndexOf('/') + 1);
  return family === 'postgres'
    ? /^(psql|pg_\w+|pgbench|createdb|dropdb|createuser|dropuser|vacuumdb|reindexdb|clusterdb|pgcli)$/.test(
        name,
      )
    : family === 'mysql' && /^(mysql|mariadb)(dump|admin|import|check|show|slap|-\w+)?$/.test(name);
}
