import {
  CreateLaunchTemplateCommand,
  DeleteFleetsCommand,
  DeleteSecurityGroupCommand,
  DescribeFleetsCommand,
  DescribeInstanceAttributeCommand,
  DescribeLaunchTemplateVersionsCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSpotInstanceRequestsCommand,
  DescribeTagsCommand,
  DescribeVolumesCommand,
  GetConsoleOutputCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { DescribeInstanceInformationCommand, SSMClient, StartSessionCommand } from '@aws-sdk/client-ssm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../../../src/sandbox/sandbox.ts';
import {
  ARM_IMAGE,
  bringUp,
  createGroup,
  createRole,
  createTemplate,
  describeInstance,
  fleetCommand,
  POOLS,
  SUBNET_A,
  tearDown,
  untilState,
  X86_IMAGE,
} from '../../../support/bastion-launch.ts';
import { eventually, until } from '../../../support/eventually.ts';
import { errorName, sandboxClients } from '../../../support/sandbox-clients.ts';

let sandbox: Sandbox;
let clients: ReturnType<typeof sandboxClients>;
beforeEach(async () => {
  sandbox = await startSandbox({ randomSeed: 7, timing: { profilePropagationMs: 0 } });
  clients = sandboxClients(sandbox.env);
});
afterEach(() => sandbox.close());

async function template(name: string, userData?: string): Promise<string> {
  const profileArn = await createRole(clients, name);
  const groupId = await createGroup(clients, name);
  return createTemplate(clients, {
    name,
    groupId,
    profileArn,
    ...(userData === undefined ? {} : { userData }),
  });
}

const isOnline = async (id: string): Promise<boolean> => {
  const ssm = new SSMClient(clients.config);
  const answer = await ssm.send(
    new DescribeInstanceInformationCommand({ Filters: [{ Key: 'InstanceIds', Values: [id] }] }),
  );
  return answer.InstanceInformationList?.[0]?.PingStatus === 'Online';
};

const untilSaid = (InstanceId: string, text: string): Promise<void> =>
  until(async () => {
    const { Output } = await clients.ec2.send(new GetConsoleOutputCommand({ InstanceId }));
    return Buffer.from(Output ?? '', 'base64')
      .toString()
      .includes(text);
  });

describe('an instant fleet', () => {
  test('launches, boots its user data, comes online, and leaves the account as it was', async () => {
    const before = sandbox.snapshot();
    const up = await bringUp(clients, 'tour');
    const instance = await untilState(clients, up.instanceId, 'running');
    expect(instance).toMatchObject({
      InstanceType: 't4g.micro',
      Architecture: 'arm64',
      InstanceLifecycle: 'spot',
      PublicDnsName: '',
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
    });
    expect(instance.PublicIpAddress).toBeUndefined();
    expect(instance.Tags).toContainEqual({ Key: 'aws:ec2:fleet-id', Value: up.fleetId });
    await until(() => isOnline(up.instanceId));
    await tearDown(clients, up);
    expect(await isOnline(up.instanceId)).toBe(false);
    expect(sandbox.snapshot()).toBe(before);
    expect((await describeInstance(clients, up.instanceId)).StateReason?.Code).toBe(
      'Client.UserInitiatedShutdown',
    );
  });

  test('tags the resources that it creates, each from its own tag specification', async () => {
    const up = await bringUp(clients, 'tagged');
    const { NetworkInterfaceId } = (await describeInstance(clients, up.instanceId)).NetworkInterfaces![0]!;
    const { Tags } = await clients.ec2.send(
      new DescribeTagsCommand({ Filters: [{ Name: 'key', Values: ['fargate-connect:stack'] }] }),
    );
    const types = Tags!.map((tag) => tag.ResourceType!).sort();
    expect(types).toEqual([
      'fleet',
      'instance',
      'launch-template',
      'network-interface',
      'security-group',
      'security-group-rule',
      'security-group-rule',
      'spot-instances-request',
      'volume',
    ]);
    const own = [{ Name: 'attachment.instance-id', Values: [up.instanceId] }];
    const { Volumes } = await clients.ec2.send(new DescribeVolumesCommand({ Filters: own }));
    expect(Volumes![0]).toMatchObject({ Encrypted: true, Size: 8, VolumeType: 'gp3', State: 'in-use' });
    const { NetworkInterfaces } = await clients.ec2.send(
      new DescribeNetworkInterfacesCommand({ Filters: own }),
    );
    expect(NetworkInterfaces![0]).toMatchObject({ NetworkInterfaceId, Groups: [{ GroupId: up.groupId }] });
    await clients.ec2.send(new TerminateInstancesCommand({ InstanceIds: [up.instanceId] }));
    await untilState(clients, up.instanceId, 'terminated');
    const { Volumes: gone } = await clients.ec2.send(new DescribeVolumesCommand({ Filters: own }));
    expect(gone).toEqual([]);
  });

  test('returns HTTP 200 with errors only when every pool refuses, and names each pool', async () => {
    const id = await template('capacity');
    sandbox.faults.market.refuse({}, 'InsufficientInstanceCapacity');
    const answer = await clients.ec2.send(fleetCommand(id));
    expect(answer.Instances).toEqual([]);
    expect(
      answer.Errors!.map((error) => [
        error.ErrorCode,
        error.LaunchTemplateAndOverrides?.Overrides?.InstanceType,
      ]),
    ).toEqual([
      ['InsufficientInstanceCapacity', 't4g.micro'],
      ['InsufficientInstanceCapacity', 't3.micro'],
      ['InsufficientInstanceCapacity', 't4g.small'],
    ]);
  });

  test('tries the next pool by price, and reports the error of the first', async () => {
    const id = await template('next');
    sandbox.faults.market.refuse(
      { instanceType: 't4g.micro', where: 'eu-west-1a' },
      'InsufficientInstanceCapacity',
    );
    sandbox.faults.market.setPrice({ instanceType: 't4g.small' }, 0.001);
    const cheapest = await clients.ec2.send(fleetCommand(id));
    expect(cheapest.Instances![0]!.InstanceType).toBe('t4g.small');
    expect(cheapest.Errors).toEqual([]);
    sandbox.faults.market.setPrice({ instanceType: 't4g.small' }, 1);
    const next = await clients.ec2.send(fleetCommand(id));
    expect(next.Instances![0]!.InstanceType).toBe('t3.micro');
    expect(next.Errors!.map((error) => error.ErrorCode)).toEqual(['InsufficientInstanceCapacity']);
  });

  test('respects the quotas of its market', async () => {
    const id = await template('quota');
    sandbox.faults.market.setQuota({ spotVcpus: 0, onDemandVcpus: 2 });
    const spot = await clients.ec2.send(fleetCommand(id));
    expect(spot.Errors![0]!.ErrorCode).toBe('MaxSpotInstanceCountExceeded');
    const onDemand = await clients.ec2.send(fleetCommand(id, { market: 'on-demand' }));
    expect(onDemand.Instances).toHaveLength(1);
    const second = await clients.ec2.send(fleetCommand(id, { market: 'on-demand' }));
    expect(second.Errors![0]!.ErrorCode).toBe('VcpuLimitExceeded');
  });

  test('rejects an image of another architecture, in that pool only', async () => {
    const id = await template('architecture');
    const pools = [
      { InstanceType: 't4g.micro' as const, SubnetId: SUBNET_A, ImageId: X86_IMAGE },
      { InstanceType: 't3.micro' as const, SubnetId: SUBNET_A, ImageId: X86_IMAGE },
    ];
    sandbox.faults.market.refuse({ instanceType: 't3.micro' }, 'InsufficientInstanceCapacity');
    const answer = await clients.ec2.send(fleetCommand(id, { pools }));
    expect(answer.Errors!.map((error) => error.ErrorCode!).sort()).toEqual([
      'InsufficientInstanceCapacity',
      'InvalidParameterValue',
    ]);
  });

  test('returns the same response for the same client token, and rejects other parameters with it', async () => {
    const id = await template('token');
    const first = await clients.ec2.send(fleetCommand(id, { clientToken: 'once' }));
    const again = await clients.ec2.send(fleetCommand(id, { clientToken: 'once' }));
    expect(again.Instances).toEqual(first.Instances);
    expect(again.FleetId).toBe(first.FleetId);
    const other = fleetCommand(id, { clientToken: 'once', pools: POOLS.slice(1) });
    expect(await errorName(clients.ec2.send(other))).toBe('IdempotentParameterMismatch');
  });

  test('is described only by id, and terminates its instances when it is deleted', async () => {
    const id = await template('delete');
    const { FleetId, Instances } = await clients.ec2.send(fleetCommand(id));
    const unasked = await clients.ec2.send(new DescribeFleetsCommand({}));
    expect(unasked.Fleets).toEqual([]);
    const asked = await clients.ec2.send(new DescribeFleetsCommand({ FleetIds: [FleetId!] }));
    expect(asked.Fleets![0]).toMatchObject({ FleetState: 'active', Type: 'instant' });
    const keep = new DeleteFleetsCommand({ FleetIds: [FleetId!], TerminateInstances: false });
    expect(await errorName(clients.ec2.send(keep))).toBe('InvalidParameterValue');
    await clients.ec2.send(new DeleteFleetsCommand({ FleetIds: [FleetId!], TerminateInstances: true }));
    await untilState(clients, Instances![0]!.InstanceIds![0]!, 'terminated');
    const after = await clients.ec2.send(new DescribeFleetsCommand({ FleetIds: [FleetId!] }));
    expect(after.Fleets![0]!.FleetState).toBe('deleted');
    const again = await clients.ec2.send(
      new DeleteFleetsCommand({ FleetIds: [FleetId!, 'fleet-none'], TerminateInstances: true }),
    );
    expect(again.UnsuccessfulFleetDeletions!.map((item) => item.Error?.Code)).toEqual([
      'fleetNotInDeletableState',
      'fleetIdDoesNotExist',
    ]);
  });

  test('needs the service-linked role of Spot, and creates it if the caller is allowed to', async () => {
    const id = await template('linked');
    sandbox.faults.removeSpotServiceLinkedRole();
    const denied = sandbox.createPrincipal({
      userName: 'no-linked-role',
      policies: [
        {
          Version: '2012-10-17',
          Statement: [
            { Effect: 'Allow', Action: '*', Resource: '*' },
            { Effect: 'Deny', Action: 'iam:CreateServiceLinkedRole', Resource: '*' },
          ],
        },
      ],
    });
    const refused = await sandboxClients(denied).ec2.send(fleetCommand(id));
    expect(refused.Errors![0]!.ErrorCode).toBe('AuthFailure.ServiceLinkedRoleCreationNotPermitted');
    const made = await clients.ec2.send(fleetCommand(id));
    expect(made.Instances).toHaveLength(1);
  });
});

describe('a profile that EC2 does not know yet', () => {
  test('fails the launch until profile and role have propagated', async () => {
    const slow = await startSandbox({ timing: { profilePropagationMs: 300 } });
    try {
      clients = sandboxClients(slow.env);
      const id = await template('slow');
      const early = await clients.ec2.send(fleetCommand(id));
      expect(early.Instances).toEqual([]);
      expect(early.Errors![0]!.ErrorMessage).toContain('iamInstanceProfile.arn is invalid');
      const late = await eventually(async () => {
        const answer = await clients.ec2.send(fleetCommand(id));
        return answer.Instances!.length > 0 ? answer : undefined;
      });
      expect(late.Instances).toHaveLength(1);
    } finally {
      await slow.close();
    }
  });
});

describe('the agent', () => {
  test.each([
    [
      'its role may not register it',
      {
        policy: {
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Action: 'ssmmessages:*', Resource: '*' }],
        },
      },
      SUBNET_A,
    ],
    ['the subnet has no route to AWS', {}, 'subnet-0a30000000000001a'],
    ['the public subnet assigns no public address', {}, 'subnet-0a20000000000001a'],
  ])('does not register if %s', async (_why, role, subnet) => {
    const profileArn = await createRole(clients, 'away', role);
    const groupId = await createGroup(clients, 'away');
    const id = await createTemplate(clients, {
      name: 'away',
      groupId,
      profileArn,
      userData: '#!/bin/bash\necho booted > "$FC_ROOT/dev/console"\n',
    });
    const pools = [{ InstanceType: 't4g.micro' as const, SubnetId: subnet, ImageId: ARM_IMAGE }];
    const { Instances } = await clients.ec2.send(fleetCommand(id, { pools }));
    const instanceId = Instances![0]!.InstanceIds![0]!;
    await untilSaid(instanceId, 'booted');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await isOnline(instanceId)).toBe(false);
  });

  test('is online without a control channel, but cannot be reached by a session', async () => {
    const Statement = [{ Effect: 'Allow', Action: 'ssm:UpdateInstanceInformation', Resource: '*' }];
    const profileArn = await createRole(clients, 'deaf', { policy: { Version: '2012-10-17', Statement } });
    const groupId = await createGroup(clients, 'deaf');
    const id = await createTemplate(clients, { name: 'deaf', groupId, profileArn });
    const { Instances } = await clients.ec2.send(fleetCommand(id));
    const Target = Instances![0]!.InstanceIds![0]!;
    await until(() => isOnline(Target));
    const session = new SSMClient(clients.config).send(new StartSessionCommand({ Target }));
    expect(await errorName(session)).toBe('TargetNotConnected');
  });

  test('does not register if the user data failed', async () => {
    const id = await template('failed', '#!/bin/bash\necho giving up > "$FC_ROOT/dev/console"\nexit 3\n');
    const { Instances } = await clients.ec2.send(fleetCommand(id));
    const instanceId = Instances![0]!.InstanceIds![0]!;
    await untilSaid(instanceId, 'giving up');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await isOnline(instanceId)).toBe(false);
  });
});

