import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { parseArn } from '../core/arn.ts';
import type { ClientConfig } from './client-config.ts';
import { limitConcurrency } from './throttling.ts';

import type { IdentityPort } from '../provision/ports/iam.ts';
import { mapped } from './errors.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

export function createIdentityPort(config: ClientConfig): IdentityPort {
  const client = limitConcurrency(withProfileEndpoints(new STSClient(config), config));
  return {
    async caller() {
      const answer = await mapped('sts:GetCallerIdentity', () =>
        client.send(new GetCallerIdentityCommand({})),
      );
      const arn = answer.Arn ?? '';
      return {
        accountId: answer.Account ?? '',
        arn,
        userId: answer.UserId ?? '',
        partition: parseArn(arn)?.partition ?? 'aws',
      };
    },
  };
}
