import type { Candidates } from './candidates.ts';

/**
 * The facts that errors and notes carry, by code: what is known at the place where the error is thrown, and what
 * cli/advice/ needs to say what to type next. Names and values only, never a command line.
 */

/** A value that JSON can carry; undefined members are left out of it. */
export type Fact =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Fact[]
  | { readonly [name: string]: Fact };

/** Printed with `--json`. Must never hold a token, key or password. */
export type ErrorDetails = Readonly<Record<string, Fact>>;

/** A code whose advice is the same whatever the facts are. */
type AnyFacts = ErrorDetails;

interface ChannelFacts {
  readonly [name: string]: Fact;
  readonly sessionId: string;
  /** The IAM action that is missing. */
  readonly action: string;
}

interface TaskFacts {
  readonly [name: string]: Fact;
  readonly cluster: string;
  readonly task: string;
  readonly container: string;
}

/** What is wrong with a command line, as far as its parser knows. */
export interface ParseFacts {
  readonly [name: string]: Fact;
  /** What was probably meant. */
  readonly suggestions?: readonly string[] | undefined;
  /** All values that a flag or argument takes. */
  readonly allowed?: readonly string[] | undefined;
  /** What is expected instead, as a sentence. */
  readonly expected?: string | undefined;
  /** Index in argv of the first word of a remote command that was typed without `--` before it. */
  readonly remoteCommandAt?: number | undefined;
}

/** What the picker knew when it came to a question that no flag answers. */
export interface PickedFacts {
  readonly [name: string]: Fact;
  readonly cluster: string;
  readonly service?: string | undefined;
  /** Id of the task, where the service alone does not lead to it. */
  readonly task?: string | undefined;
  /** Name of the container. */
  readonly container?: string | undefined;
  /** What can be done with it. */
  readonly actions: readonly ('shell' | 'forward' | 'database' | 'logs' | 'reasons')[];
}

/** The container to which a session was to be opened, or the target of Session Manager where that is all that is known. */
type TargetFacts = {
  readonly target: string;
  readonly cluster?: string | undefined;
  readonly task?: string | undefined;
};

/** By whom and how AWS refused a call, as far as its message says. */
export interface DenialFacts {
  readonly [name: string]: Fact;
  /** The kind of policy that decided; undefined where AWS does not name it. */
  readonly deniedBy?:
    | 'service-control-policy'
    | 'resource-control-policy'
    | 'vpc-endpoint-policy'
    | 'permissions-boundary'
    | 'session-policy'
    | 'resource-policy'
    | 'identity-policy'
    | undefined;
  /** True where a statement denies the call, false where none allows it. */
  readonly explicitDeny?: boolean | undefined;
  /** What `sts decode-authorization-message` takes; EC2 sends it. */
  readonly encoded?: string | undefined;
}

