import { CreateGrantCommand, KMSClient } from '@aws-sdk/client-kms';

import { ACCOUNT } from '../../src/sandbox/world/seed-roles.ts';
import { sandboxClients } from './sandbox-clients.ts';

/** The grant that lets EC2 Spot start instances whose volumes have this key (EC2 guide, `spot-requests`). */
export async function grantToSpot(env: Readonly<Record<string, string>>, key: string): Promise<void> {
  await new KMSClient(sandboxClients(env).config).send(
    new CreateGrantCommand({
      KeyId: key,
      GranteePrincipal: `arn:aws:iam::${ACCOUNT}:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot`,
      Operations: [
        'Decrypt',
        'Encrypt',
        'GenerateDataKey',
        'GenerateDataKeyWithoutPlaintext',
        'CreateGrant',
        'DescribeKey',
        'ReEncryptFrom',
        'ReEncryptTo',
      ],
    }),
  );
}
