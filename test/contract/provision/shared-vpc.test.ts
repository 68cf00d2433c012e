import { CreatePolicyCommand } from '@aws-sdk/client-iam';
import { DescribeSubnetsCommand } from '@aws-sdk/client-ec2';
import { beforeAll, expect, it } from 'vitest';

import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { parseWorldFile } from '../../../src/sandbox/world/world-file.ts';
import { seedOfWorld } from '../../../src/sandbox/world/world-seed.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { shippedDocument } from '../../support/grants.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** A bastion in subnets of another account, for an operator who has exactly the documents of `policy operator`. */

const OWNER = '999988887777';
const WORLD = `
base: empty
networks:
  - name: shared
    cidr: 10.60.0.0/16
    sharedBy: "${OWNER}"
    subnets:
      - { name: private-a, zone: a, cidr: 10.60.1.0/24, route: nat-gateway }
      - { name: private-b, zone: b, cidr: 10.60.2.0/24, route: nat-gateway }
    securityGroups:
      - { name: tasks }
  - name: shared-sealed
    cidr: 10.70.0.0/16
    sharedBy: "${OWNER}"
    subnets:
      - { name: walled-a, zone: a, cidr: 10.70.1.0/24, route: none }
    endpoints:
      - { service: ssm, securityGroup: endpoints }
      - { service: ssmmessages, securityGroup: endpoints }
    securityGroups:
      - { name: endpoints, ingress: [{ port: 443, cidr: 10.70.0.0/16 }] }
clusters:
  - name: shop
services:
  - { name: orders-api, cluster: shop, network: shared, securityGroup: tasks }
`;
const seed = seedOfWorld('w.yaml', parseWorldFile('w.yaml', WORLD), defaultSeed());
const idOf = (name: string): string =>
  [...seed.vpcs, ...seed.subnets].find(({ tags }) => tags.some(({ value }) => value === name))?.id ?? name;
const sandbox = testSandbox({ seed });

let operators = 0;
const operator = (vpc: string, owner: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  sandbox().createPrincipal({
    userName: `operator-${++operators}`,
    policies: (['operator-ec2', 'operator-iam'] as const).map((kind) =>
      shippedDocument(kind, { bastion: 'default', cluster: 'shop', vpc: idOf(vpc), ...owner }),
    ),
  });
const run = (env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<CliOutcome> =>
  cli(args, { env });
const statusOf = ({ status, stderr }: CliOutcome): string => (status === 0 ? 'done' : stderr);

beforeAll(async () => {
  for (const [kind, name] of [
    ['bastion-boundary', 'fargate-connect-bastion-boundary'],
    ['bastion-boundary-tunnel-only', 'fargate-connect-bastion-boundary-tunnel-only'],
  ] as const)
    await sandboxClients(sandbox().env).iam.send(
      new CreatePolicyCommand({
        PolicyName: name,
        Path: '/fargate-connect/',
        PolicyDocument: JSON.stringify(shippedDocument(kind, { bastion: '*', cluster: 'shop' })),
      }),
    );
});

it.each([[], ['--on-demand']])(
  'up %j and down work with --vpc-owner, and the plan names the owner',
  async (...flags) => {
    const before = sandbox().snapshot();
    const env = operator('shared', { 'vpc-owner': OWNER });
    const up = await run(env, 'up', '--cluster', 'shop', '--service', 'orders-api', '--yes', ...flags);
    expect(statusOf(up)).toBe('done');
    expect(up.stderr).toContain(`network: ${idOf('shared')} (shared by account ${OWNER})`);
    const shell = await run(sandbox().env, 'shell', '--', 'echo', 'here');
    expect([shell.status, shell.stdout]).toEqual([0, 'here\n']);
    expect(statusOf(await run(env, 'down', '--yes'))).toBe('done');
    expect(sandbox().snapshot()).toBe(before);
  },
);

it('without --vpc-owner the operator is refused, and the error names the action', async () => {
  const before = sandbox().snapshot();
  const env = operator('shared', {});
  const up = await run(env, 'up', '--cluster', 'shop', '--service', 'orders-api', '--yes');
  expect([up.status, up.stderr]).toEqual([4, expect.stringContaining('ec2:CreateSecurityGroup')]);
  expect(up.stderr).toContain('fargate-connect policy operator');
  await run(sandbox().env, 'down', '--yes');
  expect(sandbox().snapshot()).toBe(before);
});

it('ARNs of the owner name VPC and subnets', async () => {
  const arn = `arn:aws:ec2:eu-west-1:${OWNER}`;
  const { ec2 } = sandboxClients(sandbox().env);
  const { Subnets } = await ec2.send(new DescribeSubnetsCommand({ SubnetIds: [idOf('private-a')] }));
  expect(Subnets).toMatchObject([{ OwnerId: OWNER, SubnetArn: `${arn}:subnet/${idOf('private-a')}` }]);
  const where = ['--vpc', `${arn}:vpc/${idOf('shared')}`, '--subnet', `${arn}:subnet/${idOf('private-a')}`];
  const dry = await run(sandbox().env, 'up', '--tunnel-only', ...where, '--dry-run', '--json');
  expect(statusOf(dry)).toBe('done');
  expect(JSON.parse(dry.stdout)).toMatchObject({ network: { vpcOwner: OWNER } });
});

it('endpoints of the owner are not visible; --way-out private states that they are there', async () => {
  const before = sandbox().snapshot();
  const env = operator('shared-sealed', { 'vpc-owner': OWNER });
  const sealed = ['up', '--tunnel-only', '--vpc', idOf('shared-sealed'), '--yes'];
  const refused = await run(env, ...sealed);
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('--way-out')]);
  const up = await run(env, ...sealed, '--subnet', idOf('walled-a'), '--way-out', 'private');
  expect(statusOf(up)).toBe('done');
  expect(statusOf(await run(env, 'down', '--yes'))).toBe('done');
  expect(sandbox().snapshot()).toBe(before);
});
