import { usage } from '../core/errors.ts';
import { NO_COMPILE_CACHE } from './cache-folder.ts';
import { projectConfig, userConfig } from './config-file.ts';
import type { ConfigFile, ConfigKey } from './config-keys.ts';
import { mergedDatabases } from './merged-databases.ts';
import type { ConfiguredConnection, Flags, Provenance, Settings } from './settings.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The settings of a run, and where each of them comes from. */
export interface Resolved {
  readonly settings: Settings;
  readonly provenance: Provenance;
  /** Whether stderr may have colours; `settings.color` is the same for stdout. */
  readonly stderrColor: boolean;
}

export interface ResolveOptions {
  readonly flags: Flags;
  /** Words of the command line that may be names of connections; absent = none. */
  readonly names?: readonly string[];
  readonly env: Env;
  readonly cwd: string;
  readonly stdinIsTty: boolean;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
}

/** A value and its source, or undefined. */
type Found<T> = { readonly value: T; readonly from: string } | undefined;

/**
 * Flags take precedence over the connections that the command line names, these over the environment, the environment
 * over the project's file, and that over the person's own file. Throws `environment-value`, `connections-differ` and
 * the errors of config-file.ts.
 */
export async function resolveSettings(options: ResolveOptions): Promise<Resolved> {
  const { flags, env } = options;
  const files = [await projectConfig(options.cwd), await userConfig(env)].filter(
    (file) => file !== undefined,
  );
  const configured = connectionsOf(files);
  const named = configured.filter(({ name }) => options.names?.includes(name) === true);
  const text = (key: ConfigKey | 'task', ...variables: readonly string[]): Found<string> =>
    given(flagOf(flags, key), `--${key}`) ??
    (key === 'profile' || key === 'region' ? fromConnections(named, key) : undefined) ??
    fromEnv(env, [`FARGATE_CONNECT_${key.toUpperCase().replaceAll('-', '_')}`, ...variables]) ??
    (key === 'task' || (key === 'profile' && hasKeys(env)) ? undefined : fromFiles(files, key));

  const profile = hasKeys(env) ? text('profile') : text('profile', 'AWS_DEFAULT_PROFILE', 'AWS_PROFILE');
  const region = text('region', 'AWS_REGION', 'AWS_DEFAULT_REGION');
  const cluster = text('cluster', 'ECS_CLUSTER');
  const service = text('service');
  const task = text('task');
  const container = text('container');
  const transport = oneOf(text('transport'), ['native', 'plugin']);
  const output =
    (flags.json === true ? given('json' as const, '--json') : undefined) ??
    oneOf(given(flags.output, '--output') ?? fromEnv(env, ['FARGATE_CONNECT_OUTPUT']), ['table', 'json']);
  const yes = given(flags.yes, '--yes') ?? switchOf(env, 'FARGATE_CONNECT_YES');
  const quiet = given(flags.quiet, '--quiet') ?? switchOf(env, 'FARGATE_CONNECT_QUIET');
  const debug = given(flags.debug, '--debug') ?? switchOf(env, 'FARGATE_CONNECT_DEBUG');
  // main.ts uses this variable before it can report errors, so that a wrong value is rejected here.
  switchOf(env, NO_COMPILE_CACHE);
  const input = inputOf(options);
  const color = colorOf(options);
  const ssmmessages = gatewayOf(text('ssmmessages'));
  const payloadSize = payloadSizeOf(env);
  const iamPath = text('iam-path');
  const iamPrefix = text('iam-prefix');
  const databaseCa = text('database-ca');
  // The project's file comes first; for each key the first occurrence counts.
  const tags = [
    ...new Map([...files].reverse().flatMap((file) => file.tags.map((tag) => [tag.key, tag]))).values(),
  ];

  const databases = mergedDatabases(files.map((file) => file.databases));

  const connections = configured.map((connection) => ({
    ...connection,
    cluster: flags.cluster ?? connection.cluster ?? cluster?.value,
    service: flags.service ?? connection.service ?? service?.value,
    container: flags.container ?? connection.container ?? container?.value,
  }));

  const settings: Settings = {
    profile: profile?.value,
    region: region?.value,
    cluster: cluster?.value,
    service: service?.value,
    task: task?.value,
    container: container?.value,
    output: output?.value ?? 'table',
    yes: yes?.value ?? false,
    input: input.value,
    quiet: quiet?.value ?? false,
    debug: debug?.value ?? false,
    color: color.value && options.stdoutIsTty,
    transport: transport?.value ?? 'native',
    ssmmessages: ssmmessages?.value,
    payloadSize: payloadSize?.value,
    iamPath: iamPath?.value,
    iamPrefix: iamPrefix?.value,
    databaseCa: databaseCa?.value,
    tags,
    databases,
    connections,
    endpointUrl: env['AWS_ENDPOINT_URL'] || undefined,
  };
  const from = (found: Found<unknown>): string => found?.from ?? 'default';
  return {
    settings,
    stderrColor: color.value && options.stderrIsTty,
    provenance: {
      profile: from(profile),
      region: from(region),
      cluster: from(cluster),
      service: from(service),
      task: from(task),
      container: from(container),
      output: from(output),
      yes: from(yes),
      input: input.from,
      quiet: from(quiet),
      debug: from(debug),
      color: color.from,
      transport: from(transport),
      ssmmessages: from(ssmmessages),
      payloadSize: from(payloadSize),
      iamPath: from(iamPath),
      iamPrefix: from(iamPrefix),
      databaseCa: from(databaseCa),
      tags: tags.length === 0 ? 'default' : tags.map((tag) => tag.from).join(', '),
      databases: databases.length === 0 ? 'default' : databases.map(({ from }) => from).join(', '),
      connections: connections.length === 0 ? 'default' : connections.map(({ from }) => from).join(', '),
      endpointUrl: env['AWS_ENDPOINT_URL'] ? 'AWS_ENDPOINT_URL' : 'default',
    },
  };
}

