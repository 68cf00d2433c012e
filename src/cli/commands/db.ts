import { Command, Option } from 'commander';

import {
  type DatabaseRequest,
  PRINT_FORMATS,
  type PrintFormat,
} from '../../app/database/database-request.ts';
import { usage } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import {
  addLoginFlags,
  addRouteFlags,
  addServerFlags,
  databaseContradiction,
  type DatabaseFlags,
  databaseOptionsOf,
} from '../forward-flags.ts';
import { withDiagnosis } from '../failed-connect.ts';
import { wordsAfterDashes } from '../missing-dashes.ts';

export interface DbOptions extends Omit<DatabaseRequest, 'wanted'> {
  /** Prints the password after a question, and opens nothing. */
  readonly printPassword: boolean;
}

interface DbFlags extends DatabaseFlags {
  readonly host?: string;
  readonly engine?: DbOptions['engine'];
  readonly print?: PrintFormat;
  readonly printPassword?: true;
}

const ENGINES = [
  'postgres',
  'mysql',
  'redis',
  'memcached',
  'mongodb',
  'sqlserver',
  'opensearch',
  'other',
] as const;

export function dbCommand(
  invoke: Invoke,
  run: Run<DbOptions> = (options, context) => runDb(options, context),
): Command {
  const command = new Command('db')
    .description('a client on a database, proxy or cache, through a task or the bastion')
    .argument('[id]', 'id or ARN, as ls databases shows it, or a connection of the config file')
    .argument('[command...]', 'after --: program and arguments, e.g. psql -c "select 1"')
    .usage('[id] [flags] [-- command...]');
  addLoginFlags(command)
    .option('--host <host:port>', 'instead of an id: anything that AWS does not list')
    .addOption(new Option('--engine <engine>', 'protocol of --host').choices(ENGINES));
  return addServerFlags(addRouteFlags(command))
    .addOption(
      new Option('--print <format>', 'start no client; print the connection for another program').choices(
        PRINT_FORMATS,
      ),
    )
    .option('--print-password', 'print the password of --iam or --secret after a question, and end')
    .addHelpText(
      'after',
      `
Opens a local port, which is the same one each time, and starts the command, or psql, mysql or valkey-cli/redis-cli if \
it is installed; then ends with its exit status (255: the connection failed). Without a client it prints how to \
connect and stays until Ctrl-C. Host, port, user, TLS and login are in the client's environment or in files of mode \
0600 that are deleted at the end, never in its arguments.

Examples:
  $ fargate-connect db orders-db --cluster prod
  $ fargate-connect db orders-db --iam --as app --service orders-api -- psql -c 'select now()'
  $ fargate-connect db catalog-db --secret --read-only -- pg_dump -s
  $ fargate-connect db sessions-cache -- redis-cli info
  $ fargate-connect db orders   # a connection of the config file, with its login and route
  $ fargate-connect db logs-search -- sh -c 'curl -s $OPENSEARCH_URL/_cat/indices'
  $ fargate-connect db --host search.internal:9200 --print uri`,
    )
    .action((first: string | undefined, rest: readonly string[], flags: DbFlags, command: Command) => {
      const typed = [...(first === undefined ? [] : [first]), ...rest];
      const { before, after } = wordsAfterDashes(typed, command);
      return invoke(run, optionsOf(before[0], after, flags), command, before);
    });
}

/** What `db ID` without flags means, through the task that was picked. */
export const THROUGH_PICKED_TASK = {
  command: [],
  host: undefined,
  engine: undefined,
  user: undefined,
  databaseName: undefined,
  iam: undefined,
  secret: undefined,
  readOnly: undefined,
  via: 'task',
  name: undefined,
  replace: false,
  port: undefined,
  ca: undefined,
  tls: true,
  print: undefined,
  printPassword: false,
} as const;

const optionsOf = (id: string | undefined, command: readonly string[], flags: DbFlags): DbOptions => ({
  ...databaseOptionsOf(flags),
  id,
  command,
  host: flags.host,
  engine: flags.engine,
  print: flags.print,
  printPassword: flags.printPassword === true,
});

/** `wanted` replaces the service or task of the flags. */
export async function runDb(
  { printPassword, ...options }: DbOptions,
  context: CommandContext,
  wanted?: DatabaseRequest['wanted'],
): Promise<number> {
  refuseContradictions(options);
  const [{ wantedOf }, { runDatabase }, { databaseOutput }] = await Promise.all([
    import('../../app/session/session-setup.ts'),
    import('../../app/database/run-database.ts'),
    import('../render/database-connection.ts'),
  ]);
  const request = await namedRequest({ ...options, wanted: wanted ?? wantedOf(context.settings) }, context);
  if (printPassword) {
    const { passwordAfterQuestion } = await import('../../app/database/print-password.ts');
    context.terminal.stdout.write(`${await passwordAfterQuestion(request, context)}\n`);
    return 0;
  }
  return withDiagnosis('forward', context, () =>
    runDatabase(request, context, databaseOutput(options.print, context)),
  );
}

/** An id that is the name of a connection means that connection. Throws `connection-kind` for one that is no database. */
async function namedRequest(
  request: DatabaseRequest,
  { settings: { connections } }: CommandContext,
): Promise<DatabaseRequest> {
  const { id } = request;
  if (id === undefined || !connections.some(({ name }) => name === id)) return request;
  const { connectionNamed, databaseRequestOf } = await import('../../app/connections/named-connections.ts');
  return databaseRequestOf(request, connectionNamed(id, connections, ['db']));
}

/** Throws `bad-arguments`. */
function refuseContradictions(options: Omit<DbOptions, 'printPassword'>): void {
  const { id, host, engine, command, print } = options;
  const wrong =
    id !== undefined && host !== undefined
      ? `--host ${host} and ${id} are two databases`
      : host === undefined && engine !== undefined
        ? '--engine is about --host'
        : print !== undefined && command.length > 0
          ? '--print starts no client, and a command does'
          : databaseContradiction(options);
  if (wrong !== undefined) throw usage('bad-arguments', wrong);
}
