import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { clientConfig } from '../../sandbox/support/client-config.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';

/**
 * Sessions on the bastion in an account that encrypts sessions: the role of the bastion must be able to decrypt the
 * data key.
 */

const sandbox = testSandbox({ demandEncryption: true });
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });

beforeAll(async () => {
  const kms = new KMSClient(clientConfig(sandbox().env));
  const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: 'alias/session-manager' }));
  expect(
    await run('up', '--cluster', 'demo', '--yes', '--session-key', KeyMetadata?.Arn ?? ''),
  ).toMatchObject({
    status: 0,
  });
});
afterAll(() => run('down', '--all', '--yes', '--force'));

it('a command on the bastion: both output streams and the status are encrypted', async () => {
  const asked = sandbox().calls.filter((call) => call.action === 'GenerateDataKey').length;
  expect(await run('shell', '-q', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7')).toEqual({
    status: 7,
    stdout: 'out\n',
    stderr: 'err\n',
  });
  expect(sandbox().calls.filter((call) => call.action === 'GenerateDataKey').length).toBe(asked + 1);
});
