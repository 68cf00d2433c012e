import { DescribeVpcAttributeCommand } from '@aws-sdk/client-ec2';
import { GetUserCommand } from '@aws-sdk/client-iam';
import { expect, test } from 'vitest';
import { VPC } from '../../../../src/sandbox/world/seed-network.ts';
import { errorName, sandboxClients } from '../../../support/sandbox-clients.ts';
import { testSandbox } from '../../../support/test-sandbox.ts';

/** Attributes that Terraform and the CLI read in addition to what they create. */

const sandbox = testSandbox();

test('attributes of a VPC are returned', async () => {
  const { ec2 } = sandboxClients(sandbox().env);
  const { EnableDnsHostnames } = await ec2.send(
    new DescribeVpcAttributeCommand({ VpcId: VPC.main, Attribute: 'enableDnsHostnames' }),
  );
  expect(EnableDnsHostnames).toEqual({ Value: true });
  const missing = new DescribeVpcAttributeCommand({ VpcId: 'vpc-0', Attribute: 'enableDnsSupport' });
  expect(await errorName(ec2.send(missing))).toBe('InvalidVpcID.NotFound');
});

test('GetUser without a name describes the caller', async () => {
  const { iam } = sandboxClients(sandbox().env);
  expect((await iam.send(new GetUserCommand({}))).User?.UserName).toBe('developer');
});
