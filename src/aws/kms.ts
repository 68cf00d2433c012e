import { GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';

import type { KmsPort } from '../connect/ports.ts';
import { failed } from '../core/errors.ts';
import type { ClientConfig } from './client-config.ts';
import { limitConcurrency } from './throttling.ts';
import { mapped } from './errors.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

/** Two AES-256 keys, one for each direction (SPEC.md §4). */
const DATA_KEY_LENGTH = 64;

export function createKmsPort(config: ClientConfig): KmsPort {
  const client = limitConcurrency(withProfileEndpoints(new KMSClient(config), config));
  return {
    generateDataKey: (keyId, encryptionContext) =>
      mapped('kms:GenerateDataKey', async () => {
        const answer = await client.send(
          new GenerateDataKeyCommand({
            KeyId: keyId,
            NumberOfBytes: DATA_KEY_LENGTH,
            EncryptionContext: { ...encryptionContext },
          }),
        );
        if (answer.Plaintext?.byteLength !== DATA_KEY_LENGTH || answer.CiphertextBlob === undefined) {
          throw failed(
            'data-key-unusable',
            `KMS key ${keyId} returned no data key of ${DATA_KEY_LENGTH} bytes`,
          );
        }
        return { plaintext: answer.Plaintext, ciphertextBlob: answer.CiphertextBlob };
      }),
  };
}
