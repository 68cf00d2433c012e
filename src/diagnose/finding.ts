import type { ErrorFacts } from '../core/error-facts.ts';
import type { Fix } from './change.ts';

/**
 * The result of a diagnosis: one finding for each cause, with the facts that show it and the changes that fix it. Pure:
 * the functions of this folder judge what the ports of connect/ and provision/ have read, make no calls, and receive
 * the time as an argument. cli/ turns a change into the command to type.
 */

export type Severity =
  /** The request does not work until this is changed. */
  | 'blocking'
  /** The request works, or may work, but a setting is not as it should be. */
  | 'warning'
  /** The facts that were read do not show whether it works. */
  | 'could-not-tell'
  /** Nothing is known to be wrong; no call to AWS shows this fact, and it can matter. */
  | 'note';

/** The principal whose policy or trust a finding is about: an ARN, or a name if only that is known. */
type Principal = { readonly principal: string };

type Actions = Principal & { readonly actions: readonly string[] };

/**
 * The evidence of each cause, by the id of the finding. If an id is also the code of an error, the evidence has the
 * facts of that error; `errorOf` (errors.ts) converts the finding to the error. Ids are stable: `--json` prints them.
 */
export interface FindingEvidence extends Pick<
  ErrorFacts,
  | 'agent-not-online'
  | 'boot-failed'
  | 'container-not-running'
  | 'exec-agent-not-running'
  | 'exec-not-enabled'
  | 'role-untrusted'
  | 'task-not-running'
