import { Command, Option } from 'commander';

import type { RunRequest } from '../../app/run/run.ts';
import { usage } from '../../core/errors.ts';
import { commaSeparated } from '../comma-separated.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import {
  addForwardFlag,
  addLoginFlags,
  addRouteFlags,
  addServerFlags,
  databaseContradiction,
  type DatabaseFlags,
  databaseOptionsOf,
} from '../forward-flags.ts';
import { withDiagnosis } from '../failed-connect.ts';
import { wordsAfterDashes } from '../missing-dashes.ts';

export interface RunOptions extends Omit<RunRequest, 'wanted' | 'command' | 'connections'> {
  readonly command: readonly string[];
  /** Names of connections of the config files. */
  readonly names: readonly string[];
}

interface RunFlags extends DatabaseFlags {
  readonly db?: string;
  readonly L?: readonly string[];
  readonly ephemeral?: boolean;
  readonly reuse?: boolean;
  readonly allowDb?: boolean;
  readonly clientSecurityGroup?: readonly string[];
  readonly vpc?: string;
  readonly role?: string;
}

export function runCommand(invoke: Invoke, run: Run<RunOptions> = runRun): Command {
  const command = new Command('run')
    .description('a command with forwards that are opened before it and closed after it')
    .argument('[command...]', 'connections of the config file; after --: program and arguments')
    .usage('[names...] [flags] -- command...')
    .option('--db <id>', 'a database, as for db: its host, port, TLS and login are set');
  addEphemeralFlags(command);
  return addServerFlags(addRouteFlags(addLoginFlags(addForwardFlag(command))))
    .addHelpText(
      'after',
      `
Opens the named connections and what --db and each -L name, waits up to 30 seconds until their ports answer, starts the command with stdin, stdout \
and stderr of its own caller, passes SIGINT and SIGTERM on, closes everything, and ends with the status of the command.
--db sets the variables that db sets (PGHOST, PGPORT, MYSQL_HOST, …). Each -L sets FARGATE_CONNECT_PORT_1, \
FARGATE_CONNECT_PORT_2, … to its local port on 127.0.0.1, in the order of the command line, and then each -L of the \
connections; local port 0 takes any free one.
--ephemeral creates a bastion for tunnels (one spot instance) whose lease of 15 minutes is extended while the command \
runs, and deletes it after the command, also when that fails. If this process is killed, the lease ends the instance, and the next \
run --ephemeral, up or down deletes the rest, which costs nothing. docs/ci.md has workflows for CI.
Exit status 255: the connection failed; 127 and 126: the command does not exist or cannot be started.

Examples:
  $ fargate-connect run --db orders-db --secret --service orders-api -- psql -f migrate.sql
  $ fargate-connect run --db catalog-db --iam --as app -L 0:sessions-cache -- ./integration-tests
  $ fargate-connect run --ephemeral --allow-db --db orders-db --secret --cluster prod -- ./migrate
  $ fargate-connect run orders -- ./migrate   # a connection of the config file
  $ fargate-connect run --service orders-api -L 0:8080 -- sh -c 'curl -f localhost:$FARGATE_CONNECT_PORT_1'`,
    )
    .action((typed: readonly string[], flags: RunFlags, command: Command) => {
      const { before, after } = wordsAfterDashes(typed, command, Infinity);
      // Words without a command after them are the command, and `--` was forgotten.
      if (after.length === 0) wordsAfterDashes(typed, command, 0);
      const names = [...new Set(before)];
      const options = {
        ...databaseOptionsOf(flags),
        id: flags.db,
        forwards: flags.L ?? [],
        names,
        command: after,
        ephemeral: ephemeralOf(flags),
      };
      return invoke(run, options, command, names);
    });
}