describe('the end of an instance', () => {
  test('after a spot interruption notice, EC2 terminates the instance with that reason', async () => {
    const up = await bringUp(clients, 'reclaimed');
    await untilState(clients, up.instanceId, 'running');
    expect(sandbox.faults.interruptSpotInstance('i-0000000000000000f')).toBe(false);
    expect(sandbox.faults.interruptSpotInstance(up.instanceId)).toBe(true);
    const request = async () => {
      const { SpotInstanceRequests } = await clients.ec2.send(
        new DescribeSpotInstanceRequestsCommand({
          Filters: [{ Name: 'instance-id', Values: [up.instanceId] }],
        }),
      );
      return SpotInstanceRequests![0]!;
    };
    expect((await request()).Status?.Code).toBe('marked-for-termination');
    const ended = await untilState(clients, up.instanceId, 'terminated');
    expect(ended.StateReason?.Code).toBe('Server.SpotInstanceTermination');
    expect(await request()).toMatchObject({
      State: 'closed',
      Status: { Code: 'instance-terminated-no-capacity' },
    });
  });

  test('a shutdown from inside terminates the instance', async () => {
    const id = await template('inside', '#!/bin/bash\nshutdown -h now\n');
    const { Instances } = await clients.ec2.send(fleetCommand(id));
    const ended = await untilState(clients, Instances![0]!.InstanceIds![0]!, 'terminated');
    expect(ended.StateReason?.Code).toBe('Client.InstanceInitiatedShutdown');
  });

  test('its security group cannot be deleted earlier, nor while another group refers to it', async () => {
    const up = await bringUp(clients, 'dependent');
    const remove = () => errorName(clients.ec2.send(new DeleteSecurityGroupCommand({ GroupId: up.groupId })));
    expect(await remove()).toBe('DependencyViolation');
    await clients.ec2.send(new TerminateInstancesCommand({ InstanceIds: [up.instanceId] }));
    await untilState(clients, up.instanceId, 'terminated');
    expect(await remove()).toBe('DependencyViolation');
  });
});

