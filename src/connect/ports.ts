import type { ToolError } from '../core/errors.ts';

/**
 * What connect/ needs from AWS, as interfaces of its own types. aws/ implements them; every error thrown is a ToolError
 * (aws/errors.ts).
 */

export interface Cluster {
  readonly arn: string;
  readonly name: string;
  readonly status: string;
  readonly runningTasks: number;
  readonly activeServices: number;
  /** The cluster records the sessions of ECS Exec in a place of its own (`logging: OVERRIDE`). */
  readonly recordsExec?: boolean;
}

export interface Service {
  readonly arn: string;
  readonly name: string;
  readonly clusterArn: string;
  readonly status: string;
  readonly desiredCount: number;
  readonly runningCount: number;
  readonly pendingCount: number;
  readonly launchType: string;
  /** `enableExecuteCommand` of the service; each task keeps the value of the time when it started. */
  readonly execEnabled: boolean;
  readonly taskDefinitionArn: string;
  /** Who starts deployments: `ECS`, `CODE_DEPLOY` or `EXTERNAL`. */
  readonly deploymentController: string;
  /** How many percent of the desired tasks a deployment keeps healthy, and runs at most; undefined = not given. */
  readonly minimumHealthyPercent: number | undefined;
  readonly maximumPercent: number | undefined;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly publicIp: boolean;
  /** Milliseconds since the epoch. */
  readonly createdAt: number | undefined;
  /** The last hundred events at most, newest first. */
  readonly events: readonly ServiceEvent[];
  /** The primary deployment and those that it replaces. */
  readonly deployments: readonly Deployment[];
}

/** An event of a service: tasks started and stopped, failures, steady states. */
export interface ServiceEvent {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly message: string;
}

export interface Deployment {
  readonly id: string;
  /** PRIMARY, ACTIVE or INACTIVE. */
  readonly status: string;
  readonly taskDefinitionArn: string;
  readonly desiredCount: number;
  readonly runningCount: number;
  readonly pendingCount: number;
  readonly failedTasks: number;
  /** COMPLETED, IN_PROGRESS or FAILED; undefined where the deployment controller is not ECS. */
  readonly rolloutState: string | undefined;
  readonly rolloutReason: string | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number | undefined;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly lastStatus: string;
  readonly healthStatus: string;
  /** Absent until the container has started. */
  readonly runtimeId: string | undefined;
  /** Exit code of a container that has ended; undefined also for one that never started. */
  readonly exitCode: number | undefined;
  /** Why the container ended or did not start: `OutOfMemoryError: …`, `CannotPullContainerError: …`. */
  readonly reason: string | undefined;
  /** The managed ExecuteCommandAgent of this container; undefined when ECS Exec was off at the task's start. */
  readonly execAgent:
    | {
        readonly status: 'PENDING' | 'RUNNING' | 'STOPPED';
        readonly reason: string | undefined;
        readonly startedAt: number | undefined;
      }
    | undefined;
}

export interface Task {
  readonly arn: string;
  /** Last segment of the ARN. */
  readonly id: string;
  readonly clusterArn: string;
  /** Taken from `group` "service:<name>"; undefined for a stand-alone task. */
  readonly serviceName: string | undefined;
  readonly lastStatus: string;
  readonly desiredStatus: string;
  readonly healthStatus: string;
  readonly execEnabled: boolean;
  readonly createdAt: number | undefined;
  readonly startedAt: number | undefined;
  readonly stoppedReason: string | undefined;
  /** `EssentialContainerExited`, `TaskFailedToStart`, `ServiceSchedulerInitiated`, … */
  readonly stopCode: string | undefined;
  /** Milliseconds since the epoch. */
  readonly stoppedAt: number | undefined;
  readonly taskDefinitionArn: string;
  readonly launchType: string;
  /**
   * Who started the task: the id of the deployment for a task of a service; else an EventBridge rule, or the text that
   * the caller of RunTask gave.
   */
  readonly startedBy?: string | undefined;
  readonly platformVersion: string | undefined;
  readonly platformFamily: string | undefined;
  readonly privateIp: string | undefined;
  readonly subnetId: string | undefined;
  /** Id of its network interface. */
  readonly interfaceId?: string | undefined;
  /** The task role with which RunTask replaced that of the task definition. */
  readonly taskRoleOverride?: string | undefined;
  readonly containers: readonly Container[];
}

export interface TaskDefinition {
  readonly arn: string;
  /** Undefined = its containers have no role, and ECS Exec cannot work. */
  readonly taskRoleArn: string | undefined;
  readonly containers: readonly ContainerDefinition[];
}

