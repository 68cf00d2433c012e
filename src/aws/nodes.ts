import { paginateDescribeInstanceInformation, SSMClient } from '@aws-sdk/client-ssm';
import type { ClientConfig } from './client-config.ts';
import { limitConcurrency } from './throttling.ts';

import type { Node, NodesPort } from '../provision/ports/nodes.ts';
import { awsErrorName, mapped } from './errors.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

const PING: Readonly<Record<string, Node['pingStatus']>> = {
  Online: 'Online',
  ConnectionLost: 'ConnectionLost',
};

/** Implements NodesPort: what Systems Manager knows about our instances. */
export function createNodesPort(config: ClientConfig): NodesPort {
  const client = limitConcurrency(withProfileEndpoints(new SSMClient(config), config));
  return {
    async nodes(instanceIds) {
      if (instanceIds.length === 0) return [];
      const described = mapped('ssm:DescribeInstanceInformation', async () => {
        const nodes: Node[] = [];
        const pages = paginateDescribeInstanceInformation(
          { client },
          { Filters: [{ Key: 'InstanceIds', Values: [...instanceIds] }] },
        );
        for await (const page of pages) {
          for (const item of page.InstanceInformationList ?? []) {
            nodes.push({
              instanceId: item.InstanceId ?? '',
              pingStatus: PING[item.PingStatus ?? ''] ?? 'Inactive',
              agentVersion: item.AgentVersion ?? '',
              lastPingAt: item.LastPingDateTime?.getTime(),
            });
          }
        }
        return nodes;
      });
      return described.catch((error: unknown) => {
        // Right after a launch, Systems Manager may not know the instance id yet.
        if (awsErrorName(error) === 'InvalidInstanceId') return [];
        throw error;
      });
    },
  };
}