/** Each name once: the project's file comes first, and a connection is never put together from two files. */
const connectionsOf = (files: readonly ConfigFile[]): readonly ConfiguredConnection[] => [
  ...new Map(
    [...files].reverse().flatMap((file) => file.connections.map((each) => [each.name, each])),
  ).values(),
];

/** A command has one account and one region. */
function fromConnections(named: readonly ConfiguredConnection[], key: 'profile' | 'region'): Found<string> {
  const [first, ...others] = named;
  if (first === undefined) return undefined;
  const other = others.find((each) => each[key] !== first[key]);
  if (other !== undefined) {
    const of = (each: ConfiguredConnection): string => `${each.name}: ${each[key] ?? 'not set'}`;
    throw usage('connections-differ', `the connections have different ${key}s (${of(first)}, ${of(other)})`, {
      details: { names: named.map(({ name }) => name), key },
    });
  }
  return given(first[key], first.from);
}

/** `--iam-path` and `--iam-prefix` are flags of the commands that use them, and `--ca` of `db` is `database-ca`. */
function flagOf(flags: Flags, key: ConfigKey | 'task'): string | undefined {
  return key === 'iam-path' || key === 'iam-prefix' || key === 'database-ca' ? undefined : flags[key];
}

/** A host, with or without scheme and port: `vpce-0a1b-2c3d.ssmmessages.eu-west-1.vpce.amazonaws.com`. */
function gatewayOf(found: Found<string>): Found<string> {
  if (found === undefined) return undefined;
  const { value, from } = found;
  const text = value.includes('://') ? value.replace(/^http/, 'ws') : `wss://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isGateway =
    url !== undefined &&
    /^wss?:$/.test(url.protocol) &&
    url.username === '' &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '';
  if (!isGateway) {
    throw usage('environment-value', `${from} is '${value}'`, {
      details: { variable: from, takes: 'the host of an endpoint of ssmmessages, or https://HOST:PORT' },
    });
  }
  return { value: url.origin, from };
}

const given = <T>(value: T | undefined, from: string): Found<T> =>
  value === undefined ? undefined : { value, from };

/** An empty variable counts as absent: `CLUSTER= fargate-connect` is how a shell unsets it for one command. */
function fromEnv(env: Env, names: readonly string[]): Found<string> {
  const name = names.find((candidate) => Boolean(env[candidate]));
  return name === undefined ? undefined : given(env[name], name);
}

function fromFiles(files: readonly ConfigFile[], key: ConfigKey): Found<string> {
  for (const file of files) {
    const entry = file.values[key];
    if (entry !== undefined) return { value: entry.value, from: `${file.path}:${entry.line}` };
  }
  return undefined;
}

/**
 * Keys in the environment take precedence over AWS_PROFILE, as in the AWS CLI, and over a profile that only a file
 * names.
 */
const hasKeys = (env: Env): boolean => Boolean(env['AWS_ACCESS_KEY_ID'] && env['AWS_SECRET_ACCESS_KEY']);

function oneOf<T extends string>(found: Found<string>, values: readonly T[]): Found<T> {
  if (found === undefined) return undefined;
  const value = values.find((candidate) => candidate === found.value);
  if (value === undefined)
    throw usage('environment-value', `${found.from} is '${found.value}'`, {
      details: { variable: found.from, takes: values.join(' or ') },
    });
  return { value, from: found.from };
}

function switchOf(env: Env, name: string): Found<boolean> {
  const value = env[name];
  if (value === undefined || value === '') return undefined;
  if (['1', 'true', 'yes'].includes(value.toLowerCase())) return { value: true, from: name };
  if (['0', 'false', 'no'].includes(value.toLowerCase())) return { value: false, from: name };
  throw usage('environment-value', `${name} is '${value}'`, {
    details: { variable: name, takes: '1 or 0' },
  });
}

/** Smaller messages consist mostly of the header; larger ones come near the gateway's own limit for a frame. */
const PAYLOAD_SIZES = { least: 128, most: 32_768 } as const;

function payloadSizeOf(env: Env): Found<number> {
  const found = fromEnv(env, ['FARGATE_CONNECT_PAYLOAD_SIZE']);
  if (found === undefined) return undefined;
  const value = /^\d{1,6}$/.test(found.value) ? Number(found.value) : 0;
  const { least, most } = PAYLOAD_SIZES;
  if (value < least || value > most)
    throw usage('environment-value', `${found.from} is '${found.value}'`, {
      details: { variable: found.from, takes: `a number of bytes from ${least} to ${most}` },
    });
  return { value, from: found.from };
}

function inputOf(options: ResolveOptions): { readonly value: boolean; readonly from: string } {
  if (options.flags.input === false) return { value: false, from: '--no-input' };
  const refused = switchOf(options.env, 'FARGATE_CONNECT_NO_INPUT');
  if (refused?.value === true) return { value: false, from: refused.from };
  const ci = options.env['CI'];
  if (ci !== undefined && ci !== '' && ci !== 'false' && ci !== '0') return { value: false, from: 'CI' };
  if (!options.stdinIsTty) return { value: false, from: 'stdin is not a terminal' };
  if (!options.stderrIsTty) return { value: false, from: 'stderr is not a terminal' };
  return { value: true, from: 'default' };
}

/** NO_COLOR counts when present and not empty, whatever its value (no-color.org). */
function colorOf(options: ResolveOptions): { readonly value: boolean; readonly from: string } {
  if (options.flags.color === false) return { value: false, from: '--no-color' };
  if (switchOf(options.env, 'FARGATE_CONNECT_NO_COLOR')?.value === true)
    return { value: false, from: 'FARGATE_CONNECT_NO_COLOR' };
  if (options.env['NO_COLOR']) return { value: false, from: 'NO_COLOR' };
  if (options.env['TERM'] === 'dumb') return { value: false, from: 'TERM' };
  return { value: true, from: 'default' };
}
