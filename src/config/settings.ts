import type { ConnectionKind } from './config-fields.ts';

/** A tag for everything that `up` creates. */
export interface ConfiguredTag {
  readonly key: string;
  readonly value: string;
  /** File and line of the tag. */
  readonly from: string;
}

/** How a database is opened, and where that is written; undefined = not set. */
interface ConfiguredLogin {
  /** Local port. */
  readonly port: number | undefined;
  readonly user: string | undefined;
  readonly iam: boolean | undefined;
  /** True = the secret that AWS keeps for the database. */
  readonly secret: string | true | undefined;
  readonly readOnly: boolean | undefined;
  /** Absolute path. */
  readonly ca: string | undefined;
  /** File and line. */
  readonly from: string;
}

/** Settings of `db` for one database. */
export interface ConfiguredDatabase extends ConfiguredLogin {
  /** As it was written: an id that `db` takes, or the `HOST:PORT` of `--host`; after the merge in lower case. */
  readonly id: string;
}

/** A connection with a name; undefined = not set. Which settings a connection can have depends on its kind. */
export interface ConfiguredConnection extends ConfiguredLogin {
  readonly name: string;
  readonly kind: ConnectionKind;
  readonly profile: string | undefined;
  readonly region: string | undefined;
  readonly cluster: string | undefined;
  readonly service: string | undefined;
  readonly container: string | undefined;
  readonly via: 'auto' | 'task' | 'bastion' | undefined;
  /** Name of the bastion. */
  readonly bastion: string | undefined;
  /** As after `-L`, not parsed yet. */
  readonly forwards: readonly string[];
  /** As after `-D`, not parsed yet. */
  readonly proxies: readonly string[];
  /** As after `--allow`, not parsed yet. */
  readonly allowed: readonly string[];
  /** Id or ARN of a database. */
  readonly id: string | undefined;
  /** `HOST:PORT`, not parsed yet. */
  readonly host: string | undefined;
  readonly engine:
    | 'postgres'
    | 'mysql'
    | 'redis'
    | 'memcached'
    | 'mongodb'
    | 'sqlserver'
    | 'other'
    | undefined;
  /** Name of the database on the server. */
  readonly databaseName: string | undefined;
}

/** The options that every command understands, merged from file, environment and flags. */
export interface Settings {
  readonly profile: string | undefined;
  /** Undefined = not given; aws/account.ts then reads the profile and throws `region-missing`. */
  readonly region: string | undefined;
  readonly cluster: string | undefined;
  readonly service: string | undefined;
  readonly task: string | undefined;
  readonly container: string | undefined;
  readonly output: 'table' | 'json';
  /** True = every confirmation is answered with yes. */
  readonly yes: boolean;
  /** False with `--no-input`, in CI, or when stdin or stderr is not a TTY: no question is asked then. */
  readonly input: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
  /** Whether stdout may have colours; `Resolved.stderrColor` is the same for stderr. */
  readonly color: boolean;
  readonly transport: 'native' | 'plugin';
  /** Origin (`wss:` or `ws:`) of the message gateway in place of the one that AWS returns, e.g. an interface endpoint without private DNS. */
  readonly ssmmessages: string | undefined;
  /** PEM file of the authorities that sign the certificates of databases; undefined = those of AWS. */
  readonly databaseCa: string | undefined;
  /** Bytes of data per message of the native data channel; undefined = 1024, as the official plugin and agent use. */
  readonly payloadSize: number | undefined;
  /** IAM path of the roles that `up` creates, not checked yet; undefined = the default path. */
  readonly iamPath: string | undefined;
  /** Prefix of the names of those roles, not checked yet; undefined = none. */
  readonly iamPrefix: string | undefined;
  /**
   * Tags of the configuration files, each key once; they are not validated here. Tags on the command line belong to the
   * commands that accept them.
   */
  readonly tags: readonly ConfiguredTag[];
  /** Of the configuration files, each id once. */
  readonly databases: readonly ConfiguredDatabase[];
  /**
   * Of the configuration files, each name once. Cluster, service and container are those that a command with this
   * connection uses: flags have precedence, and the other settings of the run count where the connection names none.
   */
  readonly connections: readonly ConfiguredConnection[];
  /** `AWS_ENDPOINT_URL`; undefined = AWS. */
  readonly endpointUrl: string | undefined;
}

/** Shared flags as typed; absent = not typed. */
export interface Flags {
  readonly profile?: string;
  readonly region?: string;
  readonly cluster?: string;
  readonly service?: string;
  readonly task?: string;
  readonly container?: string;
  readonly output?: 'table' | 'json';
  readonly json?: boolean;
  readonly yes?: boolean;
  /** False for `--no-input`. */
  readonly input?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
  /** False for `--no-color`. */
  readonly color?: boolean;
  readonly transport?: 'native' | 'plugin';
  readonly ssmmessages?: string;
}

/** The source of each setting, for `--debug`: a flag, an environment variable, a file with its line, or the default. */
export type Provenance = Readonly<Record<keyof Settings, string>>;
