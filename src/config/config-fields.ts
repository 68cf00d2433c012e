/**
 * The keys of the maps in a config file, and what each of them takes. The parser (yaml-fields.ts) and the JSON schema for
 * editors (config-schema.ts) are made from these tables.
 */

export type JsonSchema = { readonly [key: string]: unknown };

/** What a key takes. */
interface FieldKind {
  /** As part of `KEY must be …`. */
  readonly what: string;
  readonly accepts: (value: unknown) => boolean;
  readonly schema: JsonSchema;
}

export interface Field {
  readonly kind: FieldKind;
  /** One sentence for the person who writes the file. */
  readonly about: string;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isPort = (value: unknown, least: number): boolean =>
  Number.isInteger(value) && Number(value) >= least && Number(value) <= 65_535;

const text = (what = 'a string'): FieldKind => ({
  what,
  accepts: isText,
  schema: { type: 'string', minLength: 1 },
});
const TEXT = text();
const SWITCH: FieldKind = {
  what: 'true or false',
  accepts: (value) => typeof value === 'boolean',
  schema: { type: 'boolean' },
};
const PORT: FieldKind = {
  what: 'a whole number from 0 to 65535',
  accepts: (value) => isPort(value, 0),
  schema: { type: 'integer', minimum: 0, maximum: 65_535 },
};
const SECRET: FieldKind = {
  what: 'true, or the name or ARN of a secret',
  accepts: (value) => value === true || isText(value),
  schema: { anyOf: [{ const: true }, { type: 'string', minLength: 1 }] },
};

const oneOf = (...values: readonly string[]): FieldKind => ({
  what: `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`,
  accepts: (value) => values.some((each) => each === value),
  schema: { enum: values },
});

/** One listener, or a list of them: `8080:80`, `1080`, `[8080:80, 5432:db:5432]`. */
const listeners = (what: string): FieldKind => {
  const accepts = (value: unknown): boolean => isText(value) || isPort(value, 0);
  const one = { anyOf: [{ type: 'string', minLength: 1 }, PORT.schema] };
  return {
    what,
    accepts: (value) => (Array.isArray(value) ? value.length > 0 && value.every(accepts) : accepts(value)),
    schema: { anyOf: [...one.anyOf, { type: 'array', minItems: 1, items: one }] },
  };
};

/** One text, or a list of them. */
const texts = (what: string): FieldKind => ({
  what,
  accepts: (value) => (Array.isArray(value) ? value.length > 0 && value.every(isText) : isText(value)),
  schema: { anyOf: [TEXT.schema, { type: 'array', minItems: 1, items: TEXT.schema }] },
});

/** Settings of `db` for one database (`databases`). */
export const DATABASE_FIELDS = {
  port: { kind: PORT, about: 'Local port; 0 takes any free one.' },
  user: { kind: TEXT, about: 'Database user.' },
  iam: { kind: SWITCH, about: 'Log in with an IAM token.' },
  secret: { kind: SECRET, about: 'Log in with a secret: that of AWS, or the one with this name or ARN.' },
  'read-only': { kind: SWITCH, about: 'A reader endpoint where there is one, and read-only transactions.' },
  ca: { kind: text('the path of a file'), about: 'PEM file of the authorities, relative to this file.' },
} as const satisfies Readonly<Record<string, Field>>;

export const CONNECTION_KINDS = ['forward', 'db', 'exec', 'shell'] as const;
export type ConnectionKind = (typeof CONNECTION_KINDS)[number];

/** Settings of one named connection (`connections`). */
export const CONNECTION_FIELDS = {
  kind: {
    kind: oneOf(...CONNECTION_KINDS),
    about: 'What it opens; forward or proxy implies forward, and db or host implies db.',
  },
  profile: { kind: TEXT, about: 'AWS profile.' },
  region: { kind: TEXT, about: 'AWS region.' },
  cluster: { kind: TEXT, about: 'ECS cluster, name or ARN.' },
  service: { kind: TEXT, about: 'ECS service, name or ARN.' },
  container: { kind: TEXT, about: 'Container of the task.' },
  via: { kind: oneOf('auto', 'task', 'bastion'), about: 'What carries the connections.' },
  bastion: { kind: TEXT, about: 'Name of the bastion.' },
  forward: {
    kind: listeners('a forward as after -L, or a list of them'),
    about: 'One or several -L: LOCAL:PORT, LOCAL:HOST:PORT, or the id of a database.',
  },
  proxy: {
    kind: listeners('a local port as after -D, or a list of them'),
    about: 'One or several -D: [BIND:]LOCAL of a SOCKS5 and HTTP CONNECT proxy.',
  },
  allow: {
    kind: texts('the pattern of a host, or a list of them'),
    about:
      'The hosts to which the proxy leads: NAME, *.DOMAIN, an address or a range, each with :PORT or without.',
  },
  db: { kind: TEXT, about: 'Id or ARN of a database, proxy or cache.' },
  host: { kind: TEXT, about: 'HOST:PORT of a database that AWS does not list.' },
  engine: {
    kind: oneOf('postgres', 'mysql', 'redis', 'memcached', 'mongodb', 'sqlserver', 'other'),
    about: 'Protocol of host.',
  },
  database: { kind: TEXT, about: 'Name of the database on the server.' },
  ...DATABASE_FIELDS,
} as const satisfies Readonly<Record<string, Field>>;

export type ConnectionField = keyof typeof CONNECTION_FIELDS;

const ACCOUNT = ['kind', 'profile', 'region'] as const;
const TARGET = ['cluster', 'service', 'container'] as const;
const ROUTE = ['via', 'bastion'] as const;

/** The keys that a connection of each kind may have. */
export const FIELDS_OF_KIND: Readonly<Record<ConnectionKind, readonly ConnectionField[]>> = {
  forward: [...ACCOUNT, ...TARGET, ...ROUTE, 'forward', 'proxy', 'allow'],
  db: [
    ...ACCOUNT,
    ...TARGET,
    ...ROUTE,
    'db',
    'host',
    'engine',
    'database',
    'port',
    'user',
    'iam',
    'secret',
    'read-only',
    'ca',
  ],
  exec: [...ACCOUNT, ...TARGET],
  shell: [...ACCOUNT, 'bastion'],
};

/** At least one of these keys has to be present. Where none is listed, `kind` has to be. */
export const FIELDS_THAT_IMPLY: Readonly<Record<ConnectionKind, readonly ConnectionField[]>> = {
  forward: ['forward', 'proxy'],
  db: ['db', 'host'],
  exec: [],
  shell: [],
};

/** A name is one word on a command line and in a URL, and no flag. */
export const CONNECTION_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
