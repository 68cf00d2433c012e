import { TAG } from '../../bastion/names.ts';
import type { Tags } from '../../ports/tags.ts';
import type { Existing, ResourceKind } from './resource-kind.ts';

export interface SecurityGroupInput {
  readonly name: string;
  readonly description: string;
  readonly vpcId: string;
  readonly tags: Tags;
}

export const securityGroup: ResourceKind<SecurityGroupInput, Existing> = {
  title: 'security group',
  create: async (input, { deps }) => ({ id: await deps.ec2.createSecurityGroup(input) }),
  async adopt({ name, vpcId }, { deps, bastion }) {
    const groups = await deps.ec2.securityGroups({ tag: { key: TAG.bastion, values: [bastion] } });
    return groups.find((group) => group.name === name && group.vpcId === vpcId);
  },
  isGone: async ({ id }, { ec2 }) => (await ec2.securityGroups({ ids: [id] })).length === 0,
  removal: {
    find: ({ groups }) => groups.map(({ id, name }) => ({ name, reason: 'created by up', existing: { id } })),
    delete: ({ id }, { ec2 }) => ec2.deleteSecurityGroup(id),
    mayBeInUse: true,
    command: ({ id }) => ({ service: 'ec2', args: ['delete-security-group', '--group-id', id] }),
  },
};
