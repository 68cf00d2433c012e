import type { PrintFormat } from '../../app/database/database-request.ts';
import type { OpenDatabase } from '../../app/database/open-database.ts';
import type { DatabaseOutput } from '../../app/database/run-database.ts';
import { quoteWord, quoteWords } from '../../core/shell-words.ts';
import type { CommandContext } from '../context.ts';
import {
  beginsReadOnly,
  dbeaverConnection,
  jetbrainsDataSource,
  NOT_READ_ONLY,
  toolLimits,
  uriOf,
  vscodeSettings,
} from './database-tools.ts';

/** How `db` describes an open connection: a line before a client starts, else a recipe or a `--print` format. */

/** Prints the connection in the requested format, or one line about the client that starts. */
export function databaseOutput(
  print: PrintFormat | undefined,
  { report, settings, terminal }: Pick<CommandContext, 'report' | 'settings' | 'terminal'>,
): DatabaseOutput {
  const say = (code: string, message: string): void => report({ type: 'note', level: 'info', code, message });
  const sayLimits = (limits: readonly string[]): void => {
    for (const limit of limits) say('client-limit', limit);
  };
  return {
    starting(database, program) {
      say('database-ready', `${summary(database, database.connection.readOnly)}; starting ${program}`);
      sayLimits(database.setup.limits);
    },
    ready(database) {
      const format = print ?? (settings.output === 'json' ? 'json' : undefined);
      terminal.stdout.write(format === undefined ? recipe(database) : `${FORMATS[format](database)}\n`);
      say('database-ready', `${summary(database, isReadOnlyIn(format, database))}; Ctrl-C ends it`);
      sayLimits(limitsOf(format, database));
    },
  };
}

/** `orders-db (postgres) on 127.0.0.1:23456 as orders`. */
function summary({ name, engine, connection: { local, user } }: OpenDatabase, isReadOnly: boolean): string {
  const as = user === undefined ? '' : ` as ${user}`;
  const only = isReadOnly ? ', read-only' : '';
  return `${name} (${engine}) on ${local.host}:${local.port}${as}${only}`;
}

/** The recipe and the JSON name the files and arguments of the usual client; the other formats hold parameters alone. */
const isReadOnlyIn = (format: PrintFormat | undefined, { connection }: OpenDatabase): boolean =>
  format === undefined || format === 'json' ? connection.readOnly : beginsReadOnly(connection);

/** What whoever uses this format is told about it, one sentence each. */
function limitsOf(format: PrintFormat | undefined, database: OpenDatabase): readonly string[] {
  const { connection, setup } = database;
  if (format === undefined || format === 'json') return setup.limits;
  if (format !== 'env') return toolLimits(format, connection);
  if (!connection.readOnly || beginsReadOnly(connection)) return setup.limits;
  return [...setup.limitsBesidesReadOnly, NOT_READ_ONLY];
}

/** Lines to paste into a shell: the variables, then the client. */
function recipe(database: OpenDatabase): string {
  const { setup, nodes, connection } = database;
  const [program] = setup.programs;
  const lines = [
    ...exports(database),
    ...(program === undefined
      ? [`# ${connection.local.host} ${connection.local.port}`]
      : [quoteWords([program, ...setup.argumentsOf(program)])]),
    ...nodes.map(({ remote, local }) => `# node ${remote} is ${local}`),
  ];
  return `${lines.join('\n')}\n`;
}

const exports = ({ setup }: OpenDatabase): readonly string[] =>
  Object.entries(setup.env).flatMap(([name, value]) =>
    value === undefined ? [] : [`export ${name}=${quoteWord(value)}`],
  );

/** `type` tells this line from the events, as that of `forward` does. */
const jsonOf = (database: OpenDatabase): string => {
  const { name, engine, connection, setup, nodes } = database;
  const {
    family,
    remote,
    local,
    user,
    database: databaseName,
    tls,
    caFile,
    loginFile,
    readOnly,
  } = connection;
  return JSON.stringify({
    type: 'database-ready',
    id: name,
    engine,
    family,
    local,
    remote,
    user: user ?? null,
    database: databaseName ?? null,
    tls,
    caFile: caFile ?? null,
    loginFile: loginFile ?? null,
    readOnly,
    env: Object.fromEntries(Object.entries(setup.env).filter(([, value]) => value !== undefined)),
    nodes,
    limits: setup.limits,
  });
};

const FORMATS: Readonly<Record<PrintFormat, (database: OpenDatabase) => string>> = {
  uri: ({ connection, setup }) => setup.uri ?? uriOf(connection),
  env: (database) => exports(database).join('\n'),
  json: jsonOf,
  dbeaver: ({ name, connection }) => dbeaverConnection(name, connection),
  jetbrains: ({ name, connection }) => jetbrainsDataSource(name, connection),
  vscode: ({ name, connection }) => vscodeSettings(name, connection),
};
