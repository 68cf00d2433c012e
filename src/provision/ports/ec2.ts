import type { DenialFacts } from '../../core/facts/account-facts.ts';
import type {
  GroupRule,
  RouteTable,
  SecurityGroup,
  SecurityGroupRule,
  Subnet,
  Vpc,
  VpcEndpoint,
} from './network.ts';
import type { TagFilter, Tags } from './tags.ts';

/**
 * The calls to AWS that provision/ needs, one file for each service. aws/ implements them; every error thrown is a
 * ToolError (aws/errors.ts).
 */

export type Market = 'spot' | 'on-demand';

/** `State.Name` of DescribeInstances. */
export type InstanceState = 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped';

/** One instance, as DescribeInstances shows it. */
export interface Instance {
  readonly id: string;
  readonly state: InstanceState;
  readonly type: string;
  readonly market: Market;
  readonly vpcId: string;
  readonly subnetId: string;
  readonly zone: string;
  /** An IPv6 address if the instance has no IPv4 address. */
  readonly privateIp: string | undefined;
  readonly publicIp: string | undefined;
  /** Ids of the security groups. */
  readonly groupIds: readonly string[];
  /** Whether it has an instance profile; undefined = not known. */
  readonly hasProfile?: boolean;
  /** Name of the instance profile. */
  readonly profileName?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly launchedAt: number;
  /** Code of the reason for the last state change, e.g. `Server.SpotInstanceTermination`. */
  readonly stateReason: string | undefined;
  /** EC2's message about it, e.g. `Client.InternalError: Client error on launch`. */
  readonly stateMessage?: string | undefined;
  /** Includes the `aws:` tags, of which `aws:ec2:fleet-id` names the fleet. */
  readonly tags: Tags;
}

/** One launch template, as DescribeLaunchTemplates shows it: its content is not part of the answer. */
export interface LaunchTemplate {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly tags: Tags;
}

/** An `instant` fleet. It launches once and costs nothing, but it remains visible until it is deleted. */
export interface Fleet {
  readonly id: string;
  /** `submitted`, `active`, `deleted`, `deleted_running`, `deleted_terminating`, `failed`, `modifying`. */
  readonly state: string;
  readonly tags: Tags;
}

/** The complete content of a launch template. Other settings (IMDSv2, encryption, no key pair) are fixed on purpose. */
export interface LaunchTemplateSpec {
  readonly name: string;
  readonly clientToken: string;
  readonly instanceProfileArn: string;
  readonly securityGroupIds: readonly string[];
  /**
   * Whether the instance gets a public IPv4 address. It is always set, so that the subnet's default has no effect;
   * undefined in subnets without IPv4, where EC2 refuses the setting.
   */
  readonly publicIp: boolean | undefined;
  /** True = the instance gets an IPv6 address and the metadata service answers over IPv6. */
  readonly ipv6: boolean;
  /** Plain text, before the encoding in base64. */
  readonly userData: string;
  readonly rootDevice: string;
  readonly volumeGiB: number;
  /** Undefined = the account's default key for EBS. */
  readonly volumeKey: string | undefined;
  /** True = the credit specification is set to standard. EC2 refuses the setting for types that have no CPU credits. */
  readonly burstable: boolean;
  /**
   * Only a spot launch creates a spot request that can be tagged; EC2 refuses tags for spot requests on other launches.
   */
  readonly market: Market;
  /** Tags of the template itself. */
  readonly tags: Tags;
  /** Tags of network interface and spot request; instance and volume get theirs from the fleet. */
  readonly instanceTags: Tags;
}

/** One pool of capacity: a type in a subnet, with the image of the type's architecture. */
export interface FleetOverride {
  readonly instanceType: string;
  readonly subnetId: string;
  readonly imageId: string;
  /** 0 = first; only used for on-demand instances. */
  readonly priority: number;
}

/** The request for one instance from the first pool of capacity that has one. */
export interface FleetSpec {
  readonly clientToken: string;
  readonly launchTemplateId: string;
  readonly market: Market;
  readonly overrides: readonly FleetOverride[];
  /** Tags of fleet, instance and volume. */
  readonly tags: Tags;
}

/** Why one pool of a fleet has launched nothing. */
export interface FleetError {
  /** For a refusal by IAM: which policy denied the action. */
  readonly denial?: DenialFacts;
  /** e.g. `InsufficientInstanceCapacity`. */
  readonly code: string;
  readonly message: string;
  readonly instanceType: string | undefined;
  readonly subnetId: string | undefined;
}

/** The answer of an `instant` fleet. It can contain no instance although the status is HTTP 200. */
export interface FleetResult {
  readonly fleetId: string | undefined;
  readonly instanceIds: readonly string[];
  readonly errors: readonly FleetError[];
}

