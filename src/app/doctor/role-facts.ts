import type { AwsAccount } from '../../aws/account.ts';
import { parseArn } from '../../core/arn.ts';
import { mapConcurrently } from '../../core/concurrency.ts';
import { nameOfArn } from '../../core/arn.ts';
import { batchesOf, type Point, pointsOf, type Question, type Requester } from '../../diagnose/iam/grants.ts';
import { pointsByPolicies, type RoleFacts } from '../../diagnose/ecs/task-role.ts';
import { deniedAction } from './readable.ts';

/** Asks IAM what a role may do: the simulator where the caller may call it, the role's policies otherwise. */

/** The role's requests, for condition keys. */
export const requesterOf = (arn: string, region: string): Requester => ({
  arn,
  region,
  accountId: parseArn(arn)?.account ?? '',
});

/**
 * Reads what the diagnosis of a role needs; an action that is denied to the caller is named in the result and does
 * not throw.
 */
export async function roleFacts(
  account: AwsAccount,
  arn: string,
  questions: readonly Question[],
): Promise<RoleFacts> {
  const denied: string[] = [];
  const unlessDenied = async <T>(work: Promise<T>): Promise<T | 'denied'> => {
    try {
      return await work;
    } catch (error) {
      const action = deniedAction(error);
      if (action === undefined) throw error;
      denied.push(action);
      return 'denied';
    }
  };
  const [iam, simulated] = await Promise.all([
    account.iam(),
    unlessDenied(simulate(account, arn, questions)),
  ]);
  const role = await unlessDenied(iam.role(nameOfArn(arn)));
  if (role === undefined || simulated === undefined)
    return { arn, exists: false, trust: undefined, points: undefined, denied };
  const trust = role === 'denied' ? undefined : role.trust;
  if (simulated !== 'denied') return { arn, exists: true, trust, points: simulated, denied };
  const boundary = role === 'denied' ? undefined : role.boundaryArn;
  const diagnosis = await account.diagnosis();
  const policies = await unlessDenied(diagnosis.rolePolicies(nameOfArn(arn), boundary));
  const points =
    policies === 'denied'
      ? undefined
      : pointsByPolicies(questions, policies, requesterOf(arn, account.region));
  return { arn, exists: true, trust, points, denied };
}

/** Undefined if there is no such principal. */
export async function simulate(
  account: AwsAccount,
  arn: string,
  questions: readonly Question[],
): Promise<readonly Point[] | undefined> {
  const simulator = await account.simulator();
  const requester = requesterOf(arn, account.region);
  const points = await mapConcurrently(batchesOf(questions, requester), async (batch) => {
    const decisions = await simulator.simulate(arn, batch.simulation);
    return decisions === undefined ? undefined : pointsOf(batch.questions, decisions);
  });
  return points.includes(undefined) ? undefined : points.flatMap((each) => each ?? []);
}
