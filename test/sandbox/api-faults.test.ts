import { get } from 'node:http';
import {
  CreateSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  DescribeVpcsCommand,
} from '@aws-sdk/client-ec2';
import { ListClustersCommand, ECSClient } from '@aws-sdk/client-ecs';
import { CreateRoleCommand, GetRoleCommand, ListRolesCommand } from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ToolError } from '../../src/core/errors.ts';
import { parseFaultSpecs } from '../../src/sandbox/fault-specs.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { VPC } from '../support/bastion-launch.ts';
import { until } from '../support/eventually.ts';
import { errorName, sandboxClients } from '../support/sandbox-clients.ts';

let sandbox: Sandbox;
let clients: ReturnType<typeof sandboxClients>;
beforeEach(async () => {
  sandbox = await startSandbox({});
  clients = sandboxClients(sandbox.env);
});
afterEach(() => sandbox.close());

const group = (GroupName: string) =>
  clients.ec2.send(new CreateSecurityGroupCommand({ GroupName, Description: 'd', VpcId: VPC }));
const exists = async (name: string): Promise<boolean> => {
  const { SecurityGroups } = await clients.ec2.send(
    new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'group-name', Values: [name] }] }),
  );
  return SecurityGroups!.length > 0;
};

describe('injected faults', () => {
  test('affect the call with the given number, of the given action', async () => {
    sandbox.faults.inject({ kind: 'throttle', action: 'ec2:DescribeVpcs', at: 2, times: 2 });
    const outcomes: string[] = [];
    for (let i = 0; i < 4; i++) {
      outcomes.push(await errorName(clients.ec2.send(new DescribeVpcsCommand({}))));
      await clients.sts.send(new GetCallerIdentityCommand({}));
    }
    expect(outcomes).toEqual(['resolved', 'RequestLimitExceeded', 'RequestLimitExceeded', 'resolved']);
  });

  test('have the error format of each service', async () => {
    const ecs = new ECSClient(clients.config);
    const all = async () => [
      await errorName(clients.ec2.send(new DescribeVpcsCommand({}))),
      await errorName(clients.iam.send(new ListRolesCommand({}))),
      await errorName(ecs.send(new ListClustersCommand({}))),
    ];
    sandbox.faults.inject({ kind: 'throttle', times: Number.POSITIVE_INFINITY });
    expect(await all()).toEqual(['RequestLimitExceeded', 'Throttling', 'ThrottlingException']);
    sandbox.faults.clear();
    sandbox.faults.inject({ kind: 'server-error', times: Number.POSITIVE_INFINITY });
    expect(await all()).toEqual(['InternalError', 'ServiceFailureException', 'ServerException']);
    sandbox.faults.clear();
    sandbox.faults.inject({ kind: 'access-denied', times: Number.POSITIVE_INFINITY });
    expect(await all()).toEqual(['UnauthorizedOperation', 'AccessDenied', 'AccessDeniedException']);
    sandbox.faults.clear();
    expect(await all()).toEqual(['resolved', 'resolved', 'resolved']);
  });

  test('are retried by the SDK as real errors are', async () => {
    sandbox.faults.inject({ kind: 'throttle', action: 'ec2:DescribeVpcs' });
    const patient = sandboxClients(sandbox.env, { maxAttempts: 3 });
    expect((await patient.ec2.send(new DescribeVpcsCommand({}))).Vpcs!.length).toBeGreaterThan(0);
    expect(sandbox.calls.map((call) => call.outcome)).toEqual(['RequestLimitExceeded', 'ok']);
  });

  test('drop the connection before or after the call is executed', async () => {
    sandbox.faults.inject({ kind: 'drop-before', action: 'ec2:CreateSecurityGroup' });
    expect(await errorName(group('before'))).not.toBe('resolved');
    expect(await exists('before')).toBe(false);
    sandbox.faults.inject({ kind: 'drop-after', action: 'ec2:CreateSecurityGroup' });
    expect(await errorName(group('after'))).not.toBe('resolved');
    expect(await exists('after')).toBe(true);
    expect(sandbox.calls.filter((call) => call.outcome === 'dropped')).toHaveLength(2);
  });

  test('call a listener when they occur, and the response waits for the listener', async () => {
    const seen: string[] = [];
    sandbox.faults.inject({
      kind: 'throttle',
      action: 'ec2:DescribeVpcs',
      onHit: async ({ action }) => {
        await new Promise((resolve) => setTimeout(resolve, 30));
        seen.push(action);
      },
    });
    await errorName(clients.ec2.send(new DescribeVpcsCommand({})));
    expect(seen).toEqual(['DescribeVpcs']);
  });

  test('hide new resources: NotFound when named, an empty list otherwise', async () => {
    const { GroupId } = await group('fresh');
    const byId = new DescribeSecurityGroupsCommand({ GroupIds: [GroupId!] });
    sandbox.faults.inject({ kind: 'not-found', times: 2 });
    expect(await errorName(clients.ec2.send(byId))).toBe('InvalidGroup.NotFound');
    expect(await exists('fresh')).toBe(false);
    expect(await exists('fresh')).toBe(true);
    await clients.iam.send(
      new CreateRoleCommand({
        RoleName: 'fresh',
        AssumeRolePolicyDocument: JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
          ],
        }),
      }),
    );
    sandbox.faults.inject({ kind: 'not-found', action: 'iam:GetRole' });
    expect(await errorName(clients.iam.send(new GetRoleCommand({ RoleName: 'fresh' })))).toBe(
      'NoSuchEntityException',
    );
  });

  test('the EC2 lag hides only resources that are newer than the lag', async () => {
    sandbox.faults.setEc2LagMs(150);
    await group('lagging');
    expect(await exists('lagging')).toBe(false);
    expect(await exists('orders-db')).toBe(true);
    await until(() => exists('lagging'));
  });
});