> {
  'instance-ended': ErrorFacts['instance-ended'] & { readonly state: string };
  /** The agent of a bastion. */
  'agent-denied': ErrorFacts['agent-denied'] & {
    readonly instanceId: string;
    readonly role?: string | undefined;
  };

  /** The agent of a bastion was online, and has sent nothing to SSM for this long (undefined = not known). */
  'agent-lost': {
    readonly name: string;
    readonly instanceId: string;
    readonly silentMs: number | undefined;
  };
  /** EC2 interrupts the spot instance within two minutes; `replacement` is the id of the instance that replaces it. */
  'bastion-interrupted': {
    readonly name: string;
    readonly instanceId: string;
    readonly replacement: string | undefined;
  };

  // What a principal may do, compared with a document.
  'action-not-granted': Actions;
  /** A policy grants the actions under conditions on these keys, whose values were not known. */
  'action-undecided': Actions & { readonly unknownKeys: readonly string[] };
  'action-outside-boundary': Actions;
  'action-forbidden-by-organization': Actions;
  'action-explicitly-denied': Actions;
  'service-not-trusted': Actions & { readonly services: readonly string[] };
  /** The trust policy has conditions on these keys, whose values were not known. */
  'trust-undecided': Actions & {
    readonly services: readonly string[];
    readonly unknownKeys: readonly string[];
  };
  'action-not-denied': Actions;
  /** No policy denies all of the actions' resources, and a policy may allow the actions for some of them. */
  'denial-undecided': Actions;
  /** The simulator's answer does not contain the question. */
  'action-not-answered': Actions;

  // Whether a subnet reaches AWS.
  'subnet-full': InSubnet;
  /**
   * The groups of a VPC endpoint do not admit port 443 from any of the ranges; with private DNS no other route avoids
   * the endpoint.
   */
  'endpoint-refuses': InSubnet & {
    readonly endpoint: string;
    readonly service: string;
    readonly groups: readonly string[];
    readonly ranges: readonly string[];
  };
  /** A VPC endpoint has no address of the family in which the subnet calls it. */
  'endpoint-other-family': InSubnet & {
    readonly endpoint: string;
    readonly service: string;
    readonly answers: 'ipv4' | 'ipv6';
  };
  'no-way-out-ipv4': InSubnet & {
    /** Undefined = the subnet has none. */
    readonly defaultRoute?: DefaultRoute | undefined;
    readonly absent: readonly AbsentEndpoint[];
  };
  'no-way-out-ipv6': InSubnet &
    Nat64 & {
      readonly defaultRoute?: DefaultRoute | undefined;
      readonly absent: readonly AbsentEndpoint[];
    };
  /** IPv6 reaches the agent's services, but no service that has only IPv4. */
  'nat64-needed': InSubnet & Nat64;
  /**
   * The default route leads to a transit gateway, a network interface or the like, whose own routes EC2 does not show.
   */
  'way-out-assumed': InSubnet & { readonly destination: string; readonly target: string };

  // What stops ECS Exec, besides the state of task and container.
  /** `why` says what the newest task that stopped, or that has not started yet, reports. */
  'no-running-task': {
    readonly cluster: string;
    readonly service: string;
    readonly desired: number;
    readonly why?: string | undefined;
  };
  'platform-too-old': {
    readonly task: string;
    readonly platformVersion: string;
    /** The oldest platform version of that operating system with ECS Exec. */
    readonly needed: string;
  };
  /** The version of the ECS container agent on the instance decides, and it was not read. */
  'container-agent-not-read': { readonly task: string; readonly launchType: string };
  'task-role-missing': { readonly taskDefinition: string; readonly executionRole?: string | undefined };
  /** The task definition names a role that does not exist. */
  'task-role-gone': { readonly taskDefinition: string; readonly role: string };
  'task-role-untrusted': { readonly role: string; readonly service: string };
  /** The actions are allowed to the execution role, which the agent in the container does not use. */
  'exec-granted-to-execution-role': {
    readonly executionRole: string;
    readonly taskRole?: string | undefined;
    readonly actions: readonly string[];
  };
  'task-role-is-execution-role': { readonly role: string; readonly taskDefinition: string };
  /** Neither the simulator nor the policies of the role may be read. */
  'role-not-readable': Actions & { readonly denied: readonly string[] };
  'readonly-root-filesystem': { readonly container: string; readonly taskDefinition: string };
  'shared-pid-namespace': {
    readonly taskDefinition: string;
    readonly pidMode: string;
    readonly containers: readonly string[];
  };
  'init-process-off': { readonly taskDefinition: string; readonly containers: readonly string[] };
  'aws-keys-in-container': {
    readonly taskDefinition: string;
    readonly container: string;
    readonly variables: readonly string[];
  };
  'environment-file': { readonly container: string; readonly files: readonly string[] };
  'proxy-without-exceptions': {
    readonly taskDefinition: string;
    readonly container: string;
    readonly variables: readonly string[];
  };
  'exec-log-group-missing': { readonly cluster: string; readonly logGroup: string };
  'exec-log-group-unencrypted': { readonly cluster: string; readonly logGroup: string };
  /** The image needs these programs, because exec sessions are logged. */
  'exec-log-programs': {
    readonly container: string;
    readonly programs: readonly string[];
    readonly service?: string | undefined;
  };
  'task-without-ipv4': { readonly task: string; readonly subnet: string };
  'windows-container': { readonly task: string; readonly platformFamily: string };
  /** A fact that the caller may not read, by the action that is missing. */
  'not-allowed-to-read': { readonly action: string; readonly what: string };

  // The state of a database.
  'database-not-available': { readonly database: string; readonly status: string };
  /** The writer changes; connections are refused or end for a minute or two. */
  'database-failing-over': { readonly database: string; readonly status: string };
  /** `allocatedGiB` is undefined if RDS does not report it (Aurora grows by itself). */
  'database-storage-full': { readonly database: string; readonly allocatedGiB: number | undefined };
  /** The number of open connections is a metric, and in no description. */
  'database-connections-not-read': { readonly database: string };
  /** `endsAt` is ISO 8601. */
  'database-certificate-ends': {
    readonly database: string;
    readonly ca: string;
    readonly endsAt: string;
    readonly hasEnded: boolean;
  };
  /** Nothing names a place from which the path could be judged. */
  'database-path-not-judged': { readonly database: string };

  // The caller.
  'clock-wrong': { readonly offsetMs: number };
  /** The credentials end within minutes and are not renewed. `endsAt` is ISO 8601. */
  'credentials-end': { readonly endsAt: string; readonly leftMs: number };

  /** The transport `plugin` is chosen, and the official plugin is in none of these folders. */
  'plugin-missing': { readonly searched: readonly string[] };

  // A bastion, besides its agent.
  /** It terminates itself soon. `endsAt` is ISO 8601. */
  'bastion-lease-ends': { readonly name: string; readonly endsAt: string; readonly leftMs: number };
  /** Its agent has no credentials. */
  'bastion-without-profile': { readonly name: string; readonly instanceId: string };
  /** Resources of a bastion whose instance is gone. */
  'bastion-leftovers': { readonly name: string; readonly region: string };

  /** An instance of the VPC is a bastion that this tool did not make. */
  'other-bastion': {
    readonly instanceId: string;
    /** Its tag `Name`. */
    readonly instanceName: string | undefined;
    /** Address ranges that its security groups admit to port 22. */
    readonly sshFrom: readonly string[];
    /** Id of its persistent spot request: EC2 launches another instance when this one is terminated. */
    readonly spotRequest: string | undefined;
    /** Name of its role; undefined = not known. */
    readonly role: string | undefined;
    /** What its role allows and that of the new bastion does not; undefined if its policies may not be read. */
    readonly allowsBesides: readonly string[] | undefined;
  };

  // A network path.
  'path-blocked': PathEvidence;
  'path-not-visible': PathEvidence;

  // Whether a bastion reaches a database.
  'database-closed': {
    readonly database: string;
    readonly port: number;
    /** A group of the database. */
    readonly group: string;
    /** Groups that the database admits. */
    readonly admittedGroups: readonly string[];
  };
  /** EC2 refuses a group of another VPC that is not associated with the bastion's. */
  'client-group-elsewhere': { readonly group: string; readonly vpc: string; readonly bastionVpc: string };
  /** The group was given to let the bastion reach a destination, but it allows nothing. */
  'client-group-closed': { readonly group: string };
}

