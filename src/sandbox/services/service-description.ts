import type { Clock } from '../../core/clock.ts';
import type { AccessControl, AwsError, NetworkPolicy, SandboxService, Timing } from '../contracts.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { AccessKeys } from '../iam/access-keys.ts';
import type { AccessController } from '../iam/access-control.ts';
import type { RandomBytes, ResourceIds } from '../random.ts';
import type { Seed } from '../seed-shapes.ts';
import type { World } from '../world/world.ts';

/**
 * What the rest of the sandbox knows of a service: the front (which requests are the service's, how answers and errors
 * look), the injected faults (its error codes), IAM (its prefix, its service-linked roles) and the account (how it is
 * made). A new service is a folder that exports one description, and its row in `catalogue.ts`.
 */
export interface ServiceDescription<Service extends SandboxService = SandboxService> {
  /** Prefix of its IAM actions, service of the credential scope and of its ARNs: `logs`. */
  readonly name: string;
  /** As AWS's documentation calls it: `CloudWatch Logs`. */
  readonly title: string;
  readonly wire: WireFormat;
  /** One for all regions, as IAM; regional unless told. */
  readonly isGlobal?: boolean;
  readonly errors: {
    /** Refusal of a caller that asks too often. */
    readonly throttling: ErrorCode;
    /** The service failed by itself; always HTTP 500. */
    readonly internal: string;
    /**
     * What eventual consistency answers for a call that names a fresh resource; undefined if the input names none (the
     * call then runs in `SandboxService.withStaleReads`). Absent = the service is consistent.
     */
    notFoundYet?(input: Readonly<Record<string, unknown>>): AwsError | undefined;
  };
  /** Roles that IAM makes for the service alone, see `ServiceLinkedRole`. */
  readonly serviceLinkedRoles?: readonly ServiceLinkedRole[];
  /** Called once for each region that is asked for, or once in all for a global service. */
  create(context: ServiceContext): Service;
}

export interface ServiceLinkedRole {
  /** `spot.amazonaws.com` */
  readonly principal: string;
  /** `AWSServiceRoleForEC2Spot` */
  readonly roleName: string;
  /** Exists from the start, as in an account that has used the service. */
  readonly isPresent: boolean;
}

export interface ErrorCode {
  readonly code: string;
  readonly status: number;
}

export type WireFormat =
  /** AWS JSON 1.1; `X-Amz-Target: <target>.<Action>`. */
  | { readonly kind: 'json'; readonly target: string }
  /** EC2's own query protocol, with `DryRun`. */
  | { readonly kind: 'ec2'; readonly version: string; readonly namespace: string }
  /** AWS query; the form's `Version` names the service. */
  | { readonly kind: 'query'; readonly version: string; readonly namespace: string };

/** What a service is made from: the account's parts, and the services of the same region. */
export interface ServiceContext {
  /** What the region holds at the start: the seed, or nothing in regions other than the seed's. `seed.region` = `region`. */
  readonly seed: Seed;
  /** For a global service the seed's region. */
  readonly region: string;
  readonly accountId: string;
  readonly clock: Clock;
  readonly timing: Timing;
  /** Names of resources and decisions about faults; may be seeded. */
  readonly randomBytes: RandomBytes;
  /** Tokens, nonces and keys; never seeded. */
  readonly secretBytes: RandomBytes;
  readonly ids: ResourceIds;
  readonly keys: AccessKeys;
  readonly services: readonly ServiceDescription[];
  /** These come up after IAM and KMS do; a service may ask for them when it is called, not while it is made. */
  readonly access: AccessController & AccessControl;
  readonly gateway: Gateway;
  readonly world: World;
  /** What the region's security groups let through. */
  readonly network: NetworkPolicy;
  /** Every session into a machine is encrypted, with Session Manager's key if no other is named. */
  readonly demandEncryption: boolean;
  endpoint(): string;
  /** `arn:aws:SERVICE:REGION:ACCOUNT:resource` of the service that is being made. */
  readonly arn: (resource: string) => string;
  /** Another service of the same region; it is made if it is not there. Two services must not ask for each other. */
  peer<Service extends SandboxService>(description: ServiceDescription<Service>): Service;
}
