import type { AnyFacts, Fact } from './fact.ts';
import type { RemainingResource } from './remaining-resource.ts';

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

/** Errors of credentials, permissions and the connection to AWS. */
export interface AccountErrorFacts {
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
  'arn-elsewhere': {
    readonly [name: string]: Fact;
    readonly arn: string;
    readonly arnRegion: string;
    readonly arnAccount: string;
  };
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
    /** AWS_ENDPOINT_URL; undefined = the calls went to AWS's own endpoints. */
    readonly endpoint?: string | undefined;
  };
  'ca-bundle-unreadable': AnyFacts;
  'credential-process-failed': { readonly profile: string; readonly program: string };
  'credentials-expired': {
    readonly [name: string]: Fact;
    readonly profile?: string | undefined;
    /** How the user signs in for this profile; undefined = not known. */
    readonly signIn?: 'sso' | 'login' | undefined;
  };
  'endpoint-invalid': { readonly variable: string };
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
  'proxy-refused': {
    readonly [name: string]: Fact;
    /** HTTP status of the proxy's answer; undefined for a SOCKS5 proxy. */
    readonly status?: number | undefined;
    /** True if the proxy wants a user and a password, or others. */
    readonly needsLogin: boolean;
    readonly scheme: 'http' | 'socks5';
  };
  'proxy-unreachable': AnyFacts;
  'region-missing': {
    readonly profile: string;
    /** Profiles that have a region. */
    readonly candidates: readonly string[];
  };
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
}
