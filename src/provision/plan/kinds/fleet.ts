import type { Existing, ResourceKind } from './resource-kind.ts';

/** The EC2 Fleet that launched the instance. The instance step creates it. */
export const fleet: ResourceKind<never, Existing> = {
  title: 'fleet',
  create: (input) => input,
  removal: {
    find: ({ fleets }) => fleets.map(({ id }) => ({ name: id, reason: 'created by up', existing: { id } })),
    delete: ({ id }, { ec2 }) => ec2.deleteFleets([id]),
    // DeleteFleets also terminates the instance, so it must not run if terminating the instance was refused or has not
    // finished.
    onlyAfter: 'instance',
    command: ({ id }) => ({
      service: 'ec2',
      args: ['delete-fleets', '--terminate-instances', '--fleet-ids', id],
    }),
  },
};
