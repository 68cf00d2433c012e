import type { Socket } from 'node:net';
import type { SeedContainerDefinition, SeedTaskDefinition } from './seed-shapes.ts';

/**
 * The interfaces between the sandbox's parts: front (HTTP, signatures, IAM), services, machines, gateway. See
 * BEHAVIOUR.md.
 */

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

/** One permission check that IAM decides; all checks of an operation must be allowed. */
export interface AuthorizationCheck {
  /** `service:Action`. */
  readonly action: string;
  readonly resource: string;
  /** Condition keys of the request and of the resource, e.g. `aws:ResourceTag/…`, `ecs:cluster`. */
  readonly context?: Readonly<Record<string, string | readonly string[]>>;
  /** The message of a refusal, where it differs from the usual one. */
  readonly refusal?: string;
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
 * One API operation. Input and output are plain objects whose member names are those of the wire: for JSON services
 * the names of the service model; for EC2 and the AWS query services the element names of the API reference, with
 * every input value as text. Dates are Date, blobs Uint8Array.
 */
export interface Operation {
  /**
   * Called before `run`; may read state, must not change it. Throws AwsError for input that AWS refuses before it
   * authorizes.
   */
  authorize(input: Record<string, unknown>, call: ApiCall): readonly AuthorizationCheck[];
  run(input: Record<string, unknown>, call: ApiCall): unknown;
}

export type Operations = Readonly<Record<string, Operation>>;

/** An answer with an AWS error code; `status` is the HTTP status (400 unless given). */
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

/** What a service's factory returns; the HTTP front dispatches calls to it. */
export interface SandboxService {
  readonly operations: Operations;
  /**
   * The resources of this service that exist or cost money, as JSON data in a stable order; part of
   * `Sandbox.snapshot()`.
   */
  snapshot(): unknown;
  /**
   * Runs synchronous `work` while the service does not see recently created resources; for an injected `not-found`.
   */
  withStaleReads?<T>(work: () => T): T;
  close?(): Promise<void>;
}

/** Temporary credentials of a role session. */
export interface RoleCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** IAM's decisions for the rest of the sandbox. Unknown roles are denied everything. */
export interface AccessControl {
  authorizeRole(
    roleName: string,
    action: string,
    resource: string,
    context?: Readonly<Record<string, string | readonly string[]>>,
  ): boolean;
  /** The message with which AWS refuses this action to a session of the role; undefined if it is allowed. */
  refusalOf(roleName: string, sessionName: string, check: AuthorizationCheck): string | undefined;
  /** Whether the role's trust policy lets the service (`ec2.amazonaws.com`) assume the role. */
  trustsService(roleName: string, service: string, context?: Readonly<Record<string, string>>): boolean;
  /** New credentials of a session of the role; throws AwsError `NoSuchEntity`. */
  credentialsForRole(roleName: string, sessionName?: string): RoleCredentials;
  /**
   * Throws AwsError `AccessDeniedException` (naming principal, action, resource) for the first check that is refused.
   */
  demand(principal: Principal, region: string, checks: readonly AuthorizationCheck[]): void;
}

/** The instances whose agent is online: SSM's record of the instances that EC2 boots. */
export interface ManagedInstances {
  registerInstance(instance: {
    readonly instanceId: string;
    readonly machine: Machine;
    readonly privateIp: string;
    readonly roleName: string;
    /** Without a control channel an agent sends heartbeats and is online, but no session can be started on it. */
    readonly hasControlChannel: boolean;
    /** The current tags, for `ssm:resourceTag/…` conditions. */
    tags(): Readonly<Record<string, string>>;
  }): void;
  /** Ends its sessions with channel_closed. Unknown ids are ignored. */
  deregisterInstance(instanceId: string): void;
}

/** Real durations in ms of operations that take time in AWS. */
export interface Timing {
  /** From RunInstances or CreateFleet until the instance is `running`. */
  readonly instancePendingMs: number;
  /** `shutting-down` until `terminated`; network interface and volumes are deleted then. */
  readonly instanceShutdownMs: number;
  /** From the creation of an instance profile, or the addition of a role to one, until EC2 accepts it. */
  readonly profilePropagationMs: number;
  /** From the interruption notice of a spot instance to its termination (AWS: two minutes). */
  readonly spotNoticeMs: number;
  /** Every HTTP request must be answered within this. */
  readonly requestDeadlineMs: number;
  /** From the start of a service's task until it is RUNNING. */
  readonly taskPendingMs: number;
  /** From StopTask, or from the replacement of a task, until the task is STOPPED. */
  readonly taskStoppingMs: number;
  /** From a container's state RUNNING until its ExecuteCommandAgent is RUNNING. */
  readonly execAgentStartMs: number;
  /** How long a session may have no stream data before it is ended (AWS: 20 minutes). */
  readonly sessionIdleMs: number;
  /** Longest duration of a session (AWS: set by the preferences; unlimited by default). */
  readonly sessionMaxMs: number;
  /** From the WebSocket upgrade until OpenDataChannelInput must have arrived. */
  readonly openDataChannelMs: number;
}

/** A machine on which an SSM agent runs: a container of a task, or a bastion. Its commands are real processes. */
export interface Machine {
  readonly kind: 'instance' | 'container';
  /** `i-…` or `ecs:<cluster>_<taskId>_<runtimeId>`. */
  readonly target: string;
  /**
   * A program on a real pty. `command` is a shell command line; absent = login shell. Throws MachineError
   * `not-found`.
   */
  terminal(options: {
    readonly command?: string;
    readonly columns: number;
    readonly rows: number;
  }): Promise<MachineTerminal>;
  /** Starts a program without a pty, with separate output streams and closed stdin. */
  process(command: string): Promise<MachineProcess>;
  /**
   * Opens a TCP connection from this machine's place in the VPC, with its resolver and security groups. Throws
   * MachineError.
   */
  connect(host: string, port: number): Promise<Socket>;
  /**
   * Addresses as the machine's resolver sees them. Throws MachineError `name-not-found`, `forbidden` (the agent's
   * deny list).
   */
  resolve(host: string): Promise<readonly string[]>;
  /**
   * Counts a session worker as running until the returned function is called; the machine's own idle watch reads that
   * count.
   */
  beginSession?(sessionId: string): () => void;
}

/** What ECS passes to the machine host when a container starts. */
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
  /** Values of the container's secrets; a secret that is not listed gets a placeholder value that names it. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Writes one line to the container's log; absent = the container has no log. */
  readonly log?: (line: string) => void;
  readonly privateIp: string;
  readonly subnetId: string;
  readonly securityGroupIds: readonly string[];
}