/** Facts of errors, by code. A code that is not here has no advice: its message says everything. */
export interface ErrorFacts {
  // Credentials, permission and the way to AWS.
  'access-denied': DenialFacts & {
    readonly [name: string]: Fact;
    /** The IAM action that was refused, e.g. `ecs:ListTasks`. */
    readonly action: string;
    /** A managed policy that an administrator has to create first. */
    readonly missingBoundary?:
      | {
          readonly path: string;
          readonly name: string;
          readonly tunnelOnly: boolean;
          readonly cluster: string | undefined;
        }
      | undefined;
    /** What teardown left behind. */
    readonly remaining?: readonly RemainingResource[] | undefined;
    /** Instance types that were asked for and refused. */
    readonly types?: readonly string[] | undefined;
  };
  'agent-denied': {
    readonly [name: string]: Fact;
    readonly action: string;
    /** What the agent said of it. */
    readonly reason: string;
    /** Whose agent it is. */
    readonly agent: 'task' | 'bastion' | 'bastion-tunnel-only';
    /** The bastion that was being created. */
    readonly name?: string | undefined;
  };
  'answer-incomplete': { readonly actions: readonly string[] };
  'arn-elsewhere': { readonly [name: string]: Fact; readonly arn: string; readonly arnRegion: string };
  'arn-kind': { readonly [name: string]: Fact; readonly flag: string; readonly expected: string };
  'assume-role-refused': {
    readonly [name: string]: Fact;
    readonly profile: string;
    readonly role: string;
    /** Who asked: an ARN where AWS named it, else the source of the credentials. */
    readonly by: string;
    readonly externalId: boolean;
  };
  'aws-throttled': { readonly [name: string]: Fact; readonly action: string };
  'aws-unreachable': {
    readonly [name: string]: Fact;
    /** What may have been meant by a region that has no such host. */
    readonly regions?: readonly string[] | undefined;
  };
  'ca-bundle-unreadable': AnyFacts;
  'credential-process-failed': { readonly profile: string; readonly program: string };
  'credentials-expired': {
    readonly [name: string]: Fact;
    readonly profile?: string | undefined;
    /** How one signs in for that profile; undefined = not known. */
    readonly signIn?: 'sso' | 'login' | undefined;
  };
  'credentials-missing': { readonly profile?: string | undefined };
  'credentials-refused': AnyFacts;
  'grants-missing': {
    readonly principal: string;
    readonly actions: readonly string[];
    /** Condition keys that the principal's policies ask for and whose values the check does not know. */
    readonly unknownKeys: readonly string[];
  };
  'mfa-needed': { readonly profile: string; readonly device: string };
  'mfa-refused': AnyFacts;
  'not-aws': { readonly [name: string]: Fact; readonly host: string; readonly status: number };
  'profile-incomplete': { readonly profile: string; readonly file: string };
  'profile-not-found': {
    readonly profile: string;
    readonly candidates: readonly string[];
    /** How many profiles there are; 0 = the AWS CLI was never configured here. */
    readonly existing: number;
  };
  'proxy-invalid': { readonly variable: string; readonly scheme?: string | undefined };
  'proxy-refused': { readonly [name: string]: Fact; readonly status: number };
  'proxy-unreachable': AnyFacts;
  'region-missing': { readonly profile: string };
  'region-unknown': { readonly region: string; readonly candidates: readonly string[] };
  'role-untrusted': {
    readonly role: string;
    readonly action: string;
    /** `given`: the role of --role. `own`: that of the named bastion. `launched`: the same, but the bastion runs already. */
    readonly of: 'given' | 'own' | 'launched';
    /** The bastion. */
    readonly name: string;
  };
  'sso-role-refused': AnyFacts;
  'tls-failed': AnyFacts;
  'tls-out-of-date': AnyFacts;
  'tls-untrusted': AnyFacts;
  'tls-wrong-host': AnyFacts;

  // Clusters, services, tasks and containers.
  'cluster-needed': { readonly candidates: readonly string[] };
  'cluster-not-found': Partial<Candidates> & { readonly cluster: string };
  'container-needed': { readonly candidates: readonly string[] };
  'container-not-found': Candidates & {
    readonly container: string;
    readonly cluster: string;
    /** Undefined where no task of several has it. */
    readonly task?: string | undefined;
  };
  'container-not-running': TaskFacts & { readonly mayCome: boolean };
  'exec-agent-not-running': TaskFacts & {
    /** `absent` = the container has no such agent. */
    readonly agent: 'PENDING' | 'STOPPED' | 'absent';
    readonly agentReason: string | null;
    /** How long it has been so. */
    readonly forMs?: number | undefined;
  };
  'exec-not-enabled': {
    readonly [name: string]: Fact;
    readonly cluster: string;
    readonly task: string;
    /** The service of the task; undefined for a task that was started by itself. */
    readonly service?: string | undefined;
    /** Of a task that was started by itself. */
    readonly taskDefinition?: string | undefined;
    /** Whether the service has ECS Exec on: then the task is only older than that. Undefined where AWS alone refused. */
    readonly serviceEnabled?: boolean | undefined;
  };
  'log-group-not-found': { readonly group: string; readonly region: string };
  'log-pattern-invalid': AnyFacts;
  'log-stream-not-found': { readonly group: string; readonly region: string };
  'no-clusters': AnyFacts;
  'no-log-source': { readonly cluster: string; readonly service?: string | undefined };
  'no-running-task': {
    readonly cluster: string;
    readonly service?: string | undefined;
    readonly desiredCount?: number | undefined;
    readonly pendingCount?: number | undefined;
  };
  'nothing-to-pick': AnyFacts;
  'service-needed': AnyFacts;
  'service-not-found': Partial<Candidates> & {
    readonly service: string;
    readonly cluster?: string | undefined;
  };
  'target-not-connected': TargetFacts;
  'task-ambiguous': { readonly task: string; readonly candidates: readonly string[] };
  'task-not-found': Partial<Candidates> & { readonly task: string; readonly cluster?: string | undefined };
  'task-not-running': TaskFacts & {
    readonly status: string;
    readonly mayCome: boolean;
    readonly stoppedReason?: string | undefined;
  };

