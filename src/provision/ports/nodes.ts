/** A managed node of Systems Manager: here, the agent of a bastion. */
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
