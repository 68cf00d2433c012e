import {
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateFleetCommand,
  CreateLaunchTemplateCommand,
  CreateSecurityGroupCommand,
  DeleteFleetsCommand,
  DeleteLaunchTemplateCommand,
  DeleteSecurityGroupCommand,
  DescribeInstancesCommand,
  type FleetLaunchTemplateOverridesRequest,
  type Instance,
  RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  DeleteInstanceProfileCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  PutRolePolicyCommand,
  RemoveRoleFromInstanceProfileCommand,
} from '@aws-sdk/client-iam';
import { eventually } from './eventually.ts';
import type { sandboxClients } from './sandbox-clients.ts';

/**
 * The calls that create a bastion, as the operator policies of the reference expect them; with the SDK alone, without
 * the tool.
 */

type Clients = ReturnType<typeof sandboxClients>;

export const VPC = 'vpc-0a1b2c3d4e5f60001';
export const SUBNET_A = 'subnet-0a10000000000001a';
export const SUBNET_B = 'subnet-0a10000000000002b';
export const ARM_IMAGE = 'ami-00000000a12023a64';
export const X86_IMAGE = 'ami-00000000a12023b86';
export const DATABASE_GROUP = 'sg-0a0000000000db001';
const PATH = '/fargate-connect/';
const tags = [{ Key: 'fargate-connect:stack', Value: 'demo' }];

export const AGENT_POLICY = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: ['ssm:UpdateInstanceInformation', 'ssmmessages:*'], Resource: '*' }],
};
const TRUST = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
};

export async function createRole(
  { iam }: Clients,
  name: string,
  options: { readonly boundaryArn?: string; readonly policy?: unknown } = {},
): Promise<string> {
  await iam.send(
    new CreateRoleCommand({
      RoleName: name,
      Path: PATH,
      AssumeRolePolicyDocument: JSON.stringify(TRUST),
      Tags: tags,
      ...(options.boundaryArn === undefined ? {} : { PermissionsBoundary: options.boundaryArn }),
    }),
  );
  await iam.send(
    new PutRolePolicyCommand({
      RoleName: name,
      PolicyName: 'agent',
      PolicyDocument: JSON.stringify(options.policy ?? AGENT_POLICY),
    }),
  );
  const { InstanceProfile } = await iam.send(
    new CreateInstanceProfileCommand({ InstanceProfileName: name, Path: PATH, Tags: tags }),
  );
  await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: name }));
  return InstanceProfile!.Arn!;
}

export async function deleteRole({ iam }: Clients, name: string): Promise<void> {
  await iam.send(new RemoveRoleFromInstanceProfileCommand({ InstanceProfileName: name, RoleName: name }));
  await iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName: name }));
  await iam.send(new DeleteRolePolicyCommand({ RoleName: name, PolicyName: 'agent' }));
  await iam.send(new DeleteRoleCommand({ RoleName: name }));
}

/** A group without ingress, and with egress to port 443 only. */
export async function createGroup({ ec2 }: Clients, name: string): Promise<string> {
  const { GroupId } = await ec2.send(
    new CreateSecurityGroupCommand({
      GroupName: name,
      Description: 'bastion',
      VpcId: VPC,
      TagSpecifications: [{ ResourceType: 'security-group', Tags: tags }],
    }),
  );
  await ec2.send(
    new RevokeSecurityGroupEgressCommand({
      GroupId,
      IpPermissions: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
    }),
  );
  await ec2.send(
    new AuthorizeSecurityGroupEgressCommand({
      GroupId,
      IpPermissions: [{ IpProtocol: 'tcp', FromPort: 443, ToPort: 443, IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
      TagSpecifications: [{ ResourceType: 'security-group-rule', Tags: tags }],
    }),
  );
  return GroupId!;
}

/** Returns the id of the rule. */
export async function admitToDatabase({ ec2 }: Clients, groupId: string): Promise<string> {
  const answer = await ec2.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId: DATABASE_GROUP,
      IpPermissions: [
        { IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432, UserIdGroupPairs: [{ GroupId: groupId }] },
      ],
      TagSpecifications: [{ ResourceType: 'security-group-rule', Tags: tags }],
    }),
  );
  return answer.SecurityGroupRules![0]!.SecurityGroupRuleId!;
}

