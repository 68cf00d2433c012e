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
  readonly color: boolean;
  readonly transport: 'native' | 'plugin';
  /** `AWS_ENDPOINT_URL`; undefined = AWS. */
  readonly endpointUrl: string | undefined;
}
