import { formatArn } from '../../../core/arn.ts';
import type { Clock } from '../../../core/clock.ts';
import { AwsError } from '../../contracts.ts';
import type { SeedEndpoint, SeedIpv6 } from '../../seed-shapes.ts';
import type { ResourceIds } from '../../random.ts';
import type { Architecture } from './ec2-catalog.ts';
import type { Tags } from '../tags.ts';

/** EC2's resources in one region, which the operations read and change. */

export interface Resource {
  readonly id: string;
  readonly tags: Tags;
  /** Milliseconds since the epoch; 0 for resources of the seed. */
  readonly createdAt: number;
}

export interface Vpc extends Resource {
  readonly cidr: string;
  readonly ipv6Cidr: string | undefined;
  readonly isDefault: boolean;
  /** Another account if it shares the subnets with this one. */
  readonly ownerId: string;
}

export interface Subnet extends Resource {
  readonly vpcId: string;
  readonly zone: string;
  readonly cidr: string;
  readonly mapPublicIp: boolean;
  readonly route: 'internet-gateway' | 'nat-gateway' | 'none';
  readonly ipv6: SeedIpv6 | undefined;
}

export interface RouteTable extends Resource {
  readonly vpcId: string;
  /** Empty for the main table. */
  readonly subnetIds: readonly string[];
  readonly main: boolean;
  readonly gatewayId: string | undefined;
  readonly natGatewayId: string | undefined;
  /** Target of the route for `::/0`: an internet gateway, or an egress-only one. */
  readonly ipv6GatewayId: string | undefined;
  /** Target of the route for 64:ff9b::/96. */
  readonly nat64GatewayId: string | undefined;
}

export interface InternetGateway extends Resource {
  readonly vpcId: string;
}

export interface NatGateway extends Resource {
  readonly vpcId: string;
  readonly subnetId: string;
  readonly privateIp: string;
  readonly publicIp: string;
}

export interface VpcEndpoint extends Resource {
  readonly vpcId: string;
  /** Last part of the endpoint's service name. */
  readonly service: string;
  readonly type: 'Interface' | 'Gateway';
  readonly subnetIds: readonly string[];
  readonly groupIds: readonly string[];
  readonly privateDns: boolean;
  readonly ipAddressType: NonNullable<SeedEndpoint['ipAddressType']>;
  /** Actions that its policy allows; undefined = all. */
  readonly allowedActions: readonly string[] | undefined;
}

export interface NetworkAclEntry {
  readonly number: number;
  readonly egress: boolean;
  readonly allow: boolean;
  /** `6` = TCP, `17` = UDP, `-1` = all. */
  readonly protocol: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly cidr: string;
}

export interface NetworkAcl extends Resource {
  readonly vpcId: string;
  readonly isDefault: boolean;
  readonly subnetIds: readonly string[];
  entries: readonly NetworkAclEntry[];
}

export interface GroupRule extends Resource {
  readonly egress: boolean;
  /** `tcp`, `udp`, `icmp` or `-1`. */
  readonly protocol: string;
  /** -1 for protocol -1. */
  readonly fromPort: number;
  readonly toPort: number;
  readonly peer:
    | { readonly type: 'cidr'; readonly cidr: string }
    | { readonly type: 'ipv6'; readonly cidr: string }
    | { readonly type: 'prefix-list'; readonly id: string }
    | { readonly type: 'group'; readonly groupId: string };
  readonly description: string | undefined;
}

export interface SecurityGroup extends Resource {
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  readonly rules: Map<string, GroupRule>;
}

export interface LaunchTemplate extends Resource {
  readonly name: string;
  readonly createdBy: string;
  readonly description: string | undefined;
  /** Members of the request (`LaunchTemplateData` as received). */
  readonly data: Readonly<Record<string, unknown>>;
}

export type FleetState = 'active' | 'deleted_terminating' | 'deleted';

export interface Fleet extends Resource {
  readonly clientToken: string | undefined;
  readonly request: Readonly<Record<string, unknown>>;
  readonly instanceIds: readonly string[];
  /** `Errors[]` and `Instances[]` of the answer, as sent. */
  readonly errors: readonly unknown[];
  readonly instances: readonly unknown[];
  state: FleetState;
  /** EC2's describe calls no longer return it; its tags are still listed. */
  forgotten?: boolean;
}

export interface NetworkInterface extends Resource {
  readonly subnetId: string;
  readonly privateIp: string | undefined;
  readonly ipv6Address: string | undefined;
  readonly publicIp: string | undefined;
  readonly groupIds: readonly string[];
  readonly description: string;
  /** Undefined for interfaces of endpoints. */
  readonly instanceId: string | undefined;
  readonly requesterManaged: boolean;
}

export interface Volume extends Resource {
  readonly zone: string;
  readonly sizeGiB: number;
  readonly type: string;
  readonly encrypted: boolean;
  /** As given; undefined = the account's default key. */
  readonly kmsKeyId: string | undefined;
  readonly snapshotId: string;
  readonly device: string;
  readonly deleteOnTermination: boolean;
  /** Undefined once it is detached: a volume that was kept after its instance was terminated. */
  instanceId: string | undefined;
}

export interface SpotRequest extends Resource {
  readonly instanceId: string;
  readonly instanceType: string;
  readonly imageId: string;
  readonly subnetId: string;
  readonly zone: string;
  readonly type: 'one-time' | 'persistent';
  state: 'active' | 'closed' | 'cancelled';
  statusCode: string;
}

export const INSTANCE_STATES = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
} as const;

export type InstanceState = keyof typeof INSTANCE_STATES;

export interface MetadataOptions {
  readonly httpTokens: string;
  readonly hopLimit: string;
  readonly httpEndpoint: string;
  readonly httpProtocolIpv6: string;
  readonly instanceTags: string;
}

