/** What provision/ needs from AWS, in our words. Implemented by aws/; every error thrown is a ToolError (aws/errors.ts). */

export type Architecture = 'arm64' | 'x86_64';

export type Market = 'spot' | 'on-demand';

/** Tag keys and values of one resource; never holds the `aws:` tags that nobody may write, except where said. */
export type Tags = Readonly<Record<string, string>>;

/** Resources whose tag `key` has one of `values`; without values, those that have the tag at all. */
export interface TagFilter {
  readonly key: string;
  readonly values?: readonly string[];
}

export interface Vpc {
  readonly id: string;
  readonly isDefault: boolean;
  readonly tags: Tags;
  /** IPv4 ranges. */
  readonly cidrs: readonly string[];
  readonly ipv6Cidrs: readonly string[];
}

export interface Subnet {
  readonly id: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly freeAddresses: number;
  /** IPv4 range; undefined for IPv6-only subnets. */
  readonly cidr: string | undefined;
  readonly ipv6Cidr: string | undefined;
  /** Names without an IPv6 address are given one below 64:ff9b::/96. */
  readonly dns64: boolean;
  readonly tags: Tags;
}

export interface Route {
  /** CIDR or prefix list id; `0.0.0.0/0` and `::/0` are the default routes, `64:ff9b::/96` is that of NAT64. */
  readonly destination: string;
  readonly target:
    | 'internet-gateway'
    | 'egress-only-internet-gateway'
    | 'nat-gateway'
    | 'transit-gateway'
    | 'network-interface'
    | 'peering'
    | 'local'
    | 'other';
  readonly targetId: string;
  /** A route whose target is gone. */
  readonly blackhole: boolean;
}

export interface RouteTable {
  readonly id: string;
  /** The VPC's main table, used by each subnet without an association of its own. */
  readonly main: boolean;
  readonly subnetIds: readonly string[];
  readonly routes: readonly Route[];
}

export interface VpcEndpoint {
  readonly id: string;
  readonly vpcId: string;
  /** Last segment of the service name: `ssm`, `ssmmessages`, `s3`. */
  readonly service: string;
  readonly type: 'Interface' | 'Gateway' | 'GatewayLoadBalancer';
  /** `available` when it works. */
  readonly state: string;
  readonly privateDns: boolean;
  /** Families in which its names resolve. */
  readonly addresses: readonly ('ipv4' | 'ipv6')[];
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
}

/** One permission of a security group; exactly one of `cidr`, `groupId`, `prefixListId` is set. */
export interface GroupRule {
  /** `tcp`, `udp`, `icmp`, a number, or `-1` for everything. */
  readonly protocol: string;
  /** 0 and 65535 when the protocol is `-1`. */
  readonly fromPort: number;
  readonly toPort: number;
  readonly cidr?: string;
  readonly groupId?: string;
  readonly prefixListId?: string;
}

export interface SecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly vpcId: string;
  readonly tags: Tags;
  readonly ingress: readonly GroupRule[];
  readonly egress: readonly GroupRule[];
}

/** An ingress rule that we added to a group of somebody else, found by its own tag. */
export interface SecurityGroupRule {
  readonly id: string;
  readonly groupId: string;
  readonly egress: boolean;
  readonly fromPort: number;
  readonly toPort: number;
  readonly sourceGroupId: string | undefined;
  readonly tags: Tags;
}

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

export interface Role {
  readonly name: string;
  readonly arn: string;
  readonly path: string;
  readonly boundaryArn: string | undefined;
  /** JSON. */
  readonly trust: string | undefined;
  readonly tags: Tags;
}

export interface InstanceProfile {
  readonly name: string;
  readonly arn: string;
  readonly path: string;
  readonly roleNames: readonly string[];
  /** JSON, of its role. */
  readonly trust: string | undefined;
  readonly tags: Tags;
}

export interface ManagedPolicy {
  readonly name: string;
  readonly arn: string;
  readonly path: string;
  readonly tags: Tags;
}

export interface IamPort {
  /** GetRole; undefined if it does not exist. */
  role(name: string): Promise<Role | undefined>;
  /** ListRoles by path, names only (the list has no tags). */
  roleNames(path: string): Promise<readonly string[]>;
  /** CreateRole with path, boundary and tags; returns its ARN. Throws `already-exists`. */
  createRole(request: {
    readonly name: string;
    readonly path: string;
    readonly description: string;
    /** JSON. */
    readonly trust: string;
    readonly boundaryArn: string | undefined;
    readonly tags: Tags;
  }): Promise<string>;
  /** ListRolePolicies. Empty if the role does not exist. */
  rolePolicyNames(role: string): Promise<readonly string[]>;
  /** GetRolePolicy, decoded JSON; undefined if there is none. */
  rolePolicy(role: string, policy: string): Promise<string | undefined>;
  /** PutRolePolicy: creates or overwrites. */
  putRolePolicy(role: string, policy: string, document: string): Promise<void>;
  /** DeleteRolePolicy; one that is gone is fine. */
  deleteRolePolicy(role: string, policy: string): Promise<void>;
  /** DeleteRole; one that is gone is fine. Throws `still-in-use` (DeleteConflict). */
  deleteRole(name: string): Promise<void>;

