import { DescribeInstancesCommand } from '@aws-sdk/client-ec2';
import { expect, it } from 'vitest';

import { ORGANISATION_IMAGES } from '../../../src/sandbox/services/ec2/ec2-catalog.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** Images of an organisation that forbids public ones: --image of `up` and of `policy operator`. */

const sandbox = testSandbox();
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });
const [ARM] = ORGANISATION_IMAGES;

it.each([
  ['an AMI id', ARM?.id ?? ''],
  ['an SSM parameter', '/golden/al2023/arm64'],
])('a bastion from %s: only types of its architecture, and the size of its snapshot', async (_, image) => {
  const before = sandbox().snapshot();
  const up = await run('up', '--cluster', 'demo', '--image', image, '--yes', '--json');
  expect([up.status, up.stderr]).toEqual([0, up.stderr]);
  const { instanceId, type } = JSON.parse(up.stdout) as { instanceId: string; type: string };
  expect(type).toMatch(/^t4g\./);
  const { ec2 } = sandboxClients(sandbox().env);
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
  expect(Reservations?.[0]?.Instances?.[0]?.ImageId).toBe(ARM?.id);
  const again = await run('up', '--cluster', 'demo', '--yes', '--dry-run', '--json');
  expect(JSON.parse(again.stdout)).toMatchObject({ name: 'default' });
  expect((await run('down', '--yes')).status).toBe(0);
  expect(sandbox().snapshot()).toBe(before);
});

it.each([
  [3, 'no image ami-00000000000000000', ['--image', 'ami-00000000000000000']],
  [3, 'no image /golden/none', ['--image', '/golden/none']],
  [2, 't3.micro needs an x86_64 image', ['--image', '/golden/al2023/arm64', '--type', 't4g.micro,t3.micro']],
  [2, 'are both arm64 images', ['--image', `/golden/al2023/arm64,${ARM?.id ?? ''}`]],
])('exit %i: %s', async (status, text, flags) => {
  const before = sandbox().snapshot();
  const outcome = await run('up', '--cluster', 'demo', ...flags, '--yes');
  expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringContaining(text)]);
  expect(sandbox().snapshot()).toBe(before);
});

it('policy operator grants exactly the images that were named', async () => {
  const statements = async (...flags: readonly string[]): Promise<readonly { Sid: string }[]> =>
    (JSON.parse((await run('policy', 'operator', ...flags)).stdout) as { Statement: { Sid: string }[] })
      .Statement;
  const sids = (list: readonly { Sid: string }[]): string[] =>
    list.map(({ Sid }) => Sid).filter((sid) => /ImageParameters|TheseImages|OfThisAccount/.test(sid));
  expect(sids(await statements())).toEqual([]);
  const byId = await statements('--image', 'ami-0123456789abcdef0');
  expect(sids(byId)).toEqual(['LaunchFromTheseImages']);
  expect(byId).toContainEqual(
    expect.objectContaining({ Resource: ['arn:aws:ec2:eu-west-1::image/ami-0123456789abcdef0'] }),
  );
  expect(await statements('--image', 'golden/arm64', '--image-owner', '444455556666')).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        Sid: 'ReadTheImageParameters',
        Resource: ['arn:aws:ssm:eu-west-1:111122223333:parameter/golden/arm64'],
      }),
      expect.objectContaining({ Condition: { StringEquals: { 'ec2:Owner': '444455556666' } } }),
    ]),
  );
});

it('policy operator --vpc-owner names the account that shares the VPC', async () => {
  const { stdout } = await run('policy', 'operator-ec2', '--vpc', 'vpc-1', '--vpc-owner', '999988887777');
  expect(stdout).toContain('arn:aws:ec2:eu-west-1:999988887777:vpc/vpc-1');
  expect(stdout).toContain('arn:aws:ec2:eu-west-1:999988887777:subnet/*');
});
