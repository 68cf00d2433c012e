import { join } from 'node:path';
import { Command } from 'commander';

import type { ConnectionValues } from '../../config/edit-connections.ts';
import type { ConfiguredConnection } from '../../config/settings.ts';
import { failed, usage } from '../../core/errors.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { addForwardFlag, addProxyFlags, type ProxyFlags, type RouteFlags } from '../forward-flags.ts';
import { typedFlags } from '../shared-flags.ts';

type ConfigOptions =
  | { readonly action: 'list' }
  | { readonly action: 'schema' }
  | { readonly action: 'remove'; readonly name: string; readonly isOwn: boolean }
  | {
      readonly action: 'add';
      readonly name: string;
      readonly values: ConnectionValues;
      readonly forwards: readonly string[];
      readonly proxies: readonly string[];
      readonly allowed: readonly string[];
      readonly host: string | undefined;
      readonly isOwn: boolean;
      readonly overwrite: boolean;
    };

interface AddFlags extends Partial<Pick<RouteFlags, 'via' | 'name'>>, ProxyFlags {
  readonly db?: string;
  readonly host?: string;
  readonly engine?: string;
  readonly L?: readonly string[];
  readonly exec?: true;
  readonly shell?: true;
  readonly port?: string;
  readonly as?: string;
  readonly database?: string;
  readonly iam?: true;
  readonly secret?: string | true;
  readonly readOnly?: true;
  readonly ca?: string;
  readonly own?: true;
  readonly overwrite?: true;
}

const OWN = 'in your own file instead of the project’s';

export function configCommand(
  invoke: Invoke,
  run: Run<ConfigOptions> = runConfig,
  /** Names of the commands, which no connection may have. */
  commandNames: (command: Command) => readonly string[] = siblings,
): Command {
  const command = new Command('config')
    .description('named connections in the config file')
    .usage('add|remove|list|schema [flags]')
    .addHelpText(
      'after',
      `
A connection keeps what a forward, a database or a container needs: forward NAME, db NAME, run NAME -- CMD, or only \
fargate-connect NAME. The file is the nearest .fargate-connect.yaml, or a new one in this folder; --own means your own \
file. Its comments stay.

Examples:
  $ fargate-connect config add orders --db orders-db --iam --as app --service orders-api
  $ fargate-connect config add web --service orders-api -L 8080:80
  $ fargate-connect config list
  $ fargate-connect config remove web
  $ fargate-connect config schema > schema.json   # for editors`,
    );
  const add = new Command('add')
    .description('write a connection with the given flags into the file')
    .argument('<name>', 'one word')
    .option('--db <id>', 'a database, proxy or cache, as for db')
    .option('--host <host:port>', 'a database that AWS does not list')
    .option('--engine <engine>', 'protocol of --host');
  addProxyFlags(addForwardFlag(add))
    .option('--exec', 'a shell in the container')
    .option('--shell', 'a shell on the bastion')
    .option('--via <way>', 'what carries the connections: auto, task or bastion')
    .option('--name <bastion>', 'which bastion')
    .option('--port <number>', 'local port of the database')
    .option('--as <user>', 'database user')
    .option('--database <name>', 'name of the database on the server')
    .option('--iam', 'log in with an IAM token')
    .option('--secret [id]', 'log in with a secret')
    .option('--read-only', 'a reader endpoint where there is one')
    .option('--ca <file>', 'PEM file of the authorities')
    .option('--own', OWN)
    .option('--overwrite', 'replace a connection of this name')
    .addHelpText(
      'after',
      `
--profile, --region, --cluster, --service and --container are written too if they are typed here.

Examples:
  $ fargate-connect config add orders --db orders-db --secret --via task --service orders-api
  $ fargate-connect config add proxy --service orders-api -D 1080 --allow '*.internal'
  $ fargate-connect config add app --exec --service orders-api --container app --cluster prod`,
    )
    .action((name: string, flags: AddFlags, sub: Command) => {
      if (commandNames(sub).includes(name))
        throw usage('connection-name', `'${name}' is the name of a command`, { details: { name } });
      return invoke(
        run,
        {
          action: 'add',
          name,
          values: valuesOf(flags, sub),
          forwards: flags.L ?? [],
          proxies: flags.D ?? [],
          allowed: flags.allow ?? [],
          host: flags.host,
          isOwn: flags.own === true,
          overwrite: flags.overwrite === true,
        },
        sub,
      );
    });
  const remove = new Command('remove')
    .description('delete a connection from the file')
    .argument('<name>', 'as config list shows it')
    .option('--own', OWN)
    .action((name: string, flags: { own?: true }, sub: Command) =>
      invoke(run, { action: 'remove', name, isOwn: flags.own === true }, sub),
    );
  const list = new Command('list')
    .description('all connections with their kind, target and file')
    .action((_flags: unknown, sub: Command) => invoke(run, { action: 'list' }, sub));
  const schema = new Command('schema')
    .description('print the JSON schema of the file, for editors')
    .action((_flags: unknown, sub: Command) => invoke(run, { action: 'schema' }, sub));
  return command.addCommand(add).addCommand(remove).addCommand(list).addCommand(schema);
}

