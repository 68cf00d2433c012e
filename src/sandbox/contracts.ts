import type { Socket } from 'node:net';
import type { SeedContainerDefinition, SeedTaskDefinition } from './seed-shapes.ts';

/** The seams between the sandbox's parts: front (HTTP, signatures, IAM), services, machines, gateway. See BEHAVIOUR.md. */

/** Who signed a request. */
export interface Principal {
  /** `arn:aws:iam::ACCOUNT:user/NAME` or `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`. */
  readonly arn: string;
  /** `aws:userid`: `AIDA…` or `AROA…:SESSION`. */
  readonly userId: string;
  readonly accountId: string;
  /** The role behind an assumed-role principal. */
  readonly roleName?: string;
}

/** One question to IAM; every check of an operation must be allowed. */
export interface AuthorizationCheck {
  /** `service:Action`. */
  readonly action: string;
  readonly resource: string;
  /** Condition keys of the request and of the resource, e.g. `aws:ResourceTag/…`, `ecs:cluster`. */
  readonly context?: Readonly<Record<string, string | readonly string[]>>;
}

export interface ApiCall {
  /** `name` of the service's description. */
  readonly service: string;
  readonly action: string;
  readonly principal: Principal;
  readonly region: string;
  readonly requestId: string;
}

/**
 * One API operation. Input and output are plain objects with the member names of the wire (for JSON services those of the model;
 * for EC2 and the AWS query services the element names of the API reference, inputs all text). Dates are Date, blobs Uint8Array.
 */
export interface Operation {
  /** Run before `run`; may look at state, must not change it. Throws AwsError for input that AWS refuses before authorizing. */
  authorize(input: Record<string, unknown>, call: ApiCall): readonly AuthorizationCheck[];
  run(input: Record<string, unknown>, call: ApiCall): unknown;
}

export type Operations = Readonly<Record<string, Operation>>;

/** An answer with an AWS error code; `status` is the HTTP status (400 unless told). */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = 'AwsError';
    this.code = code;
    this.status = status;
  }
}

/** What a service's factory returns; the front composes them. */
export interface SandboxService {
  readonly operations: Operations;
  /** What of this service lives or bills, as JSON data in a stable order; part of `Sandbox.snapshot()`. */
  snapshot(): unknown;
  /** Runs synchronous `work` while the service does not see what was made lately; for an injected `not-found`. */
  withStaleReads?<T>(work: () => T): T;
  close?(): Promise<void>;
}

/** Temporary credentials of a role session. */
export interface RoleCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** IAM's answers to the rest of the sandbox. Unknown roles are denied. */
export interface AccessControl {
  authorizeRole(
    roleName: string,
    action: string,
    resource: string,
    context?: Readonly<Record<string, string | readonly string[]>>,
  ): boolean;
  /** Why a session of the role may not do it, in AWS's words; undefined if it may. */
  refusalOf(roleName: string, sessionName: string, check: AuthorizationCheck): string | undefined;
  /** Whether the role's trust policy lets the service (`ec2.amazonaws.com`) act with it. */
  trustsService(roleName: string, service: string, context?: Readonly<Record<string, string>>): boolean;
  /** New credentials of a session of the role; throws AwsError `NoSuchEntity`. */
  credentialsForRole(roleName: string, sessionName?: string): RoleCredentials;
  /** Throws AwsError `AccessDeniedException` (naming principal, action, resource) for the first check that is refused. */
  demand(principal: Principal, region: string, checks: readonly AuthorizationCheck[]): void;
}

/** Which instances have an agent online: SSM's half of what EC2 boots. */
export interface ManagedInstances {
  registerInstance(instance: {
    readonly instanceId: string;
    readonly machine: Machine;
    readonly privateIp: string;
    readonly roleName: string;
    /** Without a control channel an agent pings and is online, but no session reaches it. */
    readonly hasControlChannel: boolean;
    /** Tags as they are now, for `ssm:resourceTag/…` conditions. */
    tags(): Readonly<Record<string, string>>;
  }): void;
  /** Ends its sessions with channel_closed. Unknown ids are ignored. */
  deregisterInstance(instanceId: string): void;
}

