import { DescribeVolumesCommand } from '@aws-sdk/client-ec2';
import { expect, it } from 'vitest';

import { DEFAULT_KEY_ID } from '../../../src/sandbox/services/kms/kms.ts';
import { ACCOUNT } from '../../../src/sandbox/world/seed-roles.ts';
import { VPC } from '../../../src/sandbox/world/seed-network.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { shippedDocument } from '../../support/grants.ts';
import { grantToSpot } from '../../support/spot-grant.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** The root volume with a key of the account: --kms-key of `up` and of `policy operator`. */

const sandbox = testSandbox();
const KEY = `arn:aws:kms:eu-west-1:${ACCOUNT}:key/${DEFAULT_KEY_ID}`;
const run = (env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<CliOutcome> =>
  cli(args, { env });
const up = (env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<CliOutcome> =>
  run(env, 'up', '--tunnel-only', '--vpc', VPC.main, '--yes', ...args);

it('the volume has the key, spot and on-demand, for an operator whose document names the key', async () => {
  const { env: admin } = sandbox();
  const values = { bastion: '*', cluster: 'demo', vpc: '*' };
  const person = (userName: string, key: string | undefined): Readonly<Record<string, string>> =>
    sandbox().createPrincipal({
      userName,
      policies: [
        shippedDocument('operator-ec2', values),
        ...(key === undefined ? [] : [shippedDocument('operator-volume-key', { 'volume-key': key })]),
        { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iam:*', Resource: '*' }] },
      ],
    });
  const before = sandbox().snapshot();
  const boundary = ['--permissions-boundary', 'none'];

  const unlisted = await up(admin, ...boundary, '--kms-key', KEY);
  expect(unlisted).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('Client.InternalError: Client error on launch') as string,
  });
  expect(unlisted.stderr).toContain('aws kms create-grant --key-id');
  expect((await run(admin, 'down', '--yes')).status).toBe(0);

  await grantToSpot(admin, KEY);
  const without = await up(person('without-key', undefined), ...boundary, '--kms-key', KEY);
  expect(without).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('Client.InternalError') as string,
  });
  expect((await run(admin, 'down', '--yes')).status).toBe(0);

  const allowed = person('with-key', KEY);
  for (const market of [[], ['--on-demand']]) {
    const done = await up(allowed, ...boundary, ...market, '--kms-key', KEY);
    expect([done.status, done.stderr]).toEqual([0, expect.stringContaining(`encrypted with ${KEY}`)]);
    const { Volumes } = await sandboxClients(admin).ec2.send(new DescribeVolumesCommand({}));
    expect(Volumes).toMatchObject([{ Encrypted: true, KmsKeyId: KEY }]);
    expect((await run(allowed, 'down', '--yes')).status).toBe(0);
  }
  expect(sandbox().snapshot()).toBe(before);
});

it('refuses what is no key, a key of another region, and the key of the other purpose, before a call', async () => {
  const { env } = sandbox();
  const before = sandbox().calls.length;
  const elsewhere = KEY.replace('eu-west-1', 'us-east-1');
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['key id, or alias/NAME', ['up', '--kms-key', 'my-key']],
    [`--kms-key ${elsewhere} is in us-east-1`, ['up', '--kms-key', elsewhere, '--cluster', 'demo']],
    [`--session-key ${elsewhere} is in us-east-1`, ['up', '--session-key', elsewhere, '--cluster', 'demo']],
    ['the ARN of a key', ['up', '--session-key', 'alias/exec', '--cluster', 'demo']],
    [`--session-key ${KEY}`, ['policy', 'exec', '--kms-key', KEY]],
    ['the ARN of a key', ['policy', 'operator', '--kms-key', 'alias/volumes']],
    ['policy operator or operator-volume-key', ['policy', 'shell', '--kms-key', KEY]],
  ];
  for (const [text, args] of cases)
    expect([args, await run(env, ...args)]).toEqual([
      args,
      { status: 2, stdout: '', stderr: expect.stringContaining(text) as string },
    ]);
  expect(sandbox().calls.length).toBe(before);
});
