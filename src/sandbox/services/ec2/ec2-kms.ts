import type { AccessController } from '../../iam/access-control.ts';
import type { IamState } from '../iam/iam-state.ts';
import type { KmsService } from '../kms/kms.ts';
import type { LaunchKms } from './ec2-launcher.ts';

/**
 * What EC2 needs from KMS for a volume with a customer managed key (EBS guide, `ebs-encryption-requirements`; EC2 guide,
 * `spot-requests`): the permissions of the caller, and for spot a grant for Spot's service-linked role.
 */

const ACTIONS = ['DescribeKey', 'GenerateDataKeyWithoutPlaintext', 'Decrypt', 'ReEncryptFrom', 'ReEncryptTo'];
const SPOT_ROLE = 'AWSServiceRoleForEC2Spot';

export function createLaunchKms(
  kms: KmsService,
  iam: IamState,
  access: AccessController,
  region: string,
): LaunchKms {
  return {
    mayUse(keyId, principal, market) {
      // AWS's own key, whose key policy lets everybody in the account use it through EC2.
      if (keyId.endsWith('alias/aws/ebs')) return true;
      const resource = kms.findKeyArn(keyId);
      if (resource === undefined) return false;
      const context = { 'kms:ViaService': `ec2.${region}.amazonaws.com`, 'aws:ViaAWSService': 'true' };
      const { refused } = access.examine(principal, region, [
        ...ACTIONS.map((action) => ({ action: `kms:${action}`, resource, context })),
        {
          action: 'kms:CreateGrant',
          resource,
          context: { ...context, 'kms:GrantIsForAWSResource': 'true' },
        },
      ]);
      if (refused !== undefined) return false;
      const role = iam.roles.get(SPOT_ROLE);
      return market !== 'spot' || (role !== undefined && kms.hasGrant(resource, role.arn));
    },
  };
}