/** Real durations in ms of what takes time in AWS. */
export interface Timing {
  /** RunInstances/CreateFleet until `running`. */
  readonly instancePendingMs: number;
  /** `shutting-down` until `terminated`; network interface and volumes go at its end. */
  readonly instanceShutdownMs: number;
  /** A new instance profile, or a role put into one, until EC2 accepts it. */
  readonly profilePropagationMs: number;
  /** From the interruption notice of a spot instance to its end (AWS: two minutes). */
  readonly spotNoticeMs: number;
  /** Every HTTP request must be answered within this. */
  readonly requestDeadlineMs: number;
  /** A new task of a service until RUNNING. */
  readonly taskPendingMs: number;
  /** StopTask, or a replaced task, until STOPPED. */
  readonly taskStoppingMs: number;
  /** A RUNNING container until its ExecuteCommandAgent is RUNNING. */
  readonly execAgentStartMs: number;
  /** A session without stream data until it is ended (AWS: 20 minutes). */
  readonly sessionIdleMs: number;
  /** Longest life of a session (AWS: set by preferences; none unless told). */
  readonly sessionMaxMs: number;
  /** WebSocket upgrade until OpenDataChannelInput must have arrived. */
  readonly openDataChannelMs: number;
}

/** A machine on which an SSM agent runs: a container of a task, or a bastion. Its commands are real processes. */
export interface Machine {
  readonly kind: 'instance' | 'container';
  /** `i-…` or `ecs:<cluster>_<taskId>_<runtimeId>`. */
  readonly target: string;
  /** A program on a real pty. `command` is a shell command line; absent = login shell. Throws MachineError `not-found`. */
  terminal(options: {
    readonly command?: string;
    readonly columns: number;
    readonly rows: number;
  }): Promise<MachineTerminal>;
  /** A program without a pty, streams apart, stdin closed. */
  process(command: string): Promise<MachineProcess>;
  /** A TCP connection from this machine's place in the VPC: its resolver, its security groups. Throws MachineError. */
  connect(host: string, port: number): Promise<Socket>;
  /** Addresses as the machine's resolver sees them. Throws MachineError `name-not-found`, `forbidden` (the agent's deny list). */
  resolve(host: string): Promise<readonly string[]>;
  /** A session worker runs from now until the returned function is called; what the machine's own idle watch counts. */
  beginSession?(sessionId: string): () => void;
}

/** What ECS tells the machine host about a container that starts. */
export interface ContainerLaunch {
  /** `ecs:<cluster>_<taskId>_<runtimeId>`. */
  readonly target: string;
  readonly region: string;
  readonly accountId: string;
  readonly cluster: string;
  readonly service: string | undefined;
  readonly taskArn: string;
  readonly taskDefinition: SeedTaskDefinition;
  readonly container: SeedContainerDefinition;
  /** Values of its secrets; what is not in it has a value that says what it is. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Writes one line to the container's log; absent = it has none. */
  readonly log?: (line: string) => void;
  readonly privateIp: string;
  readonly subnetId: string;
  readonly securityGroupIds: readonly string[];
}

/** The machine of a container. */
export interface ContainerMachine extends Machine {
  /** Starts the container's own command; undefined if this machine does not have its program. */
  startMain(): Promise<MachineProcess | undefined>;
  /** Kills its processes and removes its files. */
  stop(): Promise<void>;
}

/** Makes the machine of a container: called once per runtimeId, when its program or its first session starts; stopped with its task. */
export type ContainerHost = (launch: ContainerLaunch) => ContainerMachine;

export interface MachineTerminal {
  onData(listener: (bytes: Uint8Array) => void): void;
  onExit(listener: (exit: { readonly code: number; readonly signal: number | undefined }) => void): void;
  /** Calls `taken` when the terminal has taken all bytes, or never will. */
  write(bytes: Uint8Array, taken?: () => void): void;
  resize(columns: number, rows: number): void;
  pause(): void;
  resume(): void;
  kill(): void;
}

