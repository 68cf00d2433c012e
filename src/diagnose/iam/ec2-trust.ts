import type { ErrorFacts } from '../../core/error-facts.ts';
import type { FindingOf } from '../finding.ts';
import { trustPoints } from './trust.ts';

/** Whether EC2 gets a role's credentials at all: the agent of an instance without them is silent. */

/** Whose role it is; `launched`: EC2 was asked for the role by an instance that runs. */
type About = Pick<ErrorFacts['role-untrusted'], 'of' | 'name'>;

const ACTION = 'sts:AssumeRole';
const EC2 = 'ec2.amazonaws.com';
/** Roles in China may trust EC2 by an older name. */
const Service = [EC2, 'ec2.amazonaws.com.cn'];
const WANTED = JSON.stringify({
  Statement: [{ Sid: 'Ec2', Effect: 'Allow', Principal: { Service }, Action: ACTION }],
});

/**
 * The finding if the trust policy does not let EC2 assume the role. What may work has none: conditions are left to EC2.
 * `trust` is JSON as IAM holds it; undefined = it was not read, which has none either.
 */
export function ec2TrustOf(
  role: string,
  trust: string | undefined,
  about: About,
): FindingOf<'role-untrusted'> | undefined {
  if (trust === undefined) return undefined;
  const mayWork = trustPoints(WANTED, trust).some(
    ({ verdict, missingContext }) => verdict === 'allowed' || missingContext.length > 0,
  );
  return mayWork ? undefined : roleUntrusted(role, about);
}

export const roleUntrusted = (role: string, about: About): FindingOf<'role-untrusted'> => ({
  id: 'role-untrusted',
  severity: 'blocking',
  evidence: { role, action: ACTION, ...about },
  fixes: [[{ kind: 'trust-service', role, service: EC2, actions: [ACTION] }]],
});
