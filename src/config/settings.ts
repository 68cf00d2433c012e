/** A tag for everything that is created. */
export interface ConfiguredTag {
  readonly key: string;
  readonly value: string;
  /** File and line. */
  readonly from: string;
}

/** The options every command understands, after file, environment and flags were merged. */
export interface Settings {
  readonly profile: string | undefined;
  /** Undefined = not given anywhere; aws/account.ts then looks at the profile and throws `region-missing`. */
  readonly region: string | undefined;
  readonly cluster: string | undefined;
  readonly service: string | undefined;
  readonly task: string | undefined;
  readonly container: string | undefined;
  readonly output: 'table' | 'json';
  /** Answer yes to every confirmation. */
  readonly yes: boolean;
  /** False with `--no-input`, in CI, or when stdin or stderr is not a TTY: nothing prompts then. */
  readonly input: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
  /** Whether stdout may have colours; `Resolved.stderrColor` says it for stderr. */
  readonly color: boolean;
  readonly transport: 'native' | 'plugin';
  /** Origin (`wss:` or `ws:`) of the message gateway in place of the one that AWS returns, e.g. an interface endpoint without private DNS. */
  readonly ssmmessages: string | undefined;
  /** Bytes of data per message of the native data channel; undefined = 1024, what the official plugin and agent send. */
  readonly payloadSize: number | undefined;
  /** IAM path of the roles that `up` creates, not checked yet; undefined = the default path. */
  readonly iamPath: string | undefined;
  /** Prefix of the names of those roles, not checked yet; undefined = none. */
  readonly iamPrefix: string | undefined;
  /** Of the files, each key once; not checked here. Tags that are typed belong to the commands that take them. */
  readonly tags: readonly ConfiguredTag[];
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

/** Where each setting came from, for `--debug`: a flag, an environment variable, a file with its line, or the default. */
export type Provenance = Readonly<Record<keyof Settings, string>>;
