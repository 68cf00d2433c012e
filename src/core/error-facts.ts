import type { Candidates } from './candidates.ts';

/**
 * The facts that errors and notes carry, by code: what is known where the error is thrown, and what cli/advice/ needs
 * to say what to type next. Names and values only, never a command line.
 */

/** A value that JSON can carry; undefined members are left out of the JSON. */
export type Fact =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Fact[]
  | { readonly [name: string]: Fact };

/** Printed with `--json`. Must never contain a token, key or password. */
export type ErrorDetails = Readonly<Record<string, Fact>>;

/** For codes whose advice does not depend on the facts. */
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

interface ServiceFacts {
  readonly [name: string]: Fact;
  readonly cluster: string;
  readonly service: string;
}

interface CopyFacts {
  readonly [name: string]: Fact;
  readonly path: string;
  /** Which file system. */
  readonly side: 'container' | 'local';
}

/** What is wrong with a command line, as far as the parser knows. */
export interface ParseFacts {
  readonly [name: string]: Fact;
  /** Corrections that the user probably meant. */
  readonly suggestions?: readonly string[] | undefined;
  /** All values that a flag or argument takes. */
  readonly allowed?: readonly string[] | undefined;
  /** What was expected instead, as a sentence. */
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

/** The container to which a session was to be opened, or the Session Manager target if only that is known. */
type TargetFacts = {
  readonly target: string;
  readonly cluster?: string | undefined;
  readonly task?: string | undefined;
  readonly container?: string | undefined;
};

/** Which policy refused a call and how, as far as AWS's message says. */
export interface DenialFacts {
  readonly [name: string]: Fact;
  /** The kind of policy that refused; undefined if AWS does not name it. */
  readonly deniedBy?:
    | 'service-control-policy'
    | 'resource-control-policy'
    | 'vpc-endpoint-policy'
    | 'permissions-boundary'
    | 'session-policy'
    | 'resource-policy'
    | 'identity-policy'
    | undefined;
  /** True if a statement denies the call, false if none allows it. */
  readonly explicitDeny?: boolean | undefined;
  /** The text that `sts decode-authorization-message` decodes; EC2 sends it. */
  readonly encoded?: string | undefined;
}

/** Facts of errors, by code. A code that is not listed here has no advice, because its message says everything. */
export interface ErrorFacts {
  // Credentials, permissions and the connection to AWS.
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
    /** What teardown could not delete. */
    readonly remaining?: readonly RemainingResource[] | undefined;
    /** The instance types that were requested and refused. */
    readonly types?: readonly string[] | undefined;
  };
  'agent-denied': {
    readonly [name: string]: Fact;
    readonly action: string;
    /** The agent's own text about it. */
    readonly reason: string;
    /** Which agent reported it. */
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
    /** The principal that made the call: an ARN if AWS named it, otherwise the source of the credentials. */
    readonly by: string;
    readonly externalId: boolean;
  };
  'aws-throttled': { readonly [name: string]: Fact; readonly action: string };
  'aws-unreachable': {
    readonly [name: string]: Fact;
    /** Regions that may have been meant by a region without such a host. */
    readonly regions?: readonly string[] | undefined;
    /** The profile whose sign-in names the host; undefined = the host follows from the region in use. */
    readonly profile?: string | undefined;
  };
  'path-end': { readonly expected: string };
  'path-end-not-found': { readonly end: string };
  'ca-bundle-unreadable': AnyFacts;
  'credential-process-failed': { readonly profile: string; readonly program: string };
  'credentials-expired': {
    readonly [name: string]: Fact;
    readonly profile?: string | undefined;
    /** How the user signs in for this profile; undefined = not known. */
    readonly signIn?: 'sso' | 'login' | undefined;
  };
  'credentials-missing': { readonly profile?: string | undefined };
  'credentials-refused': AnyFacts;
  'grants-missing': {
    readonly [name: string]: Fact;
    readonly principal: string;
    readonly actions: readonly string[];
    /** Condition keys that the principal's policies use and whose values the check does not know. */
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
    /**
     * `given`: the role of --role. `own`: the role of the named bastion. `launched`: the same, but the bastion is
     * running already.
     */
    readonly of: 'given' | 'own' | 'launched';
    /** Name of the bastion. */
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
    /** Undefined if none of several tasks has it. */
    readonly task?: string | undefined;
  };
  'command-needed': AnyFacts;
  'container-not-running': TaskFacts & { readonly mayStart: boolean };
  'exec-agent-not-running': TaskFacts & {
    /** `absent` = the container has no such agent. */
    readonly agent: 'PENDING' | 'STOPPED' | 'absent';
    readonly agentReason: string | null;
    /** How long the agent has been in this state, in milliseconds. */
    readonly stateAgeMs?: number | undefined;
  };
  'exec-not-enabled': {
    readonly [name: string]: Fact;
    readonly cluster: string;
    readonly task: string;
    /** The service of the task; undefined for a stand-alone task. */
    readonly service?: string | undefined;
    /** Task definition of a stand-alone task. */
    readonly taskDefinition?: string | undefined;
    /**
     * Whether the service has ECS Exec enabled; the task is then older than that setting. Undefined if only AWS's
     * refusal is known.
     */
    readonly serviceEnabled?: boolean | undefined;
  };
  'deployment-controller': ServiceFacts & {
    /** `CODE_DEPLOY` or `EXTERNAL`. */
    readonly controller: string;
  };
  'deployment-failed': ServiceFacts;
  'deployment-timeout': ServiceFacts;
  'root-read-only': ServiceFacts & { readonly taskDefinition: string };
  'service-update-refused': ServiceFacts;
  'task-role-needed': ServiceFacts & { readonly taskDefinition: string };
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
  'nothing-to-repeat': AnyFacts;
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
    readonly mayStart: boolean;
    readonly stoppedReason?: string | undefined;
  };
  'windows-container': TaskFacts & { readonly platformFamily: string };
  'task-stopped': TaskFacts & {
    readonly service: string | undefined;
    /** ECS's code: `EssentialContainerExited`, `UserInitiated`, `ServiceSchedulerInitiated`, … */
    readonly stopCode: string | undefined;
    /** ECS's text about the task. */
    readonly reason: string | undefined;
    readonly exitCode: number | undefined;
    readonly outOfMemory: boolean;
  };

  // Copies.
  'copy-arguments': ParseFacts;
  'copy-disk-full': CopyFacts;
  'copy-folder-needed': CopyFacts;
  'copy-incomplete': { readonly path: string; readonly leftOut: readonly string[]; readonly count: number };
  'copy-not-found': CopyFacts;
  'copy-read-only': CopyFacts;
  'copy-tool-missing': { readonly tool: string };

  // Sessions and forwards.
  'agent-silent': AnyFacts;
  'bad-forward': {
    readonly value: string;
    /** Which grammar counts: that of `-L`, of `-L` with `--document`, of `-D`, or of `--stdio`. */
    readonly form: 'forward' | 'listener' | 'proxy' | 'target';
    /** The same parts in an order that can be read. */
    readonly suggestions?: readonly string[] | undefined;
  };
  'bind-address-invalid': AnyFacts;
  'exec-not-started': AnyFacts;
  'forward-needed': AnyFacts;
  'gateway-unreachable': AnyFacts;
  'link-local-refused': {
    readonly host: string;
    /** What the name resolved to; undefined if the host is an address. */
    readonly address?: string | undefined;
  };
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
    /** Name of the bastion. */
    readonly name: string;
    readonly port: number;
    /** The database to which the host name belongs. */
    readonly database?: string | undefined;
  };
  'resume-denied': ChannelFacts;
  'resume-refused': AnyFacts;
  'route-unlogged': {
    readonly [name: string]: Fact;
    /** Whether a port of the task itself is wanted, which only the task can carry. */
    readonly toTaskItself?: boolean | undefined;
  };
  'session-document-missing': { readonly documentName?: string | undefined };
  'session-failed': { readonly host?: string | undefined; readonly port?: number | undefined };
  'session-log-unverified': { readonly action: string; readonly target: string };
  'session-not-ended': ChannelFacts;
  'too-many-destinations': { readonly destination: string; readonly limit: number };
  'upgrade-refused': { readonly status: number; readonly host: string };

  // The bastion: network, capacity, lifetime and teardown.
  'agent-not-online': {
    readonly instanceId: string;
    /** Name of the bastion. */
    readonly name: string;
    /** The last line of the boot script; undefined = it has printed nothing yet. */
    readonly bootLine?: string | undefined;
    readonly bootDone: boolean;
    /** How the bastion's subnets reach AWS. */
    readonly network: string | undefined;
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
    /** A subnet with IPv4 that the bastion could use instead. */
    readonly otherSubnet?: string | undefined;
  };
  'database-not-found': {
    readonly databases: readonly string[];
    readonly candidates: readonly { readonly id: string; readonly engine: string }[];
    /** The most similar identifiers. */
    readonly near?: readonly string[] | undefined;
  };
  'ca-file-unusable': { readonly path: string };
  'client-missing': { readonly program: string };
  'database-needed': {
    /** Ids in the order in which they are offered. */
    readonly candidates?: readonly string[] | undefined;
  };
  'database-silent': { readonly host: string; readonly port: number };
  'port-refused': { readonly host: string; readonly port: number };
  'database-unreachable': {
    /** Undefined = a host that AWS does not list. */
    readonly database: string | undefined;
    /** The rules of security groups that are missing, one sentence each. */
    readonly missing: readonly string[];
  };
  'database-without-tls': { readonly host: string; readonly port: number };
  'iam-login-off': { readonly database: string; readonly service: string };
  'local-port-shared': { readonly database: string; readonly other: string; readonly port: number };
  'secret-needed': { readonly database: string };
  'secret-not-found': { readonly secret: string };
  'secret-unusable': { readonly secret: string };
  'user-needed': { readonly database: string };
  'database-without-endpoint': { readonly database: string; readonly status: string };
  duration: {
    readonly flag: string;
    readonly value: string;
    /** The shortest and longest duration that is allowed, as typed; undefined = the text is not a duration at all. */
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
  'image-architecture': { readonly architectures: readonly string[] };
  'image-not-found': { readonly image: string };
  'instance-type': { readonly instanceType: string; readonly examples: readonly string[] };
  'lease-over': { readonly name: string; readonly instanceId: string };
  leftovers: {
    readonly [name: string]: Fact;
    /** Names of bastions; several if `down --all` could not delete all resources of several bastions. */
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
    readonly [name: string]: Fact;
    readonly vpc: string;
    readonly region: string;
    readonly subnets: readonly { readonly id: string; readonly zone: string; readonly reason: string }[];
    /** True if a bastion that installs nothing could run there. */
    readonly tunnelsPossible: boolean;
  };
  'not-settled': AnyFacts;
  'not-terminated': AnyFacts;
  'removed-during-up': { readonly name: string; readonly gone: readonly string[] };
  'quota-exceeded': {
    readonly market: 'spot' | 'on-demand';
    readonly pools: readonly string[];
    /** The quota's name in Service Quotas. */
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
    /** Correct arguments of the same command; one list for each way to correct them. */
    readonly instead?: readonly (readonly string[])[] | undefined;
    /** Index in argv of the first word of a remote command that was typed without `--` before it. */
    readonly remoteCommandAt?: number | undefined;
  };
  'bad-fault': {
    readonly expected?: string | undefined;
    /** Names of all faults that exist. */
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
  'kms-key': { readonly flag: string; readonly value: string; readonly expected: string };
  'missing-argument': ParseFacts;
  'option-missing-argument': ParseFacts;
  'placeholder-unfilled': AnyFacts;
  port: { readonly flag: string; readonly value: string };
  'principal-not-found': { readonly principal: string; readonly kind: 'role' | 'user' };
  'sandbox-part-missing': {
    /** Package names, with the version to install if it is known. */
    readonly packages: readonly string[];
    /** Where the tool is installed; undefined = unknown. */
    readonly installation?: Installation | undefined;
  };
  'sandbox-port': { readonly port: number };
  'tag-invalid': {
    readonly key: string;
    readonly from: string;
    /** A tag that is as near to the refused one as the rules allow. */
    readonly example: { readonly key: string; readonly value: string };
  };
  'unknown-command': ParseFacts;
  'unknown-option': ParseFacts;
  'user-data-file': AnyFacts;
}

/** How the tool was installed, which decides how a package is installed next to it. */
export type Installation = {
  readonly kind: 'npx' | 'global' | 'pnpm' | 'checkout' | 'project' | 'unpacked';
  /** The tool's own version. */
  readonly version: string;
  /** The project folder that contains node_modules, or the tool's own folder if there is none. */
  readonly folder: string;
};

/** A command of the AWS CLI. Profile and region are added when it is displayed. */
export type AwsCommandFacts = {
  readonly service: 'ec2' | 'iam';
  /** The operation and its flags, not quoted. */
  readonly args: readonly string[];
  /** The region of the resource. */
  readonly region: string;
};

/** What teardown could not delete. */
export type RemainingResource = {
  /** Kind and name of the resource. */
  readonly resource: string;
  /** The command of the AWS CLI that deletes it; undefined = AWS deletes it together with another resource. */
  readonly removal?: AwsCommandFacts | undefined;
  /** Why it could not be deleted. */
  readonly reason?: string | undefined;
};

/** Facts of the notes that are followed by advice, by code. */
export interface NoteFacts {
  /** The picker has ended with a choice. */
  'picked-command': {
    readonly action: 'shell' | 'forward' | 'database' | 'logs' | 'reasons';
    readonly cluster: string;
    readonly service?: string | undefined;
    /** Id of the task, where the service alone does not lead to it. */
    readonly task?: string | undefined;
    readonly container?: string | undefined;
    /** Id of the database. */
    readonly database?: string | undefined;
  };
  /** A requested setting is not applied, because the bastion is running already. */
  'bastion-kept': {
    /** Only on the last line of a message of several lines; undefined on the others. */
    readonly name?: string | undefined;
  };
  /** `up` has finished, and the bastion is running. */
  'bastion-up': {
    readonly name: string;
    /** The databases that were asked for. */
    readonly databases: readonly { readonly id: string; readonly host: string; readonly port: number }[];
    /** The bastion's security group allows outgoing traffic to port 443 only. */
    readonly onlyHttps: boolean;
  };
  /** AWS will reclaim a spot bastion in two minutes; `up` keeps this bastion or a session goes through it. */
  'bastion-interrupted': {
    readonly [name: string]: Fact;
    /** Undefined if the message itself says what happens next. */
    readonly name?: string | undefined;
    /** The bastion's region, if it is not the region of the command. */
    readonly region?: string | undefined;
    /** Id of the instance that replaces the bastion, if there is one. */
    readonly replacement?: string | undefined;
  };
  /** The agent of a bastion was online and does not answer SSM any more. */
  'agent-lost': {
    readonly [name: string]: Fact;
    readonly name: string;
    readonly instanceId: string;
  };
  /** The given client security group has no outgoing rule beyond port 443, which every bastion may use anyway. */
  'client-group-closed': {
    /** Only on the last line of a message of several lines; undefined on the others. */
    readonly group?: string | undefined;
  };
  /** A group that the bastion is to have belongs to another VPC. */
  'client-group-elsewhere': AnyFacts;
  /** A database's security groups allow no access from the bastion or from the groups attached to it. */
  'database-closed': {
    readonly [name: string]: Fact;
    /** Only on the last line of a message of several lines; undefined on the others. */
    readonly database?: string | undefined;
  };
  /** What `status` leaves out, because the user has no permission to read it. */
  'for-operators': { readonly actions: readonly string[] };
  /** `status` found resources of a bastion without an instance. */
  'leftovers-found': { readonly name: string; readonly region?: string | undefined };
  'no-bastions': AnyFacts;
  /** `down` found nothing of the named bastion, but other bastions exist. */
  'others-run': { readonly names: readonly string[] };
  'session-document-use': { readonly database: string; readonly document: string };
  /** `up`, or the replacement of a bastion, did not finish. */
  unfinished: { readonly name: string };
}

/** The fact as text; '' if it is absent or not a text. */
export const textFact = (details: ErrorDetails, name: string): string => {
  const value = details[name];
  return typeof value === 'string' ? value : '';
};
