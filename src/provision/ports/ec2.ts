import type { DenialFacts } from '../../core/error-facts.ts';
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

/** What provision/ needs from AWS, one file for each service. Implemented by aws/; every error thrown is a ToolError (aws/errors.ts). */

export type Market = 'spot' | 'on-demand';

export type InstanceState = 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped';

export interface Instance {
  readonly id: string;
  readonly state: InstanceState;
  readonly type: string;
  readonly market: Market;
  readonly vpcId: string;
  readonly subnetId: string;
  readonly zone: string;
  /** IPv6 where there is nothing else. */
  readonly privateIp: string | undefined;
  readonly publicIp: string | undefined;
  /** Security groups. */
  readonly groupIds: readonly string[];
  /** Milliseconds since the epoch. */
  readonly launchedAt: number;
  /** Code of why it left its last state, e.g. `Server.SpotInstanceTermination`. */
  readonly stateReason: string | undefined;
  /** What EC2 says of it, e.g. `Client.InternalError: Client error on launch`. */
  readonly stateMessage?: string | undefined;
  /** Includes the `aws:` tags, of which `aws:ec2:fleet-id` names the fleet. */
  readonly tags: Tags;
}

export interface LaunchTemplate {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly tags: Tags;
}

export interface Fleet {
  readonly id: string;
  /** `submitted`, `active`, `deleted`, `deleted_running`, `deleted_terminating`, `failed`, `modifying`. */
  readonly state: string;
  readonly tags: Tags;
}

/** Everything a launch template holds; what is not here is not configurable on purpose (IMDSv2, encryption, no key pair). */
export interface LaunchTemplateSpec {
  readonly name: string;
  readonly clientToken: string;
  readonly instanceProfileArn: string;
  readonly securityGroupIds: readonly string[];
  /**
   * A public IPv4 address. Explicit in both directions, the subnet's own default is not trusted; but undefined without
   * IPv4, where EC2 refuses the question.
   */
  readonly publicIp: boolean | undefined;
  /** An IPv6 address, and the metadata service over IPv6. */
  readonly ipv6: boolean;
  /** Not yet base64. */
  readonly userData: string;
  readonly rootDevice: string;
  readonly volumeGiB: number;
  /** Standard CPU credits: EC2 refuses the question for types that have none. */
  readonly burstable: boolean;
  /** Only a spot launch makes a spot request that can be tagged; EC2 refuses the tag for others. */
  readonly market: Market;
  /** Of the template itself. */
  readonly tags: Tags;
  /** Of network interface and spot request; instance and volume get theirs from the fleet. */
  readonly instanceTags: Tags;
}

/** One pool of capacity: a type in a subnet, with the image of the type's architecture. */
export interface FleetOverride {
  readonly instanceType: string;
  readonly subnetId: string;
  readonly imageId: string;
  /** 0 = first; only used for on-demand. */
  readonly priority: number;
}

export interface FleetSpec {
  readonly clientToken: string;
  readonly launchTemplateId: string;
  readonly market: Market;
  readonly overrides: readonly FleetOverride[];
  /** Of fleet, instance and volume. */
  readonly tags: Tags;
}

export interface FleetError {
  /** Of a refusal by IAM: by whose policy. */
  readonly denial?: DenialFacts;
  /** e.g. `InsufficientInstanceCapacity`. */
  readonly code: string;
  readonly message: string;
  readonly instanceType: string | undefined;
  readonly subnetId: string | undefined;
}

/** The answer of an `instant` fleet. It can hold no instance at all and still be HTTP 200. */
export interface FleetResult {
  readonly fleetId: string | undefined;
  readonly instanceIds: readonly string[];
  readonly errors: readonly FleetError[];
}

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
   * DescribeSpotInstanceRequests: status code of the request behind each instance, `marked-for-termination` from the
   * two-minute notice on. Instances that are not spot are absent.
   */
  spotStatus(instanceIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** GetConsoleOutput with Latest; empty until there is something. */
  consoleOutput(instanceId: string): Promise<string>;

  /** CreateSecurityGroup; throws `already-exists`. It comes with an allow-all egress rule. */
  createSecurityGroup(request: {
    readonly name: string;
    readonly description: string;
    readonly vpcId: string;
    readonly tags: Tags;
  }): Promise<string>;
  /** RevokeSecurityGroupEgress; rules that are gone already are fine. */
  revokeEgress(groupId: string, rules: readonly GroupRule[]): Promise<void>;
  /** AuthorizeSecurityGroupEgress; rules that exist already are fine. */
  authorizeEgress(groupId: string, rules: readonly GroupRule[], tags: Tags): Promise<void>;
  /** AuthorizeSecurityGroupIngress of one TCP port from a group; a rule that exists already is fine. */
  authorizeIngress(request: {
    readonly groupId: string;
    readonly sourceGroupId: string;
    readonly port: number;
    readonly description: string;
    readonly tags: Tags;
  }): Promise<void>;
  /** RevokeSecurityGroupIngress by rule id; a rule that is gone is fine. */
  revokeIngress(groupId: string, ruleId: string): Promise<void>;
  /** DeleteSecurityGroup; a group that is gone is fine. Throws `still-in-use` (DependencyViolation). */
  deleteSecurityGroup(groupId: string): Promise<void>;
  /** CreateLaunchTemplate; returns its id. Throws `already-exists`. */
  createLaunchTemplate(spec: LaunchTemplateSpec): Promise<string>;
  /** DeleteLaunchTemplate; one that is gone is fine. */
  deleteLaunchTemplate(id: string): Promise<void>;
  /**
   * CreateFleet `instant`. Refusals that EC2 throws instead of listing (quota, missing profile) come back in `errors` too.
   * Throws `already-exists` when the client token was used for a different request.
   */
  createFleet(spec: FleetSpec): Promise<FleetResult>;
  /** DeleteFleets with TerminateInstances; fleets that are gone are fine. */
  deleteFleets(ids: readonly string[]): Promise<void>;
  /** TerminateInstances; instances that are gone are fine. */
  terminateInstances(ids: readonly string[]): Promise<void>;
  /** CreateTags on resources that already carry our tag (a lease is extended that way). */
  setTags(ids: readonly string[], tags: Tags): Promise<void>;
}