describe('user data', () => {
  test('of 16 KiB is accepted; one byte more is rejected, and so is text that is not base64', async () => {
    const data = (UserData: string, name: string) =>
      clients.ec2.send(
        new CreateLaunchTemplateCommand({ LaunchTemplateName: name, LaunchTemplateData: { UserData } }),
      );
    const full = Buffer.alloc(16_384, 'x').toString('base64');
    expect(await errorName(data(full, 'full'))).toBe('resolved');
    expect(await errorName(data(Buffer.alloc(16_385, 'x').toString('base64'), 'over'))).toBe(
      'InvalidUserData.Malformed',
    );
    expect(await errorName(data('#!/bin/bash', 'plain'))).toBe('InvalidUserData.Malformed');
  });

  test('is returned as it was sent, like the rest of a launch template', async () => {
    const id = await template('echo', '#!/bin/bash\necho hi\n');
    const { LaunchTemplateVersions } = await clients.ec2.send(
      new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId: id }),
    );
    const data = LaunchTemplateVersions![0]!.LaunchTemplateData!;
    expect(Buffer.from(data.UserData!, 'base64').toString()).toBe('#!/bin/bash\necho hi\n');
    expect(data.NetworkInterfaces![0]!.Groups).toHaveLength(1);
    expect(data.BlockDeviceMappings![0]!.Ebs).toMatchObject({ Encrypted: true, VolumeSize: 8 });
    expect(data.TagSpecifications!.map((item) => item.ResourceType)).toEqual([
      'network-interface',
      'spot-instances-request',
    ]);
  });
});