function siblings(command: Command): readonly string[] {
  let root = command;
  while (root.parent !== null) root = root.parent;
  return root.commands.map((each) => each.name());
}

/** What was typed, under the keys of the file. */
function valuesOf(flags: AddFlags, command: Command): ConnectionValues {
  const { profile, region, cluster, service, container } = typedFlags(command);
  const listener = (text: string): string | number => (/^\d+$/.test(text) ? Number(text) : text);
  const list = (
    all: readonly string[] | undefined,
  ): string | number | readonly (string | number)[] | undefined => {
    const [first, ...others] = (all ?? []).map(listener);
    return first === undefined || others.length === 0 ? first : [first, ...others];
  };
  const values = {
    kind: flags.exec === true ? 'exec' : flags.shell === true ? 'shell' : undefined,
    db: flags.db,
    host: flags.host,
    engine: flags.engine,
    forward: list(flags.L),
    proxy: list(flags.D),
    allow: flags.allow?.length === 1 ? flags.allow[0] : flags.allow,
    profile,
    region,
    cluster,
    service,
    container,
    via: flags.via,
    bastion: flags.name,
    database: flags.database,
    port: flags.port === undefined || !/^\d+$/.test(flags.port) ? flags.port : Number(flags.port),
    user: flags.as,
    iam: flags.iam,
    secret: flags.secret,
    'read-only': flags.readOnly,
    ca: flags.ca,
  };
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

async function runConfig(options: ConfigOptions, context: CommandContext): Promise<void> {
  const { settings, terminal, report } = context;
  if (options.action === 'list') return printConnections(context);
  if (options.action === 'schema') {
    const { configSchema } = await import('../../config/config-schema.ts');
    terminal.stdout.write(`${JSON.stringify(configSchema(), null, 2)}\n`);
    return;
  }
  if (options.action === 'add') {
    const { checkForwards } = await import('../../app/connections/named-connections.ts');
    checkForwards(options);
  }
  const { addConnection, removeConnection } = await import('../../config/edit-connections.ts');
  const path = await fileOf(options.isOwn, context);
  if (options.action === 'add') addConnection(path, options.name, options.values, options);
  else removeConnection(path, options.name);
  if (settings.output === 'json') {
    terminal.stdout.write(`${JSON.stringify({ name: options.name, file: path })}\n`);
    return;
  }
  report({
    type: 'note',
    level: 'info',
    code: options.action === 'add' ? 'connection-added' : 'connection-removed',
    message:
      options.action === 'add'
        ? `${options.name} is in ${path}: fargate-connect ${options.name}`
        : `${options.name} is deleted from ${path}`,
  });
}

/** Throws `config-unwritable` where the environment names no home. */
async function fileOf(isOwn: boolean, { env, cwd }: CommandContext): Promise<string> {
  const { PROJECT_FILE, projectConfigPath, userConfigPath } = await import('../../config/config-file.ts');
  const path = isOwn ? userConfigPath(env) : (projectConfigPath(cwd) ?? join(cwd, PROJECT_FILE));
  if (path === undefined)
    throw failed('config-unwritable', 'your own file has no place: HOME and XDG_CONFIG_HOME are not set');
  return path;
}

async function printConnections({ settings, terminal }: CommandContext): Promise<void> {
  const { connections } = settings;
  if (settings.output === 'json') {
    terminal.stdout.write(`${JSON.stringify(connections, null, 2)}\n`);
    return;
  }
  const { renderTable } = await import('../../ui/table.ts');
  const rows = connections.map((each) => [
    each.name,
    each.kind,
    opened(each),
    each.service,
    each.cluster,
    each.profile,
    each.from,
  ]);
  const columns = [
    'name',
    'kind',
    { title: 'opens', shrink: true },
    'service',
    { title: 'cluster', dropOrder: 1 },
    { title: 'profile', dropOrder: 2 },
    { title: 'from', shrink: true },
  ];
  terminal.stdout.write(
    renderTable(columns, rows, {
      color: settings.color,
      width: terminal.stdoutIsTty ? terminal.size().columns : undefined,
    }),
  );
}

const opened = ({ id, host, forwards, proxies, bastion, container, kind }: ConfiguredConnection): string => {
  const parts = [
    id ?? host,
    ...forwards.map((spec) => `-L ${spec}`),
    ...proxies.map((spec) => `-D ${spec}`),
    kind === 'exec' ? (container ?? 'the container') : undefined,
    kind === 'shell' ? (bastion ?? 'the bastion') : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(' ');
};
