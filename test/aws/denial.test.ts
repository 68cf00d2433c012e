import { expect, it } from 'vitest';

import { denialOf } from '../../src/aws/denial.ts';

/** The wordings are from the IAM User Guide, "Troubleshoot access denied error messages". */
const user =
  'User: arn:aws:iam::111122223333:user/anna is not authorized to perform: ec2:RunInstances on resource: *';

it.each([
  ['with an explicit deny in a service control policy', 'service-control-policy', true],
  [
    'with an explicit deny in a service control policy: arn:aws:organizations::111122223333:policy/o-1/service_control_policy/p-1',
    'service-control-policy',
    true,
  ],
  ['because no service control policy allows the ec2:RunInstances action', 'service-control-policy', false],
  ['with an explicit deny in a resource control policy', 'resource-control-policy', true],
  ['because no VPC endpoint policy allows the ec2:RunInstances action', 'vpc-endpoint-policy', false],
  ['with an explicit deny in a permissions boundary', 'permissions-boundary', true],
  ['because no session policy allows the ec2:RunInstances action', 'session-policy', false],
  ['with an explicit deny in an identity-based policy', 'identity-policy', true],
  ['because no identity-based policy allows the ec2:RunInstances action', 'identity-policy', false],
  ['because no resource-based policy allows the ec2:RunInstances action', 'resource-policy', false],
])('%s', (wording, deniedBy, explicitDeny) => {
  expect(denialOf(`${user} ${wording}`)).toEqual({
    message: `${user} ${wording}`,
    action: 'ec2:RunInstances',
    deniedBy,
    explicitDeny,
    encoded: undefined,
  });
});

it('a message without a reason does not tell which kind of policy denied the action', () => {
  expect(denialOf('You are not authorized to perform this operation.')).toMatchObject({
    deniedBy: undefined,
    explicitDeny: undefined,
  });
});

it('the encoded part is removed from the message', () => {
  const text = `You are not authorized to perform this operation. ${user}. Encoded authorization failure message: a-B_9=`;
  expect(denialOf(text)).toMatchObject({
    message: `You are not authorized to perform this operation. ${user}.`,
    encoded: 'a-B_9=',
  });
});
