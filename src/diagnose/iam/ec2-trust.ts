import type { ErrorFacts } from '../../core/error-facts.ts';
import type { FindingOf } from '../finding.ts';
import { trustPoints } from './trust.ts';

/**
 * Checks whether a role's trust policy lets EC2 assume it. Without credentials the instance's agent never registers
 * with SSM.
 */

/** Which role it is; `launched` = the role of a running instance. */
type About = Pick<ErrorFacts['role-untrusted'], 'of' | 'name'>;

const ACTION = 'sts:AssumeRole';
const EC2 = 'ec2.amazonaws.com';
/** Roles in the China regions may name EC2 by an older service name. */
const Service = [EC2, 'ec2.amazonaws.com.cn'];
const WANTED = JSON.stringify({
  Statement: [{ Sid: 'Ec2', Effect: 'Allow', Principal: { Service }, Action: ACTION }],
});

/**
 * The finding if the trust policy does not let EC2 assume the role. Conditions are not evaluated. `trust` is the JSON
 * that IAM returns; undefined = it was not read, and there is no finding.
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

/** The finding for a role that EC2 may not assume. */
export const roleUntrusted = (role: string, about: About): FindingOf<'role-untrusted'> => ({
  id: 'role-untrusted',
  severity: 'blocking',
  evidence: { role, action: ACTION, ...about },
  fixes: [[{ kind: 'trust-service', role, service: EC2, actions: [ACTION] }]],
});
