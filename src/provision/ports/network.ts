import type { Tags } from './tags.ts';

/** As DescribeVpcs shows it. */
export interface Vpc {
  readonly id: string;
  readonly isDefault: boolean;
  readonly tags: Tags;
  /** IPv4 ranges. */
  readonly cidrs: readonly string[];
  readonly ipv6Cidrs: readonly string[];
}

/** As DescribeSubnets shows it. */
export interface Subnet {
  readonly id: string;
  readonly vpcId: string;
  /** The account that owns the subnet; another one shares it (AWS RAM). */
  readonly ownerId: string | undefined;
  readonly zone: string;
  readonly freeAddresses: number;
  /** IPv4 range; undefined for IPv6-only subnets. */
  readonly cidr: string | undefined;
  readonly ipv6Cidr: string | undefined;
  /** True if the subnet's resolver synthesises an address below 64:ff9b::/96 for names that have no IPv6 address. */
  readonly dns64: boolean;
  readonly tags: Tags;
}

/** One route of a table. EC2 uses the most specific one that matches. */
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
  /** True if its target no longer exists. */
  readonly blackhole: boolean;
}

export interface RouteTable {
  readonly id: string;
  /** The VPC's main table, used by each subnet without an association of its own. */
  readonly main: boolean;
  readonly subnetIds: readonly string[];
  readonly routes: readonly Route[];
}

/** As DescribeVpcEndpoints shows it. */
export interface VpcEndpoint {
  readonly id: string;
  readonly vpcId: string;
  /** Last segment of the service name: `ssm`, `ssmmessages`, `s3`. */
  readonly service: string;
  readonly type: 'Interface' | 'Gateway' | 'GatewayLoadBalancer';
  /** `available` when it works. */
  readonly state: string;
  readonly privateDns: boolean;
  /** IP families in which its names resolve. */
  readonly addresses: readonly ('ipv4' | 'ipv6')[];
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  /** Its policy as JSON; undefined if EC2 returned none. */
  readonly policy?: string | undefined;
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

/** A rule of a security group, with its own id and tags. */
export interface SecurityGroupRule {
  readonly id: string;
  readonly groupId: string;
  readonly egress: boolean;
  readonly fromPort: number;
  readonly toPort: number;
  readonly sourceGroupId: string | undefined;
  /** Address range, if the rule names no group. */
  readonly cidr?: string | undefined;
  readonly tags: Tags;
}