describe('RunInstances', () => {
  test('launches one instance with the defaults of the default VPC', async () => {
    const { Instances } = await clients.ec2.send(
      new RunInstancesCommand({
        ImageId: ARM_IMAGE,
        InstanceType: 't4g.micro',
        SubnetId: SUBNET_A,
        MinCount: 1,
        MaxCount: 1,
        UserData: Buffer.from('#!/bin/bash\n').toString('base64'),
        TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'a', Value: 'b' }] }],
      }),
    );
    const InstanceId = Instances![0]!.InstanceId!;
    expect(Instances![0]).toMatchObject({ State: { Name: 'pending' }, Tags: [{ Key: 'a', Value: 'b' }] });
    const { UserData } = await clients.ec2.send(
      new DescribeInstanceAttributeCommand({ InstanceId, Attribute: 'userData' }),
    );
    expect(Buffer.from(UserData!.Value!, 'base64').toString()).toBe('#!/bin/bash\n');
    await untilState(clients, InstanceId, 'running');
  });

  test.each([
    ['an unknown subnet', { SubnetId: 'subnet-00000000000000000' }, 'InvalidSubnetID.NotFound'],
    ['an unknown image', { ImageId: 'ami-00000000000000000' }, 'InvalidAMIID.NotFound'],
    ['an unknown group', { SecurityGroupIds: ['sg-00000000000000000'] }, 'InvalidGroup.NotFound'],
    ['a group of another VPC', { SecurityGroupIds: ['sg-0d00000000000de00'] }, 'InvalidParameter'],
    ['another architecture', { ImageId: X86_IMAGE }, 'InvalidParameterValue'],
    ['an unknown profile', { IamInstanceProfile: { Name: 'nobody' } }, 'InvalidParameterValue'],
  ])('%s is refused', async (_what, change, code) => {
    const command = new RunInstancesCommand({
      ImageId: ARM_IMAGE,
      InstanceType: 't4g.micro',
      SubnetId: SUBNET_A,
      MinCount: 1,
      MaxCount: 1,
      ...change,
    });
    expect(await errorName(clients.ec2.send(command))).toBe(code);
  });
});
