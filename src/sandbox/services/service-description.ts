import type { Clock } from '../../core/clock.ts';
import type { AccessControl, AwsError, NetworkPolicy, SandboxService, Timing } from '../contracts.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { AccessKeys } from '../iam/access-keys.ts';
import type { AccessController } from '../iam/access-control.ts';
import type { RandomBytes, ResourceIds } from '../random.ts';
import type { Seed } from '../seed-shapes.ts';
import type { World } from '../world/world.ts';

/**
 * What the rest of the sandbox needs to know about a service: the front (which requests belong to it, the form of its
 * answers and errors), the injected faults (its error codes), IAM (its prefix and its service-linked roles) and the
 * account (how it is created). A new service is a folder that exports one description, and a row for it in
 * `catalogue.ts`.
 */
export interface ServiceDescription<Service extends SandboxService = SandboxService> {
  /** Prefix of the service's IAM actions, and its name in the credential scope and in ARNs: `logs`. */
  readonly name: string;
  /** The name in AWS's documentation: `CloudWatch Logs`. */
  readonly title: string;
  readonly wire: WireFormat;
  /** True for a service with one instance for all regions, such as IAM; regional unless given. */
  readonly isGlobal?: boolean;
  readonly errors: {
    /** The error for a caller that exceeds its request rate. */
    readonly throttling: ErrorCode;
    /** The error code for an internal failure of the service; always HTTP 500. */
    readonly internal: string;
    /**
     * The answer that eventual consistency gives to a call that names a new resource; undefined if the input names
     * none (the call then runs in `SandboxService.withStaleReads`). Absent = the service is consistent.
     */
    notFoundYet?(input: Readonly<Record<string, unknown>>): AwsError | undefined;
  };
  /** Roles that IAM creates for this service only, see `ServiceLinkedRole`. */
  readonly serviceLinkedRoles?: readonly ServiceLinkedRole[];
  /** Called once for each region that is used, or once in total for a global service. */
  create(context: ServiceContext): Service;
}

export interface ServiceLinkedRole {
  /** `spot.amazonaws.com` */
  readonly principal: string;
  /** `AWSServiceRoleForEC2Spot` */
  readonly roleName: string;
  /** Whether the role exists from the start, as in an account that has used the service. */
  readonly isPresent: boolean;
}

export interface ErrorCode {
  readonly code: string;
  readonly status: number;
}

export type WireFormat =
  /** REST with JSON bodies: method and path name the action. */
  | { readonly kind: 'rest-json'; readonly routes: Readonly<Record<string, string>> }
  /** AWS JSON 1.1; `X-Amz-Target: <target>.<Action>`. */
  | { readonly kind: 'json'; readonly target: string }
  /** EC2's own query protocol, with `DryRun`. */
  | { readonly kind: 'ec2'; readonly version: string; readonly namespace: string }
  /** AWS query; the form's `Version` names the service. */
  | { readonly kind: 'query'; readonly version: string; readonly namespace: string };

/** What a service is created with: the account's parts, and the other services of the same region. */
export interface ServiceContext {
  /**
   * The initial contents of the region: the seed, or an empty one in regions other than the seed's. `seed.region` =
   * `region`.
   */
  readonly seed: Seed;
  /** The region; for a global service the seed's region. */
  readonly region: string;
  readonly accountId: string;
  readonly clock: Clock;
  readonly timing: Timing;
  /** Bytes for resource names and for decisions about faults; a test may seed them. */
  readonly randomBytes: RandomBytes;
  /** Bytes for tokens, nonces and keys; never seeded. */
  readonly secretBytes: RandomBytes;
  readonly ids: ResourceIds;
  readonly keys: AccessKeys;
  readonly services: readonly ServiceDescription[];
  /**
   * `access`, `gateway` and `world` exist only after IAM and KMS were created; a service may use them in its
   * operations, not in `create`.
   */
  readonly access: AccessController & AccessControl;
  readonly gateway: Gateway;
  readonly world: World;
  /** The connections that the region's security groups allow. */
  readonly network: NetworkPolicy;
  /** Whether every session into a machine is encrypted, with Session Manager's key if no other key is configured. */
  readonly demandEncryption: boolean;
  endpoint(): string;
  /** `arn:aws:SERVICE:REGION:ACCOUNT:resource` for the service that is being created. */
  readonly arn: (resource: string) => string;
  /**
   * Another service of the same region, which is created if it does not exist yet. Two services must not request each
   * other.
   */
  peer<Service extends SandboxService>(description: ServiceDescription<Service>): Service;
}
