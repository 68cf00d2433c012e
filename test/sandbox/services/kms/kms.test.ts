import { DecryptCommand, DescribeKeyCommand, GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { expect, test } from 'vitest';
import { testSandbox } from '../../../support/test-sandbox.ts';
import { clientConfig } from '../../support/client-config.ts';

const sandbox = testSandbox();
const kms = (): KMSClient => new KMSClient(clientConfig(sandbox().env));
const KeyId = 'alias/session-manager';

test('a data key can be decrypted only with the encryption context for which it was created', async () => {
  const EncryptionContext = { 'aws:ssm:SessionId': 's-1', 'aws:ssm:TargetId': 'i-1' };
  const key = await kms().send(new GenerateDataKeyCommand({ KeyId, NumberOfBytes: 64, EncryptionContext }));
  expect(key.Plaintext).toHaveLength(64);
  const reordered = { 'aws:ssm:TargetId': 'i-1', 'aws:ssm:SessionId': 's-1' };
  const opened = await kms().send(
    new DecryptCommand({ CiphertextBlob: key.CiphertextBlob, EncryptionContext: reordered }),
  );
  expect(opened.Plaintext).toEqual(key.Plaintext);
  for (const change of [
    { EncryptionContext: { ...EncryptionContext, 'aws:ssm:TargetId': 'i-2' } },
    { CiphertextBlob: Buffer.from('not a blob of ours') },
  ])
    await expect(
      kms().send(new DecryptCommand({ CiphertextBlob: key.CiphertextBlob, EncryptionContext, ...change })),
    ).rejects.toMatchObject({ name: 'InvalidCiphertextException' });
});

test('the default key is found by alias, a cluster’s key by ARN, and an unknown key not at all', async () => {
  const arn = 'arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555';
  expect((await kms().send(new DescribeKeyCommand({ KeyId: arn }))).KeyMetadata).toMatchObject({
    Arn: arn,
    KeyState: 'Enabled',
  });
  const key = await kms().send(new GenerateDataKeyCommand({ KeyId: arn, KeySpec: 'AES_256' }));
  expect(key).toMatchObject({ KeyId: arn });
  await expect(
    kms().send(new DecryptCommand({ CiphertextBlob: key.CiphertextBlob, KeyId })),
  ).rejects.toMatchObject({ name: 'IncorrectKeyException' });
  await expect(
    kms().send(new GenerateDataKeyCommand({ KeyId: 'nope', NumberOfBytes: 64 })),
  ).rejects.toMatchObject({ name: 'NotFoundException' });
  for (const input of [{}, { NumberOfBytes: 64, KeySpec: 'AES_256' as const }, { NumberOfBytes: 2000 }])
    await expect(kms().send(new GenerateDataKeyCommand({ KeyId, ...input }))).rejects.toMatchObject({
      name: 'ValidationException',
    });
});