export interface Instance extends Resource {
  readonly reservationId: string;
  readonly imageId: string;
  readonly instanceType: string;
  readonly architecture: Architecture;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly zone: string;
  /** Undefined in an IPv6-only subnet. */
  readonly privateIp: string | undefined;
  readonly ipv6Address: string | undefined;
  readonly publicIp: string | undefined;
  readonly interfaceId: string;
  readonly volumeId: string;
  readonly groupIds: readonly string[];
  readonly profile: { readonly arn: string; readonly id: string; readonly roleName: string } | undefined;
  readonly spotRequestId: string | undefined;
  readonly keyName: string | undefined;
  /** Base64, as received. */
  readonly userData: string | undefined;
  readonly metadata: MetadataOptions;
  readonly shutdownBehavior: 'stop' | 'terminate';
  readonly clientToken: string | undefined;
  readonly hasAgent: boolean;
  state: InstanceState;
  stateReason: { readonly code: string; readonly message: string } | undefined;
  /** e.g. `User initiated (2026-11-21 10:00:00 GMT)`. */
  transitionReason: string;
  /** Set when EC2 announced the interruption of a spot instance. */
  interruptionAt: Date | undefined;
}

/** A resource of this age is visible even while EC2 does not show recent ones. */
const SETTLED_AFTER_MS = 300_000;

export interface Ec2StateDeps {
  readonly accountId: string;
  readonly region: string;
  readonly clock: Clock;
  readonly ids: ResourceIds;
}

/** EC2's collections; describe calls and look-ups do not see resources younger than `consistencyMs`. */
export class Ec2State {
  readonly vpcs = new Map<string, Vpc>();
  readonly subnets = new Map<string, Subnet>();
  readonly routeTables = new Map<string, RouteTable>();
  readonly internetGateways = new Map<string, InternetGateway>();
  readonly egressOnlyGateways = new Map<string, InternetGateway>();
  readonly natGateways = new Map<string, NatGateway>();
  readonly endpoints = new Map<string, VpcEndpoint>();
  readonly networkAcls = new Map<string, NetworkAcl>();
  readonly groups = new Map<string, SecurityGroup>();
  readonly templates = new Map<string, LaunchTemplate>();
  readonly fleets = new Map<string, Fleet>();
  readonly instances = new Map<string, Instance>();
  readonly interfaces = new Map<string, NetworkInterface>();
  readonly volumes = new Map<string, Volume>();
  readonly spotRequests = new Map<string, SpotRequest>();
  readonly accountId: string;
  readonly region: string;
  readonly clock: Clock;
  readonly ids: ResourceIds;
  consistencyMs = 0;
  #stale = false;

  constructor(deps: Ec2StateDeps) {
    this.accountId = deps.accountId;
    this.region = deps.region;
    this.clock = deps.clock;
    this.ids = deps.ids;
  }

  get now(): number {
    return this.clock.now();
  }

  /** Runs synchronous `work` as if no resource made in the last minutes were visible yet. */
  withStaleReads<T>(work: () => T): T {
    this.#stale = true;
    try {
      return work();
    } finally {
      this.#stale = false;
    }
  }

  isVisible(resource: Resource): boolean {
    const delay = this.#stale ? SETTLED_AFTER_MS : this.consistencyMs;
    return delay === 0 || resource.createdAt <= this.now - delay;
  }

  /** Throws AwsError `code` if the resource does not exist or is too young to be visible. */
  find<T extends Resource>(from: ReadonlyMap<string, T>, id: string, code: string, what: string): T {
    const resource = from.get(id);
    if (resource === undefined || !this.isVisible(resource)) {
      throw new AwsError(code, `The ${what} '${id}' does not exist`);
    }
    return resource;
  }

  visible<T extends Resource>(from: ReadonlyMap<string, T>): readonly T[] {
    return [...from.values()].filter((resource) => this.isVisible(resource));
  }

  subnet(id: string): Subnet {
    return this.find(this.subnets, id, 'InvalidSubnetID.NotFound', 'subnet ID');
  }

  group(id: string): SecurityGroup {
    if (!/^sg-[0-9a-f]{8,17}$/.test(id))
      throw new AwsError('InvalidGroupId.Malformed', `Invalid id: "${id}"`);
    return this.find(this.groups, id, 'InvalidGroup.NotFound', 'security group');
  }

  instance(id: string): Instance {
    if (!/^i-[0-9a-f]{8,17}$/.test(id)) {
      throw new AwsError('InvalidInstanceID.Malformed', `Invalid id: "${id}"`);
    }
    return this.find(this.instances, id, 'InvalidInstanceID.NotFound', 'instance ID');
  }

  arn(type: string, id: string): string {
    return formatArn({
      service: 'ec2',
      region: this.region,
      account: this.#accountInArn(type, id),
      resource: `${type}/${id}`,
    });
  }

  #accountInArn(type: string, id: string): string {
    switch (type) {
      // Amazon's images and snapshots have no account in their ARN.
      case 'image':
      case 'snapshot':
        return '';
      case 'vpc':
        return this.ownerOf(id);
      case 'subnet':
        return this.ownerOf(this.subnets.get(id)?.vpcId);
      default:
        return this.accountId;
    }
  }

  /** The account that owns a VPC, its subnets and its route tables. */
  ownerOf(vpcId: string | undefined): string {
    return this.vpcs.get(vpcId ?? '')?.ownerId ?? this.accountId;
  }

  /**
   * True for the owner's things in a VPC that another account shares: a participant sees neither its gateways and
   * endpoints nor their security groups.
   */
  isOfAnotherAccount({ vpcId }: { readonly vpcId: string }): boolean {
    return this.ownerOf(vpcId) !== this.accountId;
  }
}