export interface ContainerDefinition {
  readonly name: string;
  readonly readonlyRoot: boolean;
  /**
   * Values of its environment variables, and ARNs of its secrets. They may hold passwords: they are compared with the
   * hosts of databases, and are never printed.
   */
  readonly settings?: readonly string[];
  /** Names of its environment variables, plain and from secrets. */
  readonly variables: readonly string[];
  /** Container ports with protocol UDP. */
  readonly udpPorts: readonly number[];
  /** `proxyConfiguration` names this container: it is the Envoy proxy of App Mesh. */
  readonly isProxy: boolean;
  /** `logDriver` and options of `logConfiguration`; undefined = the container has none, and its output is not kept. */
  readonly log: LogConfiguration | undefined;
  /** The type of the FireLens router, if this container is one: `fluentd` or `fluentbit`. */
  readonly firelens: string | undefined;
}

export interface LogConfiguration {
  /** `awslogs`, `awsfirelens`, `splunk`, … */
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
}

/** What is known of a container before a session to it is tried. */
export type ContainerVerdict =
  | {
      readonly ready: true;
      readonly runtimeId: string;
      /**
       * Milliseconds since the epoch. Before this time, a refusal to connect may mean that the agent is still starting.
       */
      readonly settledAt: number;
    }
  /** `mayStart`: the task is young, so waiting can help. */
  | { readonly ready: false; readonly mayStart: boolean; readonly error: ToolError };

/**
 * Judges a described container (diagnose/ecs/container.ts); `now` in milliseconds since the epoch. Calls `service` only
 * when the result depends on it.
 */
export type JudgeContainer = (
  task: Task,
  container: Container,
  service: Service | undefined,
  now: number,
) => ContainerVerdict;

/**
 * What StartSession, ResumeSession and ExecuteCommand return. The token is a secret: never log it, never put it in
 * argv.
 */
export interface SessionStart {
  readonly sessionId: string;
  readonly streamUrl: string;
  readonly tokenValue: string;
}

/** Reads the pages of a list. */
export interface PageIterator<T> extends AsyncIterator<readonly T[]> {
  /** True if the last page was returned; undefined = only the next call of `next` tells. */
  readonly isAtEnd?: boolean;
}

/**
 * Lists are pages. After an error `next` of their iterator may be called again; it asks for the same page once more.
 */
export interface EcsPort {
  /** Pages of ListClusters, as names. */
  clusterNames(signal?: AbortSignal): AsyncIterable<readonly string[]>;
  describeClusters(names: readonly string[]): Promise<readonly Cluster[]>;
  /** Pages of ListServices (100 each), as names. Throws `cluster-not-found`. */
  serviceNames(cluster: string, signal?: AbortSignal): AsyncIterable<readonly string[]>;
  /** Chunks of 10, the API's limit. Names that do not exist are absent from the result. */
  describeServices(
    cluster: string,
    names: readonly string[],
    signal?: AbortSignal,
  ): Promise<readonly Service[]>;
  /** Pages of ListTasks (100 each), as ARNs. Throws `cluster-not-found`, `service-not-found`. */
  taskArns(
    cluster: string,
    filter: { readonly service?: string; readonly desiredStatus?: 'RUNNING' | 'STOPPED' },
    signal?: AbortSignal,
  ): AsyncIterable<readonly string[]>;
  /** Chunks of 100. ARNs or ids; those that do not exist are absent from the result. */
  describeTasks(cluster: string, tasks: readonly string[], signal?: AbortSignal): Promise<readonly Task[]>;
  /** `family:revision` or an ARN. Throws `task-definition-not-found`. */
  taskDefinition(name: string): Promise<TaskDefinition>;
  /**
   * Enables ECS Exec for the service and starts a new deployment; resolves with the deployment's id. Throws
   * `service-update-refused`, `service-not-found`.
   */
  deployWithExec(cluster: string, service: string): Promise<string>;
  /**
   * The request always names the container, because side-cars count as containers too. Throws `target-not-connected`,
   * `exec-not-enabled`.
   */
  executeCommand(request: {
    readonly cluster: string;
    readonly task: string;
    readonly container: string;
    readonly command: string;
  }): Promise<SessionStart>;
}

export interface StartSessionRequest {
  /** `i-…` or `ecs:<cluster>_<taskId>_<runtimeId>`. */
  readonly target: string;
  /** Absent = the account's default shell document. */
  readonly documentName?: string;
  readonly parameters?: Readonly<Record<string, readonly string[]>>;
  readonly reason?: string;
}

export interface ActiveSession {
  readonly sessionId: string;
  readonly target: string;
  /** ARN of the principal that started the session. */
  readonly owner: string;
  readonly startedAt: number | undefined;
  readonly documentName: string | undefined;
}