/** The calls to EC2, with their pages read to the end. Lists are in the order of the answers. */
export interface Ec2Port {
  /** DescribeRegions: names of those that the account may use. */
  regions(): Promise<readonly string[]>;
  /** DescribeVpcs. Ids that do not exist are absent from the result. */
  vpcs(filter: { readonly ids?: readonly string[] }): Promise<readonly Vpc[]>;
  /** DescribeSubnets. Ids that do not exist are absent from the result. */
  subnets(filter: { readonly ids?: readonly string[]; readonly vpcId?: string }): Promise<readonly Subnet[]>;
  /** DescribeRouteTables. */
  routeTables(vpcId: string): Promise<readonly RouteTable[]>;
  /** DescribeVpcEndpoints. */
  vpcEndpoints(vpcId: string): Promise<readonly VpcEndpoint[]>;
  /** DescribeSecurityGroups. Ids that do not exist are absent from the result. */
  securityGroups(filter: {
    readonly ids?: readonly string[];
    readonly names?: readonly string[];
    readonly tag?: TagFilter;
  }): Promise<readonly SecurityGroup[]>;
  /** DescribeSecurityGroupRules by tag. */
  securityGroupRules(filter: { readonly tag: TagFilter }): Promise<readonly SecurityGroupRule[]>;
  /** DescribeInstances; terminated ones stay visible for about an hour. Ids that do not exist are absent. */
  instances(filter: {
    readonly ids?: readonly string[];
    readonly tag?: TagFilter;
    readonly states?: readonly InstanceState[];
    readonly vpcId?: string;
  }): Promise<readonly Instance[]>;
  /** DescribeLaunchTemplates. */
  launchTemplates(filter: {
    readonly names?: readonly string[];
    readonly tag?: TagFilter;
  }): Promise<readonly LaunchTemplate[]>;
  /** DescribeTags for the ids (instant fleets do not show up in DescribeFleets without one), then DescribeFleets for the states. */
  fleets(filter: { readonly tag: TagFilter }): Promise<readonly Fleet[]>;
  /** DescribeFleets by id: the pools that the fleet was offered; empty when it is gone. */
  fleetPools(fleetId: string): Promise<readonly FleetOverride[]>;
  /**
   * DescribeSpotInstanceRequests: status code of the request of each instance, `marked-for-termination` from the
   * two-minute notice on. Instances that are not spot are absent.
   */
  spotStatus(instanceIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** DescribeSpotInstanceRequests: id of the active persistent request of each instance that has one. */
  persistentSpotRequests(instanceIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** GetConsoleOutput with Latest; empty until EC2 has some output. */
  consoleOutput(instanceId: string): Promise<string>;

  /** CreateSecurityGroup; throws `already-exists`. The new group has an egress rule that allows all traffic. */
  createSecurityGroup(request: {
    readonly name: string;
    readonly description: string;
    readonly vpcId: string;
    readonly tags: Tags;
  }): Promise<string>;
  /** RevokeSecurityGroupEgress; succeeds for rules that no longer exist. */
  revokeEgress(groupId: string, rules: readonly GroupRule[]): Promise<void>;
  /** AuthorizeSecurityGroupEgress; succeeds for rules that already exist. */
  authorizeEgress(groupId: string, rules: readonly GroupRule[], tags: Tags): Promise<void>;
  /** AuthorizeSecurityGroupIngress of one TCP port from a group; succeeds if the rule already exists. */
  authorizeIngress(request: {
    readonly groupId: string;
    readonly sourceGroupId: string;
    readonly port: number;
    readonly description: string;
    readonly tags: Tags;
  }): Promise<void>;
  /**
   * AuthorizeSecurityGroupIngress or AuthorizeSecurityGroupEgress; false if one of the rules existed already, and none
   * was added.
   */
  addRules(request: {
    readonly groupId: string;
    readonly egress: boolean;
    readonly rules: readonly GroupRule[];
    readonly description: string;
    readonly tags: Tags;
  }): Promise<boolean>;
  /** RevokeSecurityGroupIngress or RevokeSecurityGroupEgress by rule id; succeeds if the rule no longer exists. */
  revokeRule(rule: Pick<SecurityGroupRule, 'id' | 'groupId' | 'egress'>): Promise<void>;
  /** RevokeSecurityGroupIngress by rule id; succeeds if the rule no longer exists. */
  revokeIngress(groupId: string, ruleId: string): Promise<void>;
  /** DeleteSecurityGroup; succeeds if the group no longer exists. Throws `still-in-use` (DependencyViolation). */
  deleteSecurityGroup(groupId: string): Promise<void>;
  /** CreateLaunchTemplate; returns its id. Throws `already-exists`. */
  createLaunchTemplate(spec: LaunchTemplateSpec): Promise<string>;
  /** DeleteLaunchTemplate; succeeds if the template no longer exists. */
  deleteLaunchTemplate(id: string): Promise<void>;
  /**
   * CreateFleet `instant`. Errors that EC2 throws instead of listing (quota, missing profile) are in `errors` too.
   * Throws `already-exists` when the client token was used for a different request.
   */
  createFleet(spec: FleetSpec): Promise<FleetResult>;
  /** DeleteFleets with TerminateInstances; succeeds for fleets that no longer exist. */
  deleteFleets(ids: readonly string[]): Promise<void>;
  /** TerminateInstances; succeeds for instances that no longer exist. */
  terminateInstances(ids: readonly string[]): Promise<void>;
  /** CreateTags on resources that already carry the tag of a bastion; used for example to extend a lease. */
  setTags(ids: readonly string[], tags: Tags): Promise<void>;
}
