import { CreatePolicyCommand } from '@aws-sdk/client-iam';
import { beforeAll, describe, expect, it } from 'vitest';

import { clientConfig } from '../../../src/aws/client-config.ts';
import { createEc2Port } from '../../../src/aws/ec2.ts';
import { createIamPort } from '../../../src/aws/iam.ts';
import { createIdentityPort } from '../../../src/aws/identity.ts';
import { createImagesPort } from '../../../src/aws/images.ts';
import { createNodesPort } from '../../../src/aws/nodes.ts';
import type { Ec2Port } from '../../../src/provision/ports/ec2.ts';
import type { IamPort } from '../../../src/provision/ports/iam.ts';
import type { Image } from '../../../src/provision/ports/images.ts';
import { GROUP, SUBNET, VPC } from '../../../src/sandbox/world/seed-network.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** Tests the adapters through the real SDK against the sandbox, which answers as AWS does. */

const sandbox = testSandbox();
let ec2: Ec2Port;
let iam: IamPort;
const settings = { profile: undefined, region: undefined, endpointUrl: undefined };
const configOf = async (env: Readonly<Record<string, string>>) => ({
  ...(await clientConfig({ ...settings, endpointUrl: env['AWS_ENDPOINT_URL'] }, env)),
  maxAttempts: 2,
});

beforeAll(async () => {
  const config = await configOf(sandbox().env);
  ec2 = createEc2Port(config);
  iam = createIamPort(config);
});

const tags = { 'fargate-connect:bastion': 'ports', Name: 'fargate-connect-ports' };
const tag = { key: 'fargate-connect:bastion', values: ['ports'] };

describe('reading a network', () => {
  it('maps VPCs, subnets and routes, and leaves out what does not exist', async () => {
    expect(await ec2.vpcs({ ids: [VPC.main, 'vpc-00000000000000404'] })).toMatchObject([
      { id: VPC.main, isDefault: false, cidrs: ['10.0.0.0/16'] },
    ]);
    expect(await ec2.subnets({ ids: [SUBNET.mainPrivateA] })).toMatchObject([
      { vpcId: VPC.main, zone: 'eu-west-1a', cidr: '10.0.1.0/24' },
    ]);
    const tables = await ec2.routeTables(VPC.main);
    const targetOf = (subnetId: string): string | undefined =>
      (
        tables.find((table) => table.subnetIds.includes(subnetId)) ?? tables.find((table) => table.main)
      )?.routes.find((route) => route.destination === '0.0.0.0/0')?.target;
    expect(targetOf(SUBNET.mainPrivateA)).toBe('nat-gateway');
    expect(targetOf(SUBNET.mainPublicA)).toBe('internet-gateway');
    expect(targetOf(SUBNET.mainDataA)).toBeUndefined();
  });

  it('maps endpoints and their security groups', async () => {
    const endpoints = await ec2.vpcEndpoints(VPC.sealed);
    expect(endpoints.map((each) => [each.service, each.state, each.privateDns])).toEqual(
      expect.arrayContaining([
        ['ssm', 'available', true],
        ['ssmmessages', 'available', true],
      ]) as unknown,
    );
    expect(await ec2.securityGroups({ ids: [GROUP.sealedEndpoints] })).toMatchObject([
      { ingress: [{ protocol: 'tcp', fromPort: 443, toPort: 443, cidr: '10.20.0.0/16' }] },
    ]);
  });

  it('maps regions, identity, image and prices', async () => {
    const config = await configOf(sandbox().env);
    expect(await ec2.regions()).toContain('eu-west-1');
    expect(await createIdentityPort(config).caller()).toMatchObject({
      accountId: '111122223333',
      partition: 'aws',
    });
    const images = createImagesPort(config);
    const image = await images.latest('arm64');
    expect(image).toMatchObject({ architecture: 'arm64', rootDevice: '/dev/xvda', volumeGiB: 8 });
    const prices = await images.spotPrices(['t4g.micro'], Date.now());
    expect(prices.length).toBeGreaterThan(0);
    for (const price of prices) expect(price.dollarsPerHour).toBeGreaterThan(0);
  });
});

