import type { ErrorFacts } from '../../core/error-facts.ts';
import { access, type ToolError } from '../../core/errors.ts';
import { trustFindings } from './trust-check.ts';

/** Whether EC2 gets a role's credentials at all: the agent of an instance without them is silent. */

/** Whose role it is; `launched`: EC2 was asked for the role by an instance that runs. */
type About = Pick<ErrorFacts['role-untrusted'], 'of' | 'name'>;

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
export function requireEc2Trust(role: string, trust: string | undefined, about: About): void {
  if (trust === undefined) return;
  const mayWork = trustFindings(WANTED, trust).some(
    ({ verdict, missingContext }) => verdict === 'allowed' || missingContext.length > 0,
  );
  if (mayWork) return;
  throw roleUntrusted(role, about);
}

export const roleUntrusted = (role: string, about: About): ToolError =>
  access(
    'role-untrusted',
    `EC2 may not call ${ACTION} for role ${role}: its trust policy does not let ec2.amazonaws.com`,
    { details: { role, action: ACTION, ...about } },
  );