type PathEvidence = {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly family: 'ipv4' | 'ipv6';
  /** The kind of the hop (diagnose/network/hops.ts). */
  readonly hop: string;
  readonly resource: string;
  /** The rule that blocks the connection, or why the hop cannot be seen. */
  readonly rule: string;
};

type InSubnet = { readonly subnet: string };

type Nat64 = {
  readonly dns64: boolean;
  /** Whether a route sends 64:ff9b::/96 to a NAT gateway. */
  readonly nat64Route: boolean;
};

export type DefaultRoute = {
  /** Id of its target. */
  readonly target: string;
  /** False = the target no longer exists (a blackhole). */
  readonly exists: boolean;
};

/** A service without a usable VPC endpoint. */
export type AbsentEndpoint = {
  /** `ssm`, `ssmmessages`, `s3`, … */
  readonly service: string;
  /** Id of an existing endpoint; undefined = there is none. */
  readonly endpoint?: string | undefined;
  /**
   * Why it cannot be used: it lacks a route in the subnet's table, private DNS, or the state `available`.
   * `global-name`: no endpoint of the region has the name that is called.
   */
  readonly lacks?: 'route' | 'private-dns' | 'availability' | 'global-name' | undefined;
  readonly state?: string | undefined;
};

export type FindingId = keyof FindingEvidence;

export interface FindingOf<I extends FindingId> {
  readonly id: I;
  readonly severity: Severity;
  readonly evidence: FindingEvidence[I];
  /** Alternatives, the best one first; empty if no change in the account fixes it. */
  readonly fixes: readonly Fix[];
}

export type Finding = { readonly [I in FindingId]: FindingOf<I> }[FindingId];