  // Sessions and forwards.
  'agent-silent': AnyFacts;
  'bad-forward': {
    readonly value: string;
    /** Which grammar counts: that of `-L`, of `-L` with `--document`, or of `--stdio`. */
    readonly form: 'forward' | 'listener' | 'target';
    /** The same parts in an order that can be read. */
    readonly suggestions?: readonly string[] | undefined;
  };
  'bind-address-invalid': AnyFacts;
  'exec-not-started': AnyFacts;
  'forward-needed': AnyFacts;
  'gateway-unreachable': AnyFacts;
  'local-port-forbidden': AnyFacts;
  'local-port-taken': {
    readonly [name: string]: Fact;
    readonly port: number;
    readonly holder?: string | undefined;
  };
  'plugin-failed': AnyFacts;
  'plugin-missing': AnyFacts;
  'plugin-unsupported': AnyFacts;
  'port-not-open': {
    readonly [name: string]: Fact;
    /** The bastion. */
    readonly name: string;
    readonly port: number;
    /** The database that the host name belongs to. */
    readonly database?: string | undefined;
  };
  'resume-denied': ChannelFacts;
  'resume-refused': AnyFacts;
  'session-document-missing': { readonly documentName?: string | undefined };
  'session-failed': { readonly host?: string | undefined; readonly port?: number | undefined };
  'session-log-unverified': { readonly action: string; readonly target: string };
  'session-not-ended': ChannelFacts;
  'upgrade-refused': { readonly status: number; readonly host: string };