export async function createTemplate(
  { ec2 }: Clients,
  options: {
    readonly name: string;
    readonly groupId: string;
    readonly profileArn: string;
    readonly userData?: string;
    readonly publicIp?: boolean;
  },
): Promise<string> {
  const { LaunchTemplate } = await ec2.send(
    new CreateLaunchTemplateCommand({
      LaunchTemplateName: options.name,
      TagSpecifications: [{ ResourceType: 'launch-template', Tags: tags }],
      LaunchTemplateData: {
        IamInstanceProfile: { Arn: options.profileArn },
        BlockDeviceMappings: [
          {
            DeviceName: '/dev/xvda',
            Ebs: { VolumeSize: 8, VolumeType: 'gp3', Encrypted: true, DeleteOnTermination: true },
          },
        ],
        NetworkInterfaces: [
          { DeviceIndex: 0, AssociatePublicIpAddress: options.publicIp ?? false, Groups: [options.groupId] },
        ],
        MetadataOptions: {
          HttpTokens: 'required',
          HttpPutResponseHopLimit: 1,
          InstanceMetadataTags: 'enabled',
        },
        InstanceInitiatedShutdownBehavior: 'terminate',
        UserData: Buffer.from(options.userData ?? '#!/bin/bash\ntrue\n').toString('base64'),
        TagSpecifications: [
          { ResourceType: 'network-interface', Tags: tags },
          { ResourceType: 'spot-instances-request', Tags: tags },
        ],
      },
    }),
  );
  return LaunchTemplate!.LaunchTemplateId!;
}

export const POOLS: readonly FleetLaunchTemplateOverridesRequest[] = [
  { InstanceType: 't4g.micro', SubnetId: SUBNET_A, ImageId: ARM_IMAGE },
  { InstanceType: 't4g.small', SubnetId: SUBNET_B, ImageId: ARM_IMAGE },
  { InstanceType: 't3.micro', SubnetId: SUBNET_A, ImageId: X86_IMAGE },
];

export function fleetCommand(
  templateId: string,
  options: {
    readonly pools?: readonly FleetLaunchTemplateOverridesRequest[];
    readonly market?: 'spot' | 'on-demand';
    readonly clientToken?: string;
  } = {},
): CreateFleetCommand {
  const market = options.market ?? 'spot';
  return new CreateFleetCommand({
    Type: 'instant',
    ...(options.clientToken === undefined ? {} : { ClientToken: options.clientToken }),
    LaunchTemplateConfigs: [
      {
        LaunchTemplateSpecification: { LaunchTemplateId: templateId, Version: '$Default' },
        Overrides: [...(options.pools ?? POOLS)],
      },
    ],
    TargetCapacitySpecification: { TotalTargetCapacity: 1, DefaultTargetCapacityType: market },
    SpotOptions: { AllocationStrategy: 'price-capacity-optimized' },
    TagSpecifications: (['fleet', 'instance', 'volume'] as const).map((type) => ({
      ResourceType: type,
      Tags: tags,
    })),
  });
}

export async function describeInstance({ ec2 }: Clients, id: string): Promise<Instance> {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations![0]!.Instances![0]!;
}

export async function untilState(clients: Clients, id: string, state: string): Promise<Instance> {
  return eventually(async () => {
    const instance = await describeInstance(clients, id);
    return instance.State?.Name === state ? instance : undefined;
  });
}

/** Attaches the role to the instance; retries until the profile has propagated. */
export async function bringUp(
  clients: Clients,
  name: string,
  options: { readonly boundaryArn?: string } = {},
) {
  const profileArn = await createRole(clients, name, options);
  const groupId = await createGroup(clients, name);
  const ruleId = await admitToDatabase(clients, groupId);
  const templateId = await createTemplate(clients, { name, groupId, profileArn });
  const fleet = await eventually(async () => {
    const answer = await clients.ec2.send(fleetCommand(templateId));
    if ((answer.Instances ?? []).length > 0) return answer;
    await clients.ec2.send(
      new DeleteFleetsCommand({ FleetIds: [answer.FleetId!], TerminateInstances: true }),
    );
    return undefined;
  });
  const instanceId = fleet.Instances![0]!.InstanceIds![0]!;
  return { name, groupId, ruleId, templateId, fleetId: fleet.FleetId!, instanceId };
}

export async function tearDown(clients: Clients, up: Awaited<ReturnType<typeof bringUp>>): Promise<void> {
  const { ec2 } = clients;
  await ec2.send(
    new RevokeSecurityGroupIngressCommand({ GroupId: DATABASE_GROUP, SecurityGroupRuleIds: [up.ruleId] }),
  );
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [up.instanceId] }));
  await untilState(clients, up.instanceId, 'terminated');
  await ec2.send(new DeleteFleetsCommand({ FleetIds: [up.fleetId], TerminateInstances: true }));
  await ec2.send(new DeleteLaunchTemplateCommand({ LaunchTemplateId: up.templateId }));
  await ec2.send(new DeleteSecurityGroupCommand({ GroupId: up.groupId }));
  await deleteRole(clients, up.name);
}
