import { access, ToolError } from '../../core/errors.ts';
import { type ApplyDeps, createOrAdopt, visible } from '../plan/creation.ts';
import { sharedBoundary } from './iam-names.ts';
import { iamTags } from '../bastion/names.ts';
import type { BastionSpec } from '../plan/spec.ts';

/** The IAM half of a bastion whose role is its own: boundary, role, instance profile. */

/** Resolves with its ARN. */
export function createBoundary(spec: BastionSpec, name: string, deps: ApplyDeps): Promise<string> {
  const { role } = spec;
  if (role.kind !== 'own' || role.boundary.kind !== 'own') return Promise.resolve('');
  const { document } = role.boundary;
  const arn = role.boundary.arn;
  return createOrAdopt(
    `policy ${name}`,
    spec.name,
    () =>
      deps.iam
        .createPolicy({
          name,
          path: spec.iam.path,
          description: `fargate-connect: most that bastion ${spec.name} could ever do`,
          document,
          tags: iamTags(spec.tags),
        })
        .catch((error: unknown) => {
          throw error instanceof ToolError && error.code === 'access-denied'
            ? boundaryNeeded(spec, error)
            : error;
        }),
    async () => {
      const policy = await deps.iam.policy(arn);
      return policy === undefined ? undefined : { id: policy.arn, tags: policy.tags };
    },
  );
}

/** `policy operator` grants no boundary to be written: who writes it could widen it. */
function boundaryNeeded(spec: BastionSpec, cause: ToolError): ToolError {
  const shared = sharedBoundary(spec.iam);
  const kind = spec.cluster === undefined ? 'bastion-boundary-tunnel-only' : 'bastion-boundary';
  const cluster = spec.cluster === undefined ? '' : ` --cluster ${spec.cluster}`;
  return access(
    'access-denied',
    `${spec.iam.path}${shared} does not exist, and you may not call iam:CreatePolicy`,
    {
      hints: [
        'an administrator creates this boundary once:',
        `fargate-connect policy ${kind}${cluster} > boundary.json`,
        `aws iam create-policy --path ${spec.iam.path} --policy-name ${shared} --policy-document file://boundary.json`,
      ],
      details: cause.details,
      cause,
    },
  );
}

/** Resolves with its ARN. */
export function createRole(
  spec: BastionSpec,
  name: string,
  boundaryArn: string | undefined,
  deps: ApplyDeps,
): Promise<string> {
  const { role } = spec;
  if (role.kind !== 'own') return Promise.resolve('');
  return createOrAdopt(
    `role ${name}`,
    spec.name,
    () =>
      visible(deps, () =>
        deps.iam.createRole({
          name,
          path: spec.iam.path,
          description: `fargate-connect: bastion ${spec.name} in ${spec.region}`,
          trust: role.trust,
          boundaryArn,
          tags: iamTags(spec.tags),
        }),
      ),
    async () => {
      const found = await deps.iam.role(name);
      return found === undefined ? undefined : { id: found.arn, tags: found.tags };
    },
  );
}

/** Resolves with its ARN. */
export function createProfile(spec: BastionSpec, name: string, deps: ApplyDeps): Promise<string> {
  return createOrAdopt(
    `instance profile ${name}`,
    spec.name,
    () => deps.iam.createInstanceProfile({ name, path: spec.iam.path, tags: iamTags(spec.tags) }),
    async () => {
      const found = await deps.iam.instanceProfile(name);
      return found === undefined ? undefined : { id: found.arn, tags: found.tags };
    },
  );
}

/** Looks first: IAM answers a second role with LimitExceeded, which the SDK takes for throttling and repeats for long. */
export async function putRoleIntoProfile(profile: string, role: string, deps: ApplyDeps): Promise<void> {
  const found = await deps.iam.instanceProfile(profile);
  if (found?.roleNames.includes(role) === true) return;
  await visible(deps, () => deps.iam.addRoleToInstanceProfile(profile, role));
}