describe('the call log', () => {
  test('has the caller and the action of each call, and the statement that allowed it', async () => {
    const env = sandbox.createPrincipal({
      userName: 'logged',
      policies: [
        {
          Version: '2012-10-17',
          Statement: [{ Sid: 'Look', Effect: 'Allow', Action: 'ec2:Describe*', Resource: '*' }],
        },
      ],
    });
    await sandboxClients(env).ec2.send(new DescribeVpcsCommand({}));
    expect(sandbox.calls.at(-1)).toMatchObject({
      service: 'ec2',
      action: 'DescribeVpcs',
      region: 'eu-west-1',
      principal: 'arn:aws:iam::111122223333:user/logged',
      outcome: 'ok',
      checks: [{ action: 'ec2:DescribeVpcs', resource: '*', allowed: true, by: 'user/logged/0#Look' }],
    });
  });

  test('can be read without a signature, and so can the state', async () => {
    const state = await fetch(`${sandbox.endpoint}/_sandbox/state`);
    expect(await state.text()).toBe(sandbox.snapshot());
    const calls = await fetch(`${sandbox.endpoint}/_sandbox/calls`);
    expect(await calls.json()).toHaveLength(sandbox.calls.length);
    expect((await fetch(`${sandbox.endpoint}/_sandbox/other`)).status).toBe(404);
    expect(await statusFor(sandbox.endpoint, 'attacker.example')).toBe(403);
    expect(await statusFor(sandbox.endpoint, 'localhost:1')).toBe(200);
  });
});

describe('fault specs', () => {
  test('are divided into faults of the API and faults of the gateway', () => {
    const specs = parseFaultSpecs([
      'throttle=ec2:CreateFleet@2',
      'drop-after',
      'boot=download-fails',
      'capacity=t4g.micro/eu-west-1a',
      'capacity=*:UnfulfillableCapacity',
      'price=t3.micro/eu-west-1b:0.0007',
      'interrupt=t4g.micro:0.5',
      'quota=spot:0',
      'quota=on-demand:4',
      'no-spot-role',
      'ec2-lag=500',
      'drop=0.1',
    ]);
    expect(specs).toEqual({
      api: [{ kind: 'throttle', action: 'ec2:CreateFleet', at: 2 }, { kind: 'drop-after' }],
      boot: ['download-fails'],
      capacity: [
        { pool: { instanceType: 't4g.micro', where: 'eu-west-1a' }, code: 'InsufficientInstanceCapacity' },
        { pool: {}, code: 'UnfulfillableCapacity' },
      ],
      prices: [{ pool: { instanceType: 't3.micro', where: 'eu-west-1b' }, price: 0.0007 }],
      interruptions: [{ pool: { instanceType: 't4g.micro' }, afterMs: 500 }],
      quota: { spotVcpus: 0, onDemandVcpus: 4 },
      noSpotRole: true,
      consistencyMs: 500,
      gateway: ['drop=0.1'],
    });
  });

  test.each([
    'nonsense',
    'throttle=CreateFleet',
    'boot=slowly',
    'ec2-lag=soon',
    'capacity=a b',
    'price=t3.micro',
    'interrupt=t3.micro:soon',
    'quota=spot',
    'drop=2',
  ])('%s is refused before anything starts', async (spec) => {
    await expect(startSandbox({ faults: [spec] })).rejects.toMatchObject({
      code: 'bad-fault',
      role: 'usage',
    });
    await expect(startSandbox({ faults: [spec] })).rejects.toBeInstanceOf(ToolError);
  });
});

/** Returns the HTTP status of the state page when it is requested with another host name than the sandbox's. */
const statusFor = (endpoint: string, host: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    get(`${endpoint}/_sandbox/state`, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