const addEphemeralFlags = (command: Command): Command => {
  const flag = (flags: string, description: string): Option =>
    new Option(flags, description).helpGroup('A bastion for the command:');
  return command
    .addOption(flag('--ephemeral', 'create one, and delete it after the command'))
    .addOption(flag('--reuse', 'use the running one if there is one, and leave it'))
    .addOption(flag('--allow-db', 'admit it in the security groups of the databases while it lives'))
    .addOption(
      flag('--client-security-group <ids>', 'attach a group that the database already admits').argParser(
        commaSeparated,
      ),
    )
    .addOption(flag('--vpc <id>', 'VPC (default: that of the service or cluster)'))
    .addOption(flag('--role <name>', 'an instance profile that exists, so that nothing is written to IAM'));
};

/** Undefined without `--ephemeral`. Throws `bad-arguments` (usage). */
function ephemeralOf(flags: RunFlags): RunRequest['ephemeral'] {
  const { ephemeral, reuse, allowDb, clientSecurityGroup, vpc, role, via, name } = flags;
  if (ephemeral !== true) {
    if ((reuse ?? allowDb ?? clientSecurityGroup ?? vpc ?? role) !== undefined)
      throw usage(
        'bad-arguments',
        '--reuse, --allow-db, --client-security-group, --vpc and --role are about --ephemeral',
      );
    return undefined;
  }
  if (via === 'task' || name !== undefined)
    throw usage(
      'bad-arguments',
      via === 'task'
        ? '--ephemeral creates a bastion, and --via task uses none'
        : `--ephemeral creates a bastion, and --name ${name ?? ''} names one that exists`,
    );
  return {
    reuse: reuse === true,
    allowDatabases: allowDb === true,
    clientSecurityGroups: clientSecurityGroup ?? [],
    vpc,
    role,
  };
}

async function runRun(options: RunOptions, context: CommandContext): Promise<number> {
  const [{ runWithForwards }, { wantedOf }, { connectionNamed }] = await Promise.all([
    import('../../app/run/run.ts'),
    import('../../app/session/session-setup.ts'),
    import('../../app/connections/named-connections.ts'),
  ]);
  const { settings } = context;
  const connections = options.names.map((name) => {
    const connection = connectionNamed(name, settings.connections, ['forward', 'db']);
    if (connection.proxies.length > 0)
      throw usage('bad-arguments', `run opens no proxy, and the connection ${name} has one`);
    return connection;
  });
  const command = checked(options, connections);
  return withDiagnosis('forward', context, () =>
    runWithForwards({ ...options, connections, command, wanted: wantedOf(settings) }, context),
  );
}

/** The command of options that do not contradict each other. Throws `forward-needed`, `bad-arguments` (usage). */
function checked(options: RunOptions, connections: RunRequest['connections']): RunRequest['command'] {
  const { command, forwards, user, databaseName, iam, secret, readOnly, port, ca, tls } = options;
  const [program, ...args] = command;
  if (program === undefined)
    throw usage('bad-arguments', 'run needs a command after --', {
      details: { instead: [['--db', 'ID', '--', 'psql']] },
    });
  const databases = [
    ...(options.id === undefined ? [] : [`--db ${options.id}`]),
    ...connections.filter(({ kind }) => kind === 'db').map(({ name }) => name),
  ];
  if (databases.length > 1)
    throw usage(
      'bad-arguments',
      `${databases.join(' and ')}: the variables of one database can be set, open the others with -L ID`,
    );
  const [id] = databases;
  if (id === undefined && forwards.length + connections.length === 0)
    throw usage('forward-needed', 'nothing to forward');
  const ofDatabase =
    user ?? databaseName ?? iam ?? secret ?? readOnly ?? port ?? ca ?? (tls ? undefined : false);
  const wrong =
    id === undefined && ofDatabase !== undefined
      ? '--as, --database, --iam, --secret, --read-only, --port, --ca and --no-tls are about --db or a connection to a database'
      : databaseContradiction(options);
  if (wrong !== undefined) throw usage('bad-arguments', wrong);
  return [program, ...args];
}