describe('security groups', () => {
  it('are created, restricted, admitted by a database and deleted; each call may be repeated', async () => {
    const id = await ec2.createSecurityGroup({ name: 'fc-ports', description: 'x', vpcId: VPC.main, tags });
    await expect(
      ec2.createSecurityGroup({ name: 'fc-ports', description: 'x', vpcId: VPC.main, tags }),
    ).rejects.toMatchObject({ code: 'already-exists' });
    const [fresh] = await ec2.securityGroups({ tag });
    expect(fresh).toMatchObject({
      id,
      name: 'fc-ports',
      ingress: [],
      egress: [{ protocol: '-1', cidr: '0.0.0.0/0' }],
    });
    await ec2.revokeEgress(id, fresh?.egress ?? []);
    await ec2.revokeEgress(id, fresh?.egress ?? []);
    const rules = [
      { protocol: 'tcp', fromPort: 443, toPort: 443, cidr: '0.0.0.0/0' },
      { protocol: 'tcp', fromPort: 5432, toPort: 5432, groupId: GROUP.ordersDb },
    ];
    await ec2.authorizeEgress(id, rules, tags);
    await ec2.authorizeEgress(id, rules.slice(0, 1), tags);
    expect((await ec2.securityGroups({ ids: [id] }))[0]?.egress).toEqual(
      expect.arrayContaining(rules) as unknown,
    );

    const rule = { groupId: GROUP.billingDb, sourceGroupId: id, port: 5432, description: 'x', tags };
    await ec2.authorizeIngress(rule);
    await ec2.authorizeIngress(rule);
    const found = (await ec2.securityGroupRules({ tag })).filter((each) => !each.egress);
    expect(found).toMatchObject([
      { groupId: GROUP.billingDb, sourceGroupId: id, fromPort: 5432, toPort: 5432 },
    ]);
    await expect(ec2.deleteSecurityGroup(id)).rejects.toMatchObject({ code: 'still-in-use' });
    await ec2.revokeIngress(GROUP.billingDb, found[0]?.id ?? '');
    await ec2.revokeIngress(GROUP.billingDb, found[0]?.id ?? '');
    await ec2.deleteSecurityGroup(id);
    await ec2.deleteSecurityGroup(id);
    expect(await ec2.securityGroups({ tag })).toEqual([]);
  });
});

describe('roles', () => {
  const trust = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  });
  const policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'ssm:UpdateInstanceInformation', Resource: '*' }],
  });
  const path = '/fargate-connect/';

  it('are created, read, attached and deleted in order; each call may be repeated', async () => {
    expect(await iam.role('fc-ports')).toBeUndefined();
    expect(await iam.rolePolicy('fc-ports', 'p')).toBeUndefined();
    expect(await iam.rolePolicyNames('fc-ports')).toEqual([]);
    const request = { name: 'fc-ports', path, description: 'x', trust, boundaryArn: undefined, tags };
    const arn = await iam.createRole(request);
    await expect(iam.createRole(request)).rejects.toMatchObject({ code: 'already-exists' });
    expect(await iam.role('fc-ports')).toEqual({
      name: 'fc-ports',
      arn,
      path,
      boundaryArn: undefined,
      trust,
      tags,
    });
    expect(await iam.roleNames(path)).toContain('fc-ports');
    await iam.putRolePolicy('fc-ports', 'p', policy);
    expect(JSON.parse((await iam.rolePolicy('fc-ports', 'p')) ?? '')).toEqual(JSON.parse(policy));

    await iam.createInstanceProfile({ name: 'fc-ports', path, tags });
    await iam.addRoleToInstanceProfile('fc-ports', 'fc-ports');
    expect(await iam.instanceProfile('fc-ports')).toMatchObject({ roleNames: ['fc-ports'], trust, tags });
    await expect(iam.deleteRole('fc-ports')).rejects.toMatchObject({ code: 'still-in-use' });
    await expect(iam.deleteInstanceProfile('fc-ports')).rejects.toMatchObject({ code: 'still-in-use' });

    for (const _twice of [1, 2]) {
      await iam.removeRoleFromInstanceProfile('fc-ports', 'fc-ports');
      await iam.deleteInstanceProfile('fc-ports');
      await iam.deleteRolePolicy('fc-ports', 'p');
      await iam.deleteRole('fc-ports');
    }
    expect(await iam.role('fc-ports')).toBeUndefined();
  });

  it('have permissions boundaries', async () => {
    const arn = await iam.createPolicy({ name: 'fc-ports', path, description: 'x', document: policy, tags });
    expect(await iam.policy(arn)).toEqual({ name: 'fc-ports', arn, path, tags });
    expect(await iam.policyArns(path)).toContain(arn);
    await iam.deletePolicy(arn);
    await iam.deletePolicy(arn);
    expect(await iam.policy(arn)).toBeUndefined();
  });
});

