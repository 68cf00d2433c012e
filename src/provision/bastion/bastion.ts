/** A bastion as the account's tags and states describe it; there is no local record of it (docs/architecture.md, “Decisions”). */
export interface Bastion {
  /** Value of the tag `fargate-connect:bastion`. */
  readonly name: string;
  readonly instanceId: string;
  readonly state: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped';
  readonly instanceType: string;
  readonly market: 'spot' | 'on-demand';
  readonly vpcId: string;
  readonly subnetId: string;
  readonly privateIp: string | undefined;
  /** Its security groups; absent where they were not read. */
  readonly groupIds?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly launchedAt: number;
  /** Absolute end of the lease. */
  readonly expiresAt: number | undefined;
  /** ARN of the principal that ran `up`. */
  readonly owner: string | undefined;
  /** Cluster whose services `ecs_connect.sh` may reach; undefined with `--tunnel-only`. */
  readonly cluster: string | undefined;
  /** Id of the spot instance that it replaces, which may run for up to two minutes more. */
  readonly replaces: string | undefined;
  /** TCP ports that its security group allows outbound; undefined where that is not known. */
  readonly ports: readonly number[] | undefined;
}
