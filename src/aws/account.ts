import type { EcsPort, KmsPort, LogsPort, SsmPort, UpgradeSigner } from '../connect/ports.ts';
import type { DatabasesPort, DatabaseTokensPort, SecretsPort } from '../connect/ports/databases.ts';
import type { NetworkAgents } from '../core/network-agents.ts';
import type { DiagnosisPort } from '../provision/ports/diagnosis.ts';
import type { Ec2Port } from '../provision/ports/ec2.ts';
import type { IamPort, IdentityPort } from '../provision/ports/iam.ts';
import type { ImagesPort } from '../provision/ports/images.ts';
import type { NodesPort } from '../provision/ports/nodes.ts';
import type { SimulatorPort } from '../provision/ports/simulator.ts';

/** One set of credentials and one region; each port loads its SDK client on first use. */
export interface AwsAccount {
  readonly region: string;
  /** Proxies and trusted certificates for everything of this account, the message gateway included. */
  readonly agents: NetworkAgents;
  /**
   * Milliseconds to add to this machine's time to get AWS's time, as far as AWS's answers have shown it; for
   * comparisons with times of AWS.
   */
  clockOffsetMs(): number;
  /** Undefined if the account has no alias, or if it cannot be read within 1.5 s; never rejects. */
  alias(): Promise<string | undefined>;
  /** The SSM endpoint, for the plugin transport. */
  ssmEndpoint(): Promise<string>;
  /** Credentials as environment variables for child processes (the official plugin). Never logged. */
  credentialEnv(): Promise<Readonly<Record<string, string>>>;
  /**
   * `thrown`: throttled calls fail at once with `aws-throttled`, for callers that pace many calls themselves
   * (core/paced-calls.ts). Default: the SDK retries them.
   */
  ecs(throttling?: 'retried' | 'thrown'): Promise<EcsPort>;
  /** End of the present credentials in milliseconds since the epoch; undefined = not known, or they do not end. */
  credentialsEndAt(): Promise<number | undefined>;
  /** Renews credentials that end within so many milliseconds; throws the error of the sign-in that this needs. */
  renewCredentials(beforeMs: number): Promise<void>;
  ssm(): Promise<SsmPort>;
  databases(): Promise<DatabasesPort>;
  databaseTokens(): Promise<DatabaseTokensPort>;
  secrets(): Promise<SecretsPort>;
  kms(): Promise<KmsPort>;
  logs(): Promise<LogsPort>;
  signer(): Promise<UpgradeSigner>;
  ec2(): Promise<Ec2Port>;
  iam(): Promise<IamPort>;
  identity(): Promise<IdentityPort>;
  images(): Promise<ImagesPort>;
  nodes(): Promise<NodesPort>;
  simulator(): Promise<SimulatorPort>;
  diagnosis(): Promise<DiagnosisPort>;
}