  // The bastion: its network, its capacity, its life and its end.
  'agent-not-online': {
    readonly instanceId: string;
    /** The bastion. */
    readonly name: string;
    /** What the boot script said last; undefined = nothing yet. */
    readonly bootLine?: string | undefined;
    readonly bootDone: boolean;
    /** How its subnets reach AWS. */
    readonly network: string;
  };
  'already-exists': AnyFacts;
  'bastion-ambiguous': { readonly candidates: readonly string[] };
  'bastion-differs': {
    readonly [name: string]: Fact;
    readonly name: string;
    readonly difference:
      | { readonly kind: 'iam'; readonly path: string; readonly prefix: string }
      | { readonly kind: 'groups'; readonly wanted: readonly string[] }
      | { readonly kind: 'cluster'; readonly wanted: string | undefined };
  };
  'bastion-elsewhere': { readonly name: string; readonly vpc: string; readonly wanted: string };
  'bastion-name': { readonly name: string; readonly longest: number };
  'boot-failed': { readonly instanceId: string; readonly name: string; readonly reason: string };
  'database-elsewhere': { readonly database: string; readonly vpc?: string | undefined };
  'database-ipv4-only': {
    readonly database: string;
    readonly kind: 'cluster' | 'instance';
    readonly subnets: readonly string[];
    /** A subnet with IPv4 in which the bastion could live instead. */
    readonly otherSubnet?: string | undefined;
  };
  'database-not-found': {
    readonly databases: readonly string[];
    readonly candidates: readonly { readonly id: string; readonly engine: string }[];
  };
  duration: {
    readonly flag: string;
    readonly value: string;
    /** Shortest and longest, as they would be typed; undefined = the text is no duration at all. */
    readonly between?: readonly [string, string] | undefined;
  };
  'iam-path': AnyFacts;
  'iam-prefix': { readonly [name: string]: Fact; readonly role?: string | undefined };
  'instance-ended': {
    readonly [name: string]: Fact;
    readonly instanceId: string;
    /** EC2's code, e.g. `Client.InternalError`. */
    readonly reason: string | undefined;
    readonly message: string | undefined;
  };
  'instance-not-running': { readonly instanceId: string; readonly name: string };
  'instance-type': { readonly instanceType: string; readonly examples: readonly string[] };
  'lease-over': { readonly name: string; readonly instanceId: string };
  leftovers: {
    readonly [name: string]: Fact;
    /** The bastion; several, when `down --all` left something of each. */
    readonly names: readonly string[];
    readonly remaining: readonly RemainingResource[];
  };
  'name-taken': {
    readonly name: string;
    readonly taken: readonly { readonly kind: string; readonly id: string; readonly why: string }[];
  };
  'no-bastion': Partial<Candidates> & {
    readonly name?: string | undefined;
    readonly starting?: boolean | undefined;
  };
  'no-capacity': { readonly market: 'spot' | 'on-demand'; readonly pools: readonly string[] };
  'no-way-out': {
    readonly vpc: string;
    readonly region: string;
    readonly subnets: readonly { readonly id: string; readonly zone: string; readonly reason: string }[];
    /** VPC endpoints that would be enough: `ssm`, `ssmmessages`, `s3`, … */
    readonly missing: readonly string[];
    /** One of the subnets has no IPv4. */
    readonly ipv6Only: boolean;
    /** A bastion that installs nothing could live there. */
    readonly tunnelsPossible: boolean;
  };
  'not-settled': AnyFacts;
  'not-terminated': AnyFacts;
  overtaken: { readonly name: string; readonly gone: readonly string[] };
  'quota-exceeded': {
    readonly market: 'spot' | 'on-demand';
    readonly pools: readonly string[];
    /** Its name in Service Quotas. */
    readonly quota: string;
  };
  'replacement-impossible': { readonly name: string; readonly instanceId: string; readonly missing: string };
  'role-not-found': { readonly role: string };
  'security-group-not-found': { readonly groups: readonly string[]; readonly vpc: string };
  'sessions-active': {
    readonly name: string;
    readonly sessions: readonly { readonly id: string; readonly owner: string }[];
  };
  'spot-role-missing': AnyFacts;
  'subnet-not-found': {
    readonly subnets: readonly string[];
    readonly candidates?: readonly { readonly id: string; readonly zone: string }[] | undefined;
  };
  'vpc-not-found': { readonly vpc?: string | undefined };

  // The command line, its environment and the installation.
  'bad-arguments': {
    readonly [name: string]: Fact;
    /** Arguments of the same command that would be right, one way each. */
    readonly instead?: readonly (readonly string[])[] | undefined;
    /** Index in argv of the first word of a remote command that was typed without `--` before it. */
    readonly remoteCommandAt?: number | undefined;
  };
  'bad-fault': {
    readonly expected?: string | undefined;
    /** Names of all faults. */
    readonly known?: readonly string[] | undefined;
  };
  'check-kind': AnyFacts;
  'check-placeholders': {
    readonly principal: string;
    readonly placeholders: readonly string[];
    readonly flags: readonly string[];
  };
  'check-principal': { readonly principal: string; readonly rolesOnly?: boolean | undefined };
  'code-format': { readonly kind: string; readonly format: string };
  'cleanup-timeout': AnyFacts;
  'conflicting-option': ParseFacts;
  'config-unknown-key': {
    readonly file: string;
    readonly key: string;
    readonly nearest?: string | undefined;
    readonly known: readonly string[];
  };
  'demo-leftovers': { readonly differences: readonly string[] };
  'environment-value': { readonly variable: string; readonly takes: string };
  'excess-arguments': ParseFacts;
  'input-needed': {
    /** Undefined where no flag answers the question; then `picked` says what other commands can do. */
    readonly flag: string | undefined;
    readonly candidates: readonly string[];
    readonly more: number;
    readonly picked?: PickedFacts | undefined;
  };
  internal: AnyFacts;
  'invalid-argument': ParseFacts;
  'missing-argument': ParseFacts;
  'option-missing-argument': ParseFacts;
  'placeholder-unfilled': AnyFacts;
  port: { readonly flag: string; readonly value: string };
  'principal-not-found': { readonly principal: string; readonly kind: 'role' | 'user' };
  'sandbox-part-missing': {
    /** Names, with the version to install where it is known. */
    readonly packages: readonly string[];
    /** Where the tool is installed; undefined = unknown. */
    readonly installation?: Installation | undefined;
  };
  'sandbox-port': { readonly port: number };
  'unknown-command': ParseFacts;
  'unknown-option': ParseFacts;
  'user-data-file': AnyFacts;
}