describe('launches', () => {
  let image: Image;
  beforeAll(async () => {
    image = await createImagesPort(await configOf(sandbox().env)).latest('arm64');
  });
  const template = (name: string, profileArn: string, clientToken: string) => ({
    name,
    clientToken,
    instanceProfileArn: profileArn,
    securityGroupIds: [GROUP.mainDefault],
    publicIp: false,
    ipv6: false,
    userData: '#!/bin/bash\nexit 0\n',
    rootDevice: image.rootDevice,
    volumeGiB: image.volumeGiB,
    volumeKey: undefined,
    burstable: true,
    market: 'spot' as const,
    tags,
    instanceTags: tags,
  });

  it('report a profile that does not exist as an error of the fleet, not as an exception', async () => {
    const id = await ec2.createLaunchTemplate(
      template('fc-ports', 'arn:aws:iam::111122223333:instance-profile/none', 'token-1'),
    );
    await expect(
      ec2.createLaunchTemplate(
        template('fc-ports', 'arn:aws:iam::111122223333:instance-profile/none', 'token-2'),
      ),
    ).rejects.toMatchObject({ code: 'already-exists' });
    const result = await ec2.createFleet({
      clientToken: 'fleet-1',
      launchTemplateId: id,
      market: 'spot',
      overrides: [
        { instanceType: 't4g.micro', subnetId: SUBNET.mainPrivateA, imageId: image.id, priority: 0 },
      ],
      tags,
    });
    expect(result.instanceIds).toEqual([]);
    expect(result.errors[0]?.message).toMatch(/profile/i);
    await ec2.deleteFleets(result.fleetId === undefined ? [] : [result.fleetId]);
    await ec2.deleteLaunchTemplate(id);
    await ec2.deleteLaunchTemplate(id);
  });

  it('an unknown instance is reported as absent, and terminating it is no error', async () => {
    const nodes = createNodesPort(await configOf(sandbox().env));
    expect(await nodes.nodes(['i-00000000000000404'])).toEqual([]);
    expect(await ec2.instances({ ids: ['i-00000000000000404'] })).toEqual([]);
    await ec2.terminateInstances(['i-00000000000000404']);
  });
});

describe('a user without any permission', () => {
  it('gets the missing action and exit status 4', async () => {
    const env = sandbox().createPrincipal({ userName: 'nobody', policies: [] });
    const config = await configOf(env);
    await expect(createEc2Port(config).vpcs({})).rejects.toMatchObject({
      role: 'access',
      code: 'access-denied',
      details: { action: 'ec2:DescribeVpcs' },
    });
    await expect(createIamPort(config).role('x')).rejects.toMatchObject({
      details: { action: 'iam:GetRole' },
    });
  });
});

it('the listing of our policies does not touch policies of others', async () => {
  await sandboxClients(sandbox().env).iam.send(
    new CreatePolicyCommand({
      PolicyName: 'alien',
      PolicyDocument:
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetCallerIdentity","Resource":"*"}]}',
    }),
  );
  expect(await iam.policyArns('/fargate-connect/')).toEqual([]);
});
