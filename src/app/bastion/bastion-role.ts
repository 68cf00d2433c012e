import type { AwsAccount } from '../../aws/account.ts';
import { formatArn } from '../../core/arn.ts';
import { noMatch } from '../../core/errors.ts';
import { errorOf } from '../../diagnose/errors.ts';
import { ec2TrustOf } from '../../diagnose/iam/ec2-trust.ts';
import { type InventoryScope, boundaryArn } from '../../provision/bastion/inventory.ts';
import type { RoleSpec, BoundarySpec } from '../../provision/plan/spec.ts';
import { fillDocument, type PlaceholderValues } from '../../provision/policy/policy-documents.ts';
import { sharedBoundary } from '../../provision/roles/iam-names.ts';
import { readPolicy } from '../asset-files.ts';
import type { Needs } from '../collaborators.ts';
import type { UpRequest } from './up-request.ts';

/**
 * The given role, or the documents of the role that `up` creates. Throws `role-not-found`, and `role-untrusted` if EC2
 * may not assume the given one.
 */
export async function roleOf(
  request: UpRequest,
  cluster: string | undefined,
  scope: InventoryScope,
  deps: Needs<'assets'>,
  account: AwsAccount,
): Promise<RoleSpec> {
  if (request.role !== undefined) {
    const { role } = request;
    const profile = await (await account.iam()).instanceProfile(role);
    if (profile === undefined) {
      throw noMatch('role-not-found', `no instance profile ${role} in this account`, { details: { role } });
    }
    const about = { of: 'given', name: scope.name } as const;
    const untrusted = ec2TrustOf(profile.roleNames[0] ?? profile.name, profile.trust, about);
    if (untrusted !== undefined) throw errorOf(untrusted);
    return { kind: 'given', profileArn: profile.arn, profileName: profile.name };
  }
  const values = documentValues(scope, cluster, request);
  const omit = request.sessionKey === undefined ? ['ExecSessionKey'] : [];
  const suffix = cluster === undefined ? '-tunnel-only' : '';
  const document = async (name: string): Promise<string> =>
    fillDocument(`${name}.json`, await readPolicy(deps, name), values, { omit });
  const [trust, policy, boundary] = await Promise.all([
    document('bastion-trust'),
    document(`bastion${suffix}`),
    document(`bastion-boundary${suffix}`),
  ]);
  return { kind: 'own', trust, policy, boundary: await boundaryOf(request, scope, boundary, account) };
}

async function boundaryOf(
  request: UpRequest,
  scope: InventoryScope,
  document: string,
  account: AwsAccount,
): Promise<BoundarySpec> {
  const asked = request.permissionsBoundary;
  if (asked === 'none') return { kind: 'none' };
  if (asked !== undefined) return { kind: 'existing', arn: asked, why: 'as asked' };
  const arn = formatArn({
    partition: scope.partition,
    service: 'iam',
    account: scope.accountId,
    resource: `policy${scope.iam.path}${sharedBoundary(scope.iam)}`,
  });
  const shared = await (await account.iam()).policy(arn);
  if (shared !== undefined)
    return { kind: 'existing', arn: shared.arn, why: 'made by an administrator for all bastions' };
  return { kind: 'own', arn: boundaryArn(scope), document };
}

/** Values of the placeholders in policies/. */
const documentValues = (
  scope: Pick<InventoryScope, 'partition' | 'accountId' | 'region' | 'name'>,
  cluster: string | undefined,
  request: { readonly sessionKey?: string | undefined },
): PlaceholderValues => ({
  partition: scope.partition,
  account: scope.accountId,
  region: scope.region,
  bastion: scope.name,
  cluster,
  'session-key': request.sessionKey,
});