  /** GetInstanceProfile; undefined if it does not exist. */
  instanceProfile(name: string): Promise<InstanceProfile | undefined>;
  /** ListInstanceProfiles by path, names only. */
  instanceProfileNames(path: string): Promise<readonly string[]>;
  /** CreateInstanceProfile; returns its ARN. Throws `already-exists`. */
  createInstanceProfile(request: {
    readonly name: string;
    readonly path: string;
    readonly tags: Tags;
  }): Promise<string>;
  /** AddRoleToInstanceProfile; a role that is in it already is fine. */
  addRoleToInstanceProfile(profile: string, role: string): Promise<void>;
  /** RemoveRoleFromInstanceProfile; one that is gone is fine. */
  removeRoleFromInstanceProfile(profile: string, role: string): Promise<void>;
  /** DeleteInstanceProfile; one that is gone is fine. Throws `still-in-use` (DeleteConflict). */
  deleteInstanceProfile(name: string): Promise<void>;

  /** GetPolicy by ARN; undefined if it does not exist. */
  policy(arn: string): Promise<ManagedPolicy | undefined>;
  /** ListPolicies (scope Local) by path, ARNs. */
  policyArns(path: string): Promise<readonly string[]>;
  /** CreatePolicy; returns its ARN. Throws `already-exists`. */
  createPolicy(request: {
    readonly name: string;
    readonly path: string;
    readonly description: string;
    readonly document: string;
    readonly tags: Tags;
  }): Promise<string>;
  /** DeletePolicy; one that is gone is fine. Throws `still-in-use` (DeleteConflict). */
  deletePolicy(arn: string): Promise<void>;
}

/** One condition key of a simulated request. */
export interface ContextEntry {
  readonly key: string;
  readonly values: readonly string[];
  readonly type: 'string' | 'stringList' | 'boolean';
}

/** Each action is asked about each resource, all with the same context. */
export interface Simulation {
  readonly actions: readonly string[];
  /** ARNs, or `*` alone for actions without resource types. */
  readonly resources: readonly string[];
  readonly context: readonly ContextEntry[];
}

export interface SimulatedDecision {
  readonly action: string;
  readonly resource: string;
  readonly decision: 'allowed' | 'explicitDeny' | 'implicitDeny';
  /** Undefined for a principal without a permissions boundary. */
  readonly allowedByBoundary: boolean | undefined;
  /** Of the organization's service control policies; undefined outside an organization. */
  readonly allowedByOrganization: boolean | undefined;
  /** Condition keys that the principal's policies ask for and the context lacks. */
  readonly missingContext: readonly string[];
}

/** What a check of somebody's grants reads of IAM. A denied call is `access-denied` and names `policy check`. */
export interface SimulatorPort {
  /** GetRole: ARN and trust policy (JSON); undefined if it does not exist. */
  role(name: string): Promise<{ readonly arn: string; readonly trust: string } | undefined>;
  /** GetUser: the ARN; undefined if it does not exist. */
  userArn(name: string): Promise<string | undefined>;
  /** SimulatePrincipalPolicy, all pages; undefined if there is no such role or user. */
  simulate(principalArn: string, simulation: Simulation): Promise<readonly SimulatedDecision[] | undefined>;
}

export interface Identity {
  readonly accountId: string;
  readonly arn: string;
  readonly userId: string;
  /** `aws`, `aws-cn`, `aws-us-gov`. */
  readonly partition: string;
}

export interface IdentityPort {
  /** GetCallerIdentity. */
  caller(): Promise<Identity>;
}

export interface Image {
  readonly id: string;
  readonly architecture: Architecture;
  /** e.g. `/dev/xvda`. */
  readonly rootDevice: string;
  /** Smallest root volume, from the snapshot. */
  readonly volumeGiB: number;
}

export interface SpotPrice {
  readonly instanceType: string;
  readonly zone: string;
  readonly dollarsPerHour: number;
  /** Milliseconds since the epoch; the price holds from then on. */
  readonly at: number;
}

export interface ImagesPort {
  /** GetParameter of the public AL2023 parameter (standard image: the minimal one has no agent), then DescribeImages. */
  latest(architecture: Architecture): Promise<Image>;
  /** DescribeSpotPriceHistory since `since` (ms); with `since` = now only the current price of each pool. */
  spotPrices(types: readonly string[], since: number): Promise<readonly SpotPrice[]>;
}

export interface Node {
  readonly instanceId: string;
  /** Absent from the answer until it has registered. */
  readonly pingStatus: 'Online' | 'ConnectionLost' | 'Inactive';
  readonly agentVersion: string;
  readonly lastPingAt: number | undefined;
}

export interface NodesPort {
  /** DescribeInstanceInformation; instances that never registered are absent. */
  nodes(instanceIds: readonly string[]): Promise<readonly Node[]>;
}