/** How the tool came to where it runs, which decides how a package is put beside it. */
export type Installation = {
  readonly kind: 'npx' | 'global' | 'pnpm' | 'checkout' | 'project' | 'unpacked';
  /** The tool's own version. */
  readonly version: string;
  /** The folder with the node_modules of a project, or the tool's own where there is none. */
  readonly folder: string;
};

/** A command of the AWS CLI. Profile and region are added where it is shown. */
export type AwsCommandFacts = {
  readonly service: 'ec2' | 'iam';
  /** The operation and its flags, not quoted. */
  readonly args: readonly string[];
  /** Where the resource is. */
  readonly region: string;
};

/** What teardown could not delete. */
export type RemainingResource = {
  /** Kind and name. */
  readonly resource: string;
  /** The command of the AWS CLI that deletes it; undefined = AWS deletes it together with another resource. */
  readonly removal?: AwsCommandFacts | undefined;
  /** Why it could not be deleted. */
  readonly reason?: string | undefined;
};

/** Facts of notes that are followed by advice, by code. */
export interface NoteFacts {
  /** Something that was asked for is not changed in a bastion that runs already. */
  'bastion-kept': {
    /** Undefined on all lines but the last one of a long message. */
    readonly name?: string | undefined;
  };
  /** `up` has come to its end, and the bastion runs. */
  'bastion-up': {
    readonly name: string;
    /** Those that were asked for. */
    readonly databases: readonly { readonly id: string; readonly host: string; readonly port: number }[];
    /** Its security group lets out port 443 and no other one. */
    readonly onlyHttps: boolean;
  };
  /** A bastion that `up` keeps, or that a session goes to, has two minutes left. */
  'bastion-taken-back': {
    /** Undefined where the message says what comes next. */
    readonly name?: string | undefined;
    /** Where it is not the region of the command. */
    readonly region?: string | undefined;
  };
  /** The group was given as one that opens the way to something, and opens nothing. */
  'client-group-closed': {
    /** Undefined on all lines but the last one of a long message. */
    readonly group?: string | undefined;
  };
  /** A database admits nothing that the bastion is or carries. */
  'database-closed': {
    /** Undefined on all lines but the last one of a long message. */
    readonly database?: string | undefined;
    /** Groups that it admits. */
    readonly admittedGroups?: readonly string[] | undefined;
  };
  /** What `status` leaves out, because its reader may not see it. */
  'for-operators': { readonly actions: readonly string[] };
  /** `status` found resources of a bastion without an instance. */
  'leftovers-found': { readonly name: string; readonly region?: string | undefined };
  'no-bastions': AnyFacts;
  /** `down` found nothing of the bastion asked for, but there are others. */
  'others-run': { readonly names: readonly string[] };
  'session-document-use': { readonly database: string; readonly document: string };
  /** `up`, or the replacement of a bastion, did not come to its end. */
  unfinished: { readonly name: string };
}

/** A fact that is text; '' for any other value, and for none. */
export const textFact = (details: ErrorDetails, name: string): string => {
  const value = details[name];
  return typeof value === 'string' ? value : '';
};