export interface SsmPort {
  startSession(request: StartSessionRequest): Promise<SessionStart>;
  /** Undefined means that the session is over (the answer held no token). */
  resumeSession(sessionId: string): Promise<SessionStart | undefined>;
  terminateSession(sessionId: string): Promise<void>;
  activeSessions(target: string): Promise<readonly ActiveSession[]>;
  /** Milliseconds since the epoch; undefined when no session has ended yet. */
  lastSessionEnd(target: string): Promise<number | undefined>;
}

/** Something with an address and a port that holds data: a database, a proxy in front of one, a cache, a search domain. */
export interface Database {
  /** The identifier in AWS, which is what a person types. */
  readonly id: string;
  readonly arn: string;
  readonly service:
    | 'rds'
    | 'rds-proxy'
    | 'documentdb'
    | 'elasticache'
    | 'memorydb'
    | 'redshift'
    | 'redshift-serverless'
    | 'opensearch';
  readonly kind: 'instance' | 'cluster' | 'proxy' | 'replication-group' | 'serverless' | 'domain';
  /** Engine name of the service, e.g. `postgres`, `aurora-mysql`, `docdb`, `valkey`. */
  readonly engine: string;
  readonly status: string;
  /** The one that a person means without further words comes first; empty while the database is being created. */
  readonly endpoints: readonly DatabaseEndpoint[];
  readonly databaseName: string | undefined;
  readonly masterUsername: string | undefined;
  /** Undefined where the description does not name it, as for caches. */
  readonly vpcId: string | undefined;
  readonly securityGroups: readonly string[];
  /** Whether users can log in with an IAM token. */
  readonly iamAuthentication: boolean;
  readonly publiclyAccessible: boolean;
  /** Also reachable over IPv6: network type DUAL. */
  readonly ipv6: boolean;
  /** Whether clients must, may or cannot use TLS, as far as the description says it: parameter groups are not read. */
  readonly tls: 'required' | 'offered' | 'none';
  /** `db-…`, `cluster-…` or `prx-…`: the id in the ARN of `rds-db:connect`. */
  readonly resourceId: string | undefined;
  /** The secret that RDS keeps for the master user, or that a proxy logs in with. */
  readonly secretArn: string | undefined;
  /** A Redis or Valkey cluster that spreads its keys over several nodes. */
  readonly isSharded: boolean;
}

export interface DatabaseEndpoint {
  readonly role: 'instance' | 'writer' | 'reader' | 'custom' | 'proxy' | 'configuration' | 'node';
  /** The identifier of the endpoint itself, where it has one: an instance of a cluster, a custom endpoint, a node. */
  readonly id: string | undefined;
  readonly host: string;
  readonly port: number;
}

/** One event of CloudWatch Logs; a message can hold several lines. */
export interface LogEvent {
  /** The same every time the event is read. */
  readonly id: string;
  readonly stream: string;
  /** Milliseconds since the epoch, as set by the writer of the event. */
  readonly timestamp: number;
  /** When CloudWatch Logs received the event, in milliseconds since the epoch. */
  readonly ingestedAt: number;
  readonly message: string;
}

export interface LogEventsRequest {
  readonly group: string;
  /** One to a hundred. */
  readonly streams: readonly string[];
  /** Milliseconds since the epoch, inclusive. */
  readonly from: number;
  /** Milliseconds since the epoch, exclusive; undefined = no end. */
  readonly to: number | undefined;
  /** Filter pattern of CloudWatch Logs; undefined = all events. */
  readonly pattern: string | undefined;
  readonly pageToken: string | undefined;
}

export interface LogEventsPage {
  /** Ordered by time. Can be empty although there is another page. */
  readonly events: readonly LogEvent[];
  readonly nextToken: string | undefined;
}

/** CloudWatch Logs of one region. */
export interface LogsPort {
  readonly region: string;
  /**
   * Throws `log-stream-not-found` if the group, or one of the streams, does not exist; `log-pattern-invalid`;
   * `aws-throttled`.
   */
  events(request: LogEventsRequest, signal?: AbortSignal): Promise<LogEventsPage>;
  /** Undefined = the stream does not exist. Throws `log-group-not-found`, `aws-throttled`. */
  stream(
    group: string,
    name: string,
    signal?: AbortSignal,
  ): Promise<{ readonly lastEventAt: number | undefined } | undefined>;
}

export interface DataKey {
  /** 64 bytes: 0–31 agent→client, 32–63 client→agent (SPEC.md §4). */
  readonly plaintext: Uint8Array;
  readonly ciphertextBlob: Uint8Array;
}

export interface KmsPort {
  generateDataKey(keyId: string, encryptionContext: Readonly<Record<string, string>>): Promise<DataKey>;
}

/** SigV4 (service `ssmmessages`) for the WebSocket upgrade; empty for presigned URLs or without credentials. */
export interface UpgradeSigner {
  headers(url: URL): Promise<Readonly<Record<string, string>>>;
}
