import type { ToolError } from '../core/errors.ts';

/** What connect/ needs from AWS, in our words. Implemented by aws/; every error thrown is a ToolError (aws/errors.ts). */

export interface Cluster {
  readonly arn: string;
  readonly name: string;
  readonly status: string;
  readonly runningTasks: number;
  readonly activeServices: number;
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
  /** `enableExecuteCommand` of the service; what a task has was copied when that task started. */
  readonly execEnabled: boolean;
  readonly taskDefinitionArn: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly publicIp: boolean;
  /** Milliseconds since the epoch. */
  readonly createdAt: number | undefined;
  /** The last hundred at most, newest first. */
  readonly events: readonly ServiceEvent[];
  /** The primary one and those that it replaces. */
  readonly deployments: readonly Deployment[];
}

/** What ECS says about the work on a service: tasks started and stopped, failures, steady states. */
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
  /** Of a container that has ended; undefined too where it never started. */
  readonly exitCode: number | undefined;
  /** Why it ended or did not start: `OutOfMemoryError: …`, `CannotPullContainerError: …`. */
  readonly reason: string | undefined;
  /** The managed ExecuteCommandAgent of this container; undefined when exec was off at the task's start. */
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
  /** From `group` "service:<name>"; undefined for a stand-alone task. */
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
  readonly platformVersion: string | undefined;
  readonly platformFamily: string | undefined;
  readonly privateIp: string | undefined;
  readonly subnetId: string | undefined;
  readonly containers: readonly Container[];
}

export interface TaskDefinition {
  readonly arn: string;
  readonly containers: readonly ContainerDefinition[];
}

export interface ContainerDefinition {
  readonly name: string;
  /** `logDriver` and options of `logConfiguration`; undefined = the container has none, and its output goes nowhere. */
  readonly log: LogConfiguration | undefined;
  /** Where this container routes the output of the others: `fluentd` or `fluentbit`. */
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
      /** Milliseconds since the epoch. Before that, a refusal to connect may mean that the agent is only starting. */
      readonly settledAt: number;
    }
  /** `mayCome`: the task is young, waiting can help. */
  | { readonly ready: false; readonly mayCome: boolean; readonly error: ToolError };

/** Judges what was described (diagnose/ecs/container.ts); `now` in milliseconds since the epoch. `service` is asked for only where it matters. */
export type JudgeContainer = (
  task: Task,
  container: Container,
  service: Service | undefined,
  now: number,
) => ContainerVerdict;

/** What StartSession, ResumeSession and ExecuteCommand return. The token is a secret: never log it, never put it in argv. */
export interface SessionStart {
  readonly sessionId: string;
  readonly streamUrl: string;
  readonly tokenValue: string;
}

export interface EcsPort {
  /** Pages of ListClusters, as names. */
  clusterNames(signal?: AbortSignal): AsyncIterable<readonly string[]>;
  describeClusters(names: readonly string[]): Promise<readonly Cluster[]>;
  /** Pages of ListServices (100 each), as names. Throws `cluster-not-found`. */
  serviceNames(cluster: string, signal?: AbortSignal): AsyncIterable<readonly string[]>;
  /** Chunks of 10, the API's limit. Names that do not exist are absent from the result. */
  describeServices(cluster: string, names: readonly string[]): Promise<readonly Service[]>;
  /** Pages of ListTasks (100 each), as ARNs. Throws `cluster-not-found`, `service-not-found`. */
  taskArns(
    cluster: string,
    filter: { readonly service?: string; readonly desiredStatus?: 'RUNNING' | 'STOPPED' },
    signal?: AbortSignal,
  ): AsyncIterable<readonly string[]>;
  /** Chunks of 100. ARNs or ids; those that do not exist are absent from the result. */
  describeTasks(cluster: string, tasks: readonly string[]): Promise<readonly Task[]>;
  /** `family:revision` or an ARN. Throws `task-definition-not-found`. */
  taskDefinition(name: string): Promise<TaskDefinition>;
  /** Always names the container: side-cars count. Throws `target-not-connected`, `exec-not-enabled`. */
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
  /** ARN of who started it. */
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
  /** Milliseconds since the epoch; undefined where none has ended yet. */
  lastSessionEnd(target: string): Promise<number | undefined>;
}

export interface Database {
  readonly id: string;
  readonly kind: 'instance' | 'cluster';
  /** RDS engine name, e.g. `postgres`, `aurora-mysql`. */
  readonly engine: string;
  readonly status: string;
  readonly endpoints: readonly {
    readonly role: 'instance' | 'writer' | 'reader' | 'custom';
    readonly host: string;
    readonly port: number;
  }[];
  readonly databaseName: string | undefined;
  readonly masterUsername: string | undefined;
  readonly vpcId: string | undefined;
  readonly securityGroups: readonly string[];
  readonly iamAuthentication: boolean;
  readonly publiclyAccessible: boolean;
  /** It answers over IPv6 too: network type DUAL. */
  readonly ipv6: boolean;
}

export interface DatabasesPort {
  databases(): Promise<readonly Database[]>;
}

/** One event of CloudWatch Logs; a message can hold several lines. */
export interface LogEvent {
  /** The same wherever the event is read again. */
  readonly id: string;
  readonly stream: string;
  /** Milliseconds since the epoch, as the writer of the event said. */
  readonly timestamp: number;
  /** Milliseconds since the epoch; when CloudWatch Logs took the event in. */
  readonly ingestedAt: number;
  readonly message: string;
}

export interface LogEventsRequest {
  readonly group: string;
  /** One to a hundred. */
  readonly streams: readonly string[];
  /** Milliseconds since the epoch, included. */
  readonly from: number;
  /** Milliseconds since the epoch, excluded; undefined = without end. */
  readonly to: number | undefined;
  /** Filter pattern of CloudWatch Logs; undefined = all events. */
  readonly pattern: string | undefined;
  readonly pageToken: string | undefined;
}

export interface LogEventsPage {
  /** By time. Can be empty although there is another page. */
  readonly events: readonly LogEvent[];
  readonly nextToken: string | undefined;
}

/** CloudWatch Logs of one region. */
export interface LogsPort {
  readonly region: string;
  /** Throws `log-stream-not-found` where the group, or one of the streams, does not exist; `log-pattern-invalid`; `aws-throttled`. */
  events(request: LogEventsRequest, signal?: AbortSignal): Promise<LogEventsPage>;
  /** Undefined = there is no such stream. Throws `log-group-not-found`, `aws-throttled`. */
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