export interface MachineProcess {
  onStdout(listener: (bytes: Uint8Array) => void): void;
  onStderr(listener: (bytes: Uint8Array) => void): void;
  onExit(listener: (exit: { readonly code: number; readonly signal: number | undefined }) => void): void;
  /** Stops reading both streams: back-pressure on the program. */
  pause(): void;
  resume(): void;
  /** Reads nothing more, for good; the exit is told all the same. A program that writes much blocks for ever. */
  abandonOutput(): void;
  /** SIGINT, SIGQUIT … to the whole process group. */
  kill(signal: NodeJS.Signals): void;
}

export class MachineError extends Error {
  readonly kind: 'not-found' | 'refused' | 'timed-out' | 'name-not-found' | 'forbidden';
  constructor(kind: MachineError['kind'], message: string) {
    super(message);
    this.name = 'MachineError';
    this.kind = kind;
  }
}

/** What EC2 knows of an instance when it starts. */
export interface InstanceLaunch {
  readonly instanceId: string;
  readonly architecture: 'arm64' | 'x86_64';
  readonly instanceType: string;
  /** IPv6 in a subnet that has nothing else. */
  readonly privateIp: string;
  readonly ipv6Address?: string | undefined;
  readonly subnetId: string;
  readonly securityGroupIds: readonly string[];
  /** The metadata service answers on [fd00:ec2::254] too. */
  readonly metadataOverIpv6?: boolean;
  /** Decoded; undefined = none. */
  readonly userData: string | undefined;
  readonly region: string;
  /** Credentials of the instance profile's role, endpoint and region, for programs on the machine; asked for anew at each use. */
  roleEnv(): Readonly<Record<string, string>>;
  /** What the metadata service answers besides: the tags as they are now, and the notice of a spot interruption. */
  metadata(): {
    readonly tags: Readonly<Record<string, string>>;
    readonly interruption: { readonly action: 'terminate'; readonly time: Date } | undefined;
  };
  /** The operating system was shut down from inside. */
  onShutdown(): void;
  /**
   * The SSM agent starts, or starts again, with the endpoints that its configuration file names: what it writes to its
   * log. Absent = it reaches AWS and may do all it wants.
   */
  startAgent?(endpoints: AgentEndpoints): readonly AgentLogLine[];
  /** Aborted when the instance is terminated, also while it still boots: `boot` then resolves without a machine. */
  readonly signal?: AbortSignal;
}

/** Host names from `/etc/amazon/ssm/amazon-ssm-agent.json`; undefined = the region's usual one. */
export interface AgentEndpoints {
  readonly ssm: string | undefined;
  readonly ssmmessages: string | undefined;
}

/** A line of `/var/log/amazon/ssm/amazon-ssm-agent.log`; errors are in `errors.log` too. */
export interface AgentLogLine {
  readonly level: 'INFO' | 'WARN' | 'ERROR';
  readonly text: string;
}

export interface BootedInstance {
  /** Undefined when the user data failed: the agent never comes online. */
  readonly machine: Machine | undefined;
  readonly userDataExitCode: number | undefined;
  stop(): Promise<void>;
}

/** Boots instances by executing their real user data. */
export interface InstanceHost {
  boot(launch: InstanceLaunch): Promise<BootedInstance>;
  /** What GetConsoleOutput returns; grows while the boot runs. */
  consoleOutput(instanceId: string): string;
}

/** Reachability between places in the VPC, answered by EC2's security groups. */
export interface NetworkPolicy {
  /** True if a group in `from` (or the address) may reach a group in `to` on the TCP port: egress and ingress rules. */
  allows(
    from: { readonly securityGroupIds: readonly string[]; readonly privateIp: string },
    to: { readonly securityGroupIds: readonly string[]; readonly privateIp: string },
    port: number,
  ): boolean;
}
