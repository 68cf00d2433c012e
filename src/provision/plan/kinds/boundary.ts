import { access, ToolError } from '../../../core/errors.ts';
import type { Tags } from '../../ports/tags.ts';
import type { Existing, ResourceKind } from './resource-kind.ts';

export interface BoundaryInput {
  readonly name: string;
  readonly path: string;
  readonly arn: string;
  readonly description: string;
  /** JSON. */
  readonly document: string;
  readonly tags: Tags;
  /** Name of the boundary that an administrator can create once for all bastions. */
  readonly sharedName: string;
  /** Cluster of the bastion; undefined = tunnels only. */
  readonly cluster: string | undefined;
}

/** The permissions boundary of one bastion's role, in an account without a shared one. `id` is its ARN. */
export const boundary: ResourceKind<BoundaryInput, Existing> = {
  title: 'permissions boundary',
  settles: true,
  async create(input, { deps }) {
    const { name, path, description, document, tags } = input;
    try {
      return { id: await deps.iam.createPolicy({ name, path, description, document, tags }) };
    } catch (error) {
      throw error instanceof ToolError && error.code === 'access-denied'
        ? boundaryNeeded(input, error)
        : error;
    }
  },
  async adopt({ arn }, { deps }) {
    const policy = await deps.iam.policy(arn);
    return policy === undefined ? undefined : { id: policy.arn, tags: policy.tags };
  },
  removal: {
    find: ({ boundary: found }) =>
      found === undefined ? [] : [{ name: found.name, reason: 'created by up', existing: { id: found.arn } }],
    delete: ({ id }, { iam }) => iam.deletePolicy(id),
    mayBeInUse: true,
    command: ({ id }) => ({ service: 'iam', args: ['delete-policy', '--policy-arn', id] }),
  },
};

/** `policy operator` does not grant iam:CreatePolicy: a caller who may write the boundary could widen it. */
function boundaryNeeded({ path, sharedName, cluster }: BoundaryInput, cause: ToolError): ToolError {
  return access(
    'access-denied',
    `${path}${sharedName} does not exist, and you may not call iam:CreatePolicy`,
    {
      details: {
        ...cause.details,
        action: 'iam:CreatePolicy',
        missingBoundary: { path, name: sharedName, tunnelOnly: cluster === undefined, cluster },
      },
      cause,
    },
  );
}
