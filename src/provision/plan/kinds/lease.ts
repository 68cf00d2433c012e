import { TAG } from '../../bastion/names.ts';
import type { Existing, ResourceKind } from './resource-kind.ts';

export interface LeaseInput {
  readonly instanceId: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** When the instance terminates itself: a tag of the instance, whose id it has. */
export const lease: ResourceKind<LeaseInput, Existing> = {
  title: 'lease',
  async create({ instanceId, expiresAt }, { deps }) {
    await deps.ec2.setTags([instanceId], { [TAG.expiresAt]: new Date(expiresAt).toISOString() });
    return { id: instanceId };
  },
};