/** The machine that plays a container. */
export interface ContainerMachine extends Machine {
  /** Starts the container's own command; undefined if this machine does not have its program. */
  startMain(): Promise<MachineProcess | undefined>;
  /** Kills the container's processes and removes its files. */
  stop(): Promise<void>;
}

/**
 * Makes the machine of a container. It is called once per runtimeId, when the container's program or first session
 * starts; the machine is stopped with its task.
 */
export type ContainerHost = (launch: ContainerLaunch) => ContainerMachine;

export interface MachineTerminal {
  onData(listener: (bytes: Uint8Array) => void): void;
  onExit(listener: (exit: { readonly code: number; readonly signal: number | undefined }) => void): void;
  /** Calls `taken` when the terminal has taken all bytes, or when it is certain that it never will. */
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
  /**
   * Stops reading the output for good; the exit is still reported. A program that writes much then blocks for ever.
   */
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

/** What EC2 passes to the instance host when an instance starts. */
export interface InstanceLaunch {
  readonly instanceId: string;
  readonly architecture: 'arm64' | 'x86_64';
  readonly instanceType: string;
  /** The IPv6 address in an IPv6-only subnet. */
  readonly privateIp: string;
  readonly ipv6Address?: string | undefined;
  readonly subnetId: string;
  readonly securityGroupIds: readonly string[];
  /** The metadata service answers on [fd00:ec2::254] too. */
  readonly metadataOverIpv6?: boolean;
  /** Decoded user data; undefined = none. */
  readonly userData: string | undefined;
  readonly region: string;
  /**
   * Credentials of the instance profile's role, endpoint and region, for programs on the machine; called again for
   * each use.
   */
  roleEnv(): Readonly<Record<string, string>>;
  /** The other answers of the metadata service: the current tags, and the notice of a spot interruption. */
  metadata(): {
    readonly tags: Readonly<Record<string, string>>;
    readonly interruption: { readonly action: 'terminate'; readonly time: Date } | undefined;
  };
  /** Called when the operating system was shut down from inside. */
  onShutdown(): void;
  /**
   * Called when the SSM agent starts or restarts, with the endpoints from its configuration file; returns the lines
   * that it logs. Absent = the agent reaches AWS and all its calls are allowed.
   */
  startAgent?(endpoints: AgentEndpoints): readonly AgentLogLine[];
  /** Aborted when the instance is terminated, even during its boot: `boot` then resolves without a machine. */
  readonly signal?: AbortSignal;
}

/** Host names from `/etc/amazon/ssm/amazon-ssm-agent.json`; undefined = the region's default host name. */
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
  /** What GetConsoleOutput returns; it grows during the boot. */
  consoleOutput(instanceId: string): string;
}

/** Which places in the VPC can connect to each other; EC2's security groups decide. */
export interface NetworkPolicy {
  /** True if a group in `from` (or the address) may reach a group in `to` on the TCP port: egress and ingress rules. */
  allows(
    from: { readonly securityGroupIds: readonly string[]; readonly privateIp: string },
    to: { readonly securityGroupIds: readonly string[]; readonly privateIp: string },
    port: number,
  ): boolean;
}
