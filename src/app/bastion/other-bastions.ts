import type { AwsAccount } from '../../aws/account.ts';
import { ToolError } from '../../core/errors.ts';
import {
  type Candidate,
  candidatesOf,
  hasRights,
  otherBastion,
} from '../../diagnose/bastion/other-bastion.ts';
import type { FindingOf } from '../../diagnose/finding.ts';
import { TAG } from '../../provision/bastion/names.ts';
import type { BastionSpec } from '../../provision/plan/spec.ts';

/** Each one needs several calls to IAM; a VPC has few machines that admit port 22 and have a role. */
const READ_AT_MOST = 5;

/**
 * The bastions of other tools in the VPC in which `up` makes one. What the caller may not read is left out: the policies
 * for operators do not grant the roles of others.
 */
export async function otherBastions(
  account: AwsAccount,
  { network: { vpcId }, role }: Pick<BastionSpec, 'network' | 'role'>,
): Promise<readonly FindingOf<'other-bastion'>[]> {
  const ec2 = await account.ec2();
  const running = (await unlessDenied(ec2.instances({ vpcId, states: ['running'] }))) ?? [];
  const foreign = running.filter(
    (instance) => hasRights(instance) && instance.tags[TAG.bastion] === undefined,
  );
  const ids = [...new Set(foreign.flatMap(({ groupIds }) => groupIds))];
  if (ids.length === 0) return [];
  const candidates = candidatesOf(foreign, (await unlessDenied(ec2.securityGroups({ ids }))) ?? []);
  if (candidates.length === 0) return [];
  const requests = await unlessDenied(
    ec2.persistentSpotRequests(candidates.map(({ instance }) => instance.id)),
  );
  const ours = role.kind === 'given' ? undefined : role.policy;
  const found = await Promise.all(
    candidates.slice(0, READ_AT_MOST).map(async (candidate) => {
      const spotRequest = requests?.get(candidate.instance.id);
      return otherBastion(candidate, { spotRequest, ...(await roleOf(candidate, account)) }, ours);
    }),
  );
  return found.flatMap((finding) => finding ?? []);
}

async function roleOf(
  { instance: { profileName = '' } }: Candidate,
  account: AwsAccount,
): Promise<{ readonly role: string | undefined; readonly policies: readonly string[] | undefined }> {
  const iam = await account.iam();
  const role = (await unlessDenied(iam.instanceProfile(profileName)))?.roleNames[0];
  if (role === undefined) return { role: undefined, policies: undefined };
  const diagnosis = await account.diagnosis();
  const policies = await unlessDenied(diagnosis.rolePolicies(role, undefined));
  return { role, policies: policies?.documents };
}

async function unlessDenied<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ToolError && error.role === 'access') return undefined;
    throw error;
  }
}
