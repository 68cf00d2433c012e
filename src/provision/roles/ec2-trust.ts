import { access, type ToolError } from '../../core/errors.ts';
import { trustFindings } from './trust-check.ts';

/** Whether EC2 gets a role's credentials at all: the agent of an instance without them is silent. */

const ACTION = 'sts:AssumeRole';
/** Roles in China may trust EC2 by an older name. */
const Service = ['ec2.amazonaws.com', 'ec2.amazonaws.com.cn'];
const WANTED = JSON.stringify({
  Statement: [{ Sid: 'Ec2', Effect: 'Allow', Principal: { Service }, Action: ACTION }],
});

/**
 * Throws `role-untrusted` when the trust policy does not let EC2 assume the role. What may work passes: conditions are
 * left to EC2. `trust` is JSON as IAM holds it; undefined passes.
 */
export function requireEc2Trust(role: string, trust: string | undefined, remedies: readonly string[]): void {
  if (trust === undefined) return;
  const mayWork = trustFindings(WANTED, trust).some(
    ({ verdict, missingContext }) => verdict === 'allowed' || missingContext.length > 0,
  );
  if (mayWork) return;
  throw roleUntrusted(role, remedies);
}

export const roleUntrusted = (role: string, remedies: readonly string[]): ToolError =>
  access(
    'role-untrusted',
    `EC2 may not call ${ACTION} for role ${role}: its trust policy does not let ec2.amazonaws.com`,
    { hints: remedies, details: { role, action: ACTION } },
  );
