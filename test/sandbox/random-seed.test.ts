import { GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { ECSClient, ExecuteCommandCommand, ListTasksCommand } from '@aws-sdk/client-ecs';
import { expect, test } from 'vitest';
import { testSandbox } from '../support/test-sandbox.ts';
import { clientConfig } from './support/client-config.ts';

const twins = [testSandbox({ randomSeed: 11 }), testSandbox({ randomSeed: 11 })] as const;

test('a seed makes names repeatable, while tokens, addresses and keys stay random', async () => {
  const [first, second] = await Promise.all(
    twins.map(async (sandbox) => {
      const ecs = new ECSClient(clientConfig(sandbox().env));
      const { taskArns } = await ecs.send(
        new ListTasksCommand({ cluster: 'demo', serviceName: 'orders-api' }),
      );
      const { session } = await ecs.send(
        new ExecuteCommandCommand({
          cluster: 'demo',
          task: taskArns?.[0],
          container: 'app',
          command: 'sh',
          interactive: true,
        }),
      );
      const key = await new KMSClient(clientConfig(sandbox().env)).send(
        new GenerateDataKeyCommand({ KeyId: 'alias/session-manager', NumberOfBytes: 64 }),
      );
      return {
        sessionId: session?.sessionId,
        token: session?.tokenValue,
        key: Buffer.from(key.Plaintext ?? []).toString('hex'),
      };
    }),
  );
  expect(second?.sessionId).toBe(first?.sessionId);
  expect(second?.token).not.toBe(first?.token);
  expect(second?.key).not.toBe(first?.key);
});
