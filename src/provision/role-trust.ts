import { access } from '../core/errors.ts';

/** Whether EC2 gets a role's credentials at all, from the role's trust policy: an instance without them is silent. */

/** The suffix is that of older roles in China. */
const EC2 = /^ec2\.amazonaws\.com(?:\.cn)?$/;
const ACTION = 'sts:AssumeRole';

interface TrustStatement {
  readonly Effect?: string;
  readonly Principal?: '*' | Readonly<Record<string, string | readonly string[]>>;
  readonly Action?: string | readonly string[];
}

/**
 * Throws `role-untrusted` when no statement lets EC2 assume the role. Conditions and denials are left to EC2: what may
 * work passes. `trust` is JSON as IAM holds it; undefined passes.
 */
export function checkTrust(role: string, trust: string | undefined, remedies: readonly string[]): void {
  if (trust === undefined) return;
  const { Statement = [] } = JSON.parse(trust) as {
    readonly Statement?: TrustStatement | readonly TrustStatement[];
  };
  if ([Statement].flat().some(allowsEc2)) return;
  throw access(
    'role-untrusted',
    `EC2 may not call ${ACTION} for role ${role}: its trust policy does not let ec2.amazonaws.com`,
    { hints: remedies, details: { role, action: ACTION } },
  );
}

function allowsEc2({ Effect, Principal, Action }: TrustStatement): boolean {
  const services = Principal === '*' ? ['ec2.amazonaws.com'] : [Principal?.['Service'] ?? []].flat();
  return (
    Effect === 'Allow' &&
    services.some((service) => EC2.test(service)) &&
    [Action ?? []].flat().some((action) => pattern(action).test(ACTION))
  );
}

/** Actions know `*` and `?`, and no case. */
const pattern = (action: string): RegExp =>
  new RegExp(`^${action.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i');
