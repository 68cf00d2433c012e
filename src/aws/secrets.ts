import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

import type { SecretsPort } from '../connect/ports/databases.ts';
import { failed, noMatch } from '../core/errors.ts';
import type { ClientConfig } from './client-config.ts';
import { mapped } from './errors.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

export function createSecretsPort(config: ClientConfig): SecretsPort {
  const client = withProfileEndpoints(new SecretsManagerClient(config), config);
  return {
    text: (id) =>
      mapped(
        'secretsmanager:GetSecretValue',
        async () => {
          const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: id }));
          if (SecretString === undefined)
            throw failed('secret-unusable', `secret ${id} holds bytes, not text`, {
              details: { secret: id },
            });
          return SecretString;
        },
        {
          ResourceNotFoundException: () =>
            noMatch('secret-not-found', `no secret ${id} in this region`, { details: { secret: id } }),
        },
      ),
  };
}
