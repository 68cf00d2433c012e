import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { GROUP, SUBNET } from '../../src/sandbox/world/seed-network.ts';
import { bringUp, untilState } from '../support/bastion-launch.ts';
import { cli } from '../support/cli-in-process.ts';
import { sandboxClients } from '../support/sandbox-clients.ts';
import { reportSkip } from '../support/on-path.ts';

/** The official AWS CLI, unmodified, sees the same resources as the SDK. */

const installed = await execa('aws', ['--version'], { reject: false });
const skipped = installed.failed;
if (skipped) reportSkip('the official AWS CLI', 'aws is not on PATH');

let sandbox: Sandbox;
let up: Awaited<ReturnType<typeof bringUp>>;
beforeAll(async () => {
  sandbox = await startSandbox({});
  const clients = sandboxClients(sandbox.env);
  up = await bringUp(clients, 'cli');
  await untilState(clients, up.instanceId, 'running');
});
afterAll(() => sandbox.close());

async function aws(...args: readonly string[]): Promise<unknown> {
  const { stdout } = await execa('aws', [...args, '--output', 'json'], {
    env: {
      ...sandbox.env,
      AWS_PAGER: '',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    },
  });
  return JSON.parse(stdout) as unknown;
}

describe.skipIf(skipped)('the official AWS CLI', () => {
  test('describes the instance', async () => {
    const query =
      'Reservations[].Instances[].[InstanceId,State.Name,InstanceLifecycle,SecurityGroups[0].GroupName]';
    const filter = 'Name=tag:fargate-connect:stack,Values=demo';
    expect(await aws('ec2', 'describe-instances', '--filters', filter, '--query', query)).toEqual([
      [up.instanceId, 'running', 'spot', 'cli'],
    ]);
  });

  test('describes template versions, groups and their rules', async () => {
    const versions = await aws(
      'ec2',
      'describe-launch-template-versions',
      '--launch-template-id',
      up.templateId,
    );
    expect(versions).toMatchObject({
      LaunchTemplateVersions: [
        {
          VersionNumber: 1,
          LaunchTemplateData: { MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 } },
        },
      ],
    });
    const rules = await aws(
      'ec2',
      'describe-security-group-rules',
      '--filters',
      `Name=group-id,Values=${up.groupId}`,
    );
    expect(rules).toMatchObject({
      SecurityGroupRules: [{ IsEgress: true, FromPort: 443, CidrIpv4: '0.0.0.0/0' }],
    });
  });

  test('reads role policies as documents', async () => {
    const policy = await aws('iam', 'get-role-policy', '--role-name', 'cli', '--policy-name', 'agent');
    expect(policy).toMatchObject({ PolicyDocument: { Statement: [{ Effect: 'Allow', Resource: '*' }] } });
  });

  test('reads all pages by itself', async () => {
    const paged = await aws('ec2', 'describe-subnets', '--page-size', '5', '--query', 'length(Subnets)');
    expect(paged).toBe(await aws('ec2', 'describe-subnets', '--query', 'length(Subnets)'));
  });

  test('describes databases and the identity of the caller', async () => {
    const query = 'DBInstances[].DBInstanceIdentifier';
    expect(await aws('rds', 'describe-db-instances', '--query', query)).toEqual([
      'orders-db',
      'billing-db',
      'catalog-db-writer',
      'catalog-db-reader-1',
    ]);
    expect(await aws('sts', 'get-caller-identity')).toMatchObject({ Account: '111122223333' });
  });

  test('builds a service and runs a task, in which a command then runs', async () => {
    const network = `awsvpcConfiguration={subnets=[${SUBNET.mainPrivateA}],securityGroups=[${GROUP.internalTools}]}`;
    const started = ['--cluster', 'mine', '--task-definition', 'jobs', '--enable-execute-command'];
    const placed = [...started, '--launch-type', 'FARGATE', '--network-configuration', network];
    await aws('ecs', 'create-cluster', '--cluster-name', 'mine');
    await aws(
      'ecs',
      'register-task-definition',
      '--family',
      'jobs',
      '--network-mode',
      'awsvpc',
      '--requires-compatibilities',
      'FARGATE',
      '--cpu',
      '256',
      '--memory',
      '512',
      '--task-role-arn',
      'arn:aws:iam::111122223333:role/demo-exec-task',
      '--container-definitions',
      '[{"name":"main","image":"alpine:3.20"}]',
    );
    await aws('ecs', 'create-service', '--service-name', 'worker', '--desired-count', '1', ...placed);
    const task = await aws('ecs', 'run-task', ...placed, '--query', 'tasks[0].taskArn');
    const exec = async (...target: readonly string[]) =>
      cli(['exec', '--cluster', 'mine', ...target, '--', 'sh', '-c', 'echo here; exit 7'], {
        env: sandbox.env,
        clock: systemClock,
      });
    expect(await exec('--task', String(task))).toMatchObject({ status: 7, stdout: 'here\n' });
    expect(await exec('worker')).toMatchObject({ status: 7, stdout: 'here\n' });
    const stop = ['--cluster', 'mine', '--task', String(task), '--reason', 'done'];
    expect(await aws('ecs', 'stop-task', ...stop, '--query', 'task.desiredStatus')).toBe('STOPPED');
    expect(await exec('--task', String(task))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('is stopped and will not come back: done') as string,
    });
  });

  test('reads attributes of an instance and of a VPC, and the user without a name', async () => {
    const instance = ['--instance-id', up.instanceId, '--attribute', 'instanceInitiatedShutdownBehavior'];
    expect(await aws('ec2', 'describe-instance-attribute', ...instance)).toMatchObject({
      InstanceInitiatedShutdownBehavior: { Value: 'terminate' },
    });
    const vpc = await aws(
      'ec2',
      'describe-subnets',
      '--subnet-ids',
      SUBNET.mainPrivateA,
      '--query',
      'Subnets[0].VpcId',
    );
    const attribute = ['--vpc-id', String(vpc), '--attribute', 'enableDnsHostnames'];
    expect(await aws('ec2', 'describe-vpc-attribute', ...attribute)).toMatchObject({
      EnableDnsHostnames: { Value: true },
    });
    expect(await aws('iam', 'get-user')).toMatchObject({ User: { UserName: 'developer' } });
  });

  test('prints errors with the messages of AWS', async () => {
    await expect(
      aws('ec2', 'describe-instances', '--instance-ids', 'i-0000000000000000f'),
    ).rejects.toMatchObject({
      stderr: expect.stringContaining('(InvalidInstanceID.NotFound)') as string,
    });
  });
});
