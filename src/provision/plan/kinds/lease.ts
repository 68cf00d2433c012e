import { TAG } from '../../bastion/names.ts';
import type { Existing, ResourceKind } from './resource-kind.ts';

export interface LeaseInput {
  readonly instanceId: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** The time at which the instance terminates itself. It is a tag of the instance; `id` is the id of the instance. */
export const lease: ResourceKind<LeaseInput, Existing> = {
  title: 'lease',
  async create({ instanceId, expiresAt }, { deps }) {
    await deps.ec2.setTags([instanceId], { [TAG.expiresAt]: new Date(expiresAt).toISOString() });
    return { id: instanceId };
  },
};
