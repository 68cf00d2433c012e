import {
  type ExportedBastion,
  type ExportedDocuments,
  exportedBoundary,
  exportedRole,
  type Json,
  launchCommand,
  mapped,
  NO_FLEET,
  parsed,
  type Reference,
} from './exported-bastion.ts';
import { iamTags, ROLE_POLICY } from '../bastion/names.ts';
import type { GroupRule } from '../ports/network.ts';
import type { Tags } from '../ports/tags.ts';

/** The property names are those of CloudFormation; inside a launch template they are those of EC2's API. */

export function cloudFormation(bastion: ExportedBastion): Json {
  const { documents, defaults } = bastion;
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    Description: `fargate-connect bastion: role and boundary, security group, launch template. The role ${exportedRole(bastion.iam)} can also be given to a bastion that the tool itself creates.`,
    Metadata: { Notes: { Launch: NO_FLEET } },
    Parameters: {
      VpcId: parameter('AWS::EC2::VPC::Id', 'VPC of the bastion', defaults.vpc),
      SubnetId: parameter(
        'AWS::EC2::Subnet::Id',
        'Where the launch command puts it, with a route to AWS over IPv4; further subnets are further Overrides',
        defaults.subnet,
      ),
      PublicIp: {
        ...parameter('String', 'true only where an internet gateway is the only route to AWS', 'false'),
        AllowedValues: ['true', 'false'],
      },
    },
    Resources: {
      ...(documents === undefined ? {} : roleResources(documents, bastion)),
      Group: {
        Type: 'AWS::EC2::SecurityGroup',
        Properties: {
          GroupName: bastion.name,
          GroupDescription: bastion.description,
          VpcId: { Ref: 'VpcId' },
          // CloudFormation creates a group that has egress rules of its own without the rule that allows all outbound
          // traffic.
          SecurityGroupEgress: bastion.egress.map(egressRule),
          Tags: tagList(bastion.tags),
        },
      },
      LaunchTemplate: {
        Type: 'AWS::EC2::LaunchTemplate',
        Properties: {
          LaunchTemplateName: bastion.name,
          LaunchTemplateData: mapped(
            bastion.template,
            (text) => text,
            (name) => referred(name, bastion),
          ),
          TagSpecifications: [{ ResourceType: 'launch-template', Tags: tagList(bastion.tags) }],
        },
      },
    },
    Outputs: {
      ...(documents === undefined ? {} : { ProfileArn: { Value: { 'Fn::GetAtt': ['Profile', 'Arn'] } } }),
      GroupId: { Value: { 'Fn::GetAtt': ['Group', 'GroupId'] } },
      LaunchTemplateId: { Value: { Ref: 'LaunchTemplate' } },
      Launch: { Value: { 'Fn::Sub': launchCommand(bastion, (name) => `\${${PARAMETER[name] ?? ''}}`) } },
    },
  };
}

function parameter(
  type: string,
  description: string,
  value: string | undefined,
): { readonly [key: string]: Json } {
  return { Type: type, Description: description, ...(value === undefined ? {} : { Default: value }) };
}

const PARAMETER: Partial<Record<Reference, string>> = {
  vpc: 'VpcId',
  subnet: 'SubnetId',
  'public-ip': 'PublicIp',
  template: 'LaunchTemplate',
};

function referred(name: Reference, bastion: ExportedBastion): Json {
  switch (name) {
    case 'group':
      return { 'Fn::GetAtt': ['Group', 'GroupId'] };
    case 'profile':
      return { 'Fn::GetAtt': ['Profile', 'Arn'] };
    case 'user-data':
      return { 'Fn::Base64': bastion.userData };
    case 'vpc':
    case 'subnet':
    case 'public-ip':
    case 'template':
      return { Ref: PARAMETER[name] ?? '' };
    default:
      return name satisfies never;
  }
}

const tagList = (tags: Tags): Json => Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

const egressRule = (rule: GroupRule): Json => ({
  IpProtocol: rule.protocol,
  FromPort: rule.fromPort,
  ToPort: rule.toPort,
  ...(rule.cidr === undefined
    ? {}
    : rule.cidr.includes(':')
      ? { CidrIpv6: rule.cidr }
      : { CidrIp: rule.cidr }),
  ...(rule.groupId === undefined ? {} : { DestinationSecurityGroupId: rule.groupId }),
});

const roleResources = (
  { trust, policy, boundary }: ExportedDocuments,
  { iam, tags }: Pick<ExportedBastion, 'iam' | 'tags'>,
): { readonly [key: string]: Json } => ({
  Boundary: {
    Type: 'AWS::IAM::ManagedPolicy',
    Properties: {
      ManagedPolicyName: exportedBoundary(iam),
      Path: iam.path,
      PolicyDocument: parsed(boundary),
    },
  },
  Role: {
    Type: 'AWS::IAM::Role',
    Properties: {
      RoleName: exportedRole(iam),
      Path: iam.path,
      AssumeRolePolicyDocument: parsed(trust),
      PermissionsBoundary: { Ref: 'Boundary' },
      Policies: [{ PolicyName: ROLE_POLICY, PolicyDocument: parsed(policy) }],
      // CloudFormation has no Tags property for ManagedPolicy and InstanceProfile.
      Tags: tagList(iamTags(tags)),
    },
  },
  Profile: {
    Type: 'AWS::IAM::InstanceProfile',
    Properties: { InstanceProfileName: exportedRole(iam), Path: iam.path, Roles: [{ Ref: 'Role' }] },
  },
});
