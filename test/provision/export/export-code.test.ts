import { describe, expect, it } from 'vitest';

import { type CodeFormat, exportBastion } from '../../../src/provision/export/export-code.ts';
import { DEFAULT_IAM_NAMING } from '../../../src/provision/roles/iam-names.ts';
import { type ExportedBastion, referenceTo } from '../../../src/provision/export/exported-bastion.ts';

const documents = {
  trust: '{"Version":"2012-10-17","Statement":[{"Sid":"Ec2Only"}]}',
  policy: '{"Version":"2012-10-17","Statement":[{"Resource":"session/${aws:userid}-*"}]}',
  boundary: '{"Version":"2012-10-17","Statement":[]}',
};

const bastion: ExportedBastion = {
  region: 'eu-west-1',
  iam: DEFAULT_IAM_NAMING,
  name: 'fargate-connect-code-code',
  description: 'fargate-connect: bastion code, no inbound rules',
  documents,
  egress: [
    { protocol: 'tcp', fromPort: 443, toPort: 443, cidr: '0.0.0.0/0' },
    { protocol: 'tcp', fromPort: 5432, toPort: 5432, groupId: 'sg-db' },
  ],
  tags: { Name: 'fargate-connect-code-code' },
  template: {
    IamInstanceProfile: { Arn: referenceTo('profile') },
    MetadataOptions: { HttpPutResponseHopLimit: 1 },
    NetworkInterfaces: [
      { Groups: [referenceTo('group'), 'sg-clients'], AssociatePublicIpAddress: referenceTo('public-ip') },
    ],
    TagSpecifications: [{ ResourceType: 'network-interface', Tags: [{ Key: 'a:b', Value: 'c ${D} %{e}' }] }],
    UserData: referenceTo('user-data'),
  },
  userData: '#!/bin/bash\necho "${HOME}" %{x}\n',
  fleet: {
    LaunchTemplateConfigs: [
      {
        LaunchTemplateSpecification: { LaunchTemplateId: referenceTo('template'), Version: '$Latest' },
        Overrides: [{ InstanceType: 't4g.micro', SubnetId: referenceTo('subnet') }],
      },
    ],
  },
  defaults: { vpc: 'vpc-1', subnet: undefined },
};

/** The exported code, or the part of it at that path. */
function code(
  format: CodeFormat,
  change: Partial<ExportedBastion> = {},
): (...path: readonly string[]) => unknown {
  const whole: unknown = JSON.parse(exportBastion(format, { ...bastion, ...change }));
  return (...path) =>
    path.reduce<unknown>(
      (part, word) => (typeof part === 'object' && part !== null ? Reflect.get(part, word) : undefined),
      whole,
    );
}

const COMMAND = (template: string, subnet: string): string =>
  `aws ec2 create-fleet --region eu-west-1 --cli-input-json '{"LaunchTemplateConfigs":[{"LaunchTemplateSpecification":{"LaunchTemplateId":"${template}","Version":"$Latest"},"Overrides":[{"InstanceType":"t4g.micro","SubnetId":"${subnet}"}]}]}'`;

describe('CloudFormation', () => {
  it('has a role with boundary, an instance profile with role, a group without ingress, and a launch template', () => {
    const at = code('cloudformation');
    const types: Readonly<Record<string, string>> = {
      Boundary: 'AWS::IAM::ManagedPolicy',
      Role: 'AWS::IAM::Role',
      Profile: 'AWS::IAM::InstanceProfile',
      Group: 'AWS::EC2::SecurityGroup',
      LaunchTemplate: 'AWS::EC2::LaunchTemplate',
    };
    expect(Object.keys(at('Resources') as object)).toEqual(Object.keys(types));
    for (const [name, type] of Object.entries(types)) expect(at('Resources', name, 'Type')).toBe(type);
    expect(at('Resources', 'Role', 'Properties')).toMatchObject({
      PermissionsBoundary: { Ref: 'Boundary' },
      Path: '/fargate-connect/',
    });
    expect(at('Resources', 'Group', 'Properties')).toEqual({
      GroupName: 'fargate-connect-code-code',
      GroupDescription: bastion.description,
      VpcId: { Ref: 'VpcId' },
      SecurityGroupEgress: [
        { IpProtocol: 'tcp', FromPort: 443, ToPort: 443, CidrIp: '0.0.0.0/0' },
        { IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432, DestinationSecurityGroupId: 'sg-db' },
      ],
      Tags: [{ Key: 'Name', Value: 'fargate-connect-code-code' }],
    });
    expect(at('Resources', 'LaunchTemplate', 'Properties', 'LaunchTemplateData')).toEqual({
      IamInstanceProfile: { Arn: { 'Fn::GetAtt': ['Profile', 'Arn'] } },
      MetadataOptions: { HttpPutResponseHopLimit: 1 },
      NetworkInterfaces: [
        {
          Groups: [{ 'Fn::GetAtt': ['Group', 'GroupId'] }, 'sg-clients'],
          AssociatePublicIpAddress: { Ref: 'PublicIp' },
        },
      ],
      TagSpecifications: [
        { ResourceType: 'network-interface', Tags: [{ Key: 'a:b', Value: 'c ${D} %{e}' }] },
      ],
      UserData: { 'Fn::Base64': bastion.userData },
    });
  });

  it('has a parameter for each value that only its user knows, with the given value as default', () => {
    const at = code('cloudformation');
    expect(at('Parameters', 'VpcId')).toMatchObject({ Type: 'AWS::EC2::VPC::Id', Default: 'vpc-1' });
    expect(at('Parameters', 'SubnetId')).not.toHaveProperty('Default');
    expect(at('Parameters', 'PublicIp')).toMatchObject({
      Default: 'false',
      AllowedValues: ['true', 'false'],
    });
  });

  it('has the launch as a command, with the reason why it is not a resource', () => {
    const at = code('cloudformation');
    expect(at('Outputs', 'Launch', 'Value')).toEqual({
      'Fn::Sub': COMMAND('${LaunchTemplate}', '${SubnetId}'),
    });
    expect(at('Metadata', 'Notes', 'Launch')).toContain('a fleet of type instant is a single request');
  });

  it('with an existing role has no IAM resource', () => {
    const at = code('cloudformation', { documents: undefined });
    expect(Object.keys(at('Resources') as object)).toEqual(['Group', 'LaunchTemplate']);
    expect(at('Outputs')).not.toHaveProperty('ProfileArn');
  });
});

describe('Terraform', () => {
  const label = 'fargate_connect_bastion';

  it('has the settings of EC2 in the spelling of the provider, with its own references', () => {
    const at = code('terraform');
    expect(at('resource', 'aws_launch_template', label)).toEqual({
      name: 'fargate-connect-code-code',
      iam_instance_profile: { arn: `\${aws_iam_instance_profile.${label}.arn}` },
      metadata_options: { http_put_response_hop_limit: 1 },
      network_interfaces: [
        {
          security_groups: [`\${aws_security_group.${label}.id}`, 'sg-clients'],
          associate_public_ip_address: '${var.public_ip}',
        },
      ],
      tag_specifications: [{ resource_type: 'network-interface', tags: { 'a:b': 'c $${D} %%{e}' } }],
      user_data: '${base64encode(local.user_data)}',
      tags: { Name: 'fargate-connect-code-code' },
    });
    expect(at('resource', 'aws_vpc_security_group_egress_rule')).toMatchObject({
      [`${label}_0`]: { ip_protocol: 'tcp', from_port: 443, to_port: 443, cidr_ipv4: '0.0.0.0/0' },
      [`${label}_1`]: { from_port: 5432, referenced_security_group_id: 'sg-db' },
    });
    expect(at('resource', 'aws_security_group', label)).not.toHaveProperty('ingress');
  });

  it('does not interpret values with placeholder syntax as Terraform templates', () => {
    const at = code('terraform');
    expect(at('resource', 'aws_iam_role_policy', label, 'policy')).toContain('session/$${aws:userid}-*');
    expect(at('locals', 'user_data')).toBe('#!/bin/bash\necho "$${HOME}" %%{x}\n');
  });

  it('has only references to elements that exist', () => {
    for (const change of [{}, { documents: undefined, template: { Arn: 'arn:given' } }]) {
      const at = code('terraform', change);
      const found = [...JSON.stringify(at()).matchAll(/(?<!\$)\$\{([a-z_0-9.]+)\}/g)].map(
        (match) => match[1],
      );
      expect(found.length).toBeGreaterThan(0);
      for (const reference of found) {
        const [kind = '', name = ''] = (reference ?? '').split('.');
        const part = kind === 'var' ? at('variable', name) : at('resource', kind, name);
        expect([reference, part !== undefined]).toEqual([reference, true]);
      }
    }
  });

  it('has the launch as a command, with the reason why it is not a resource', () => {
    const at = code('terraform');
    expect(at('output', 'launch', 'value')).toBe(
      COMMAND(`\${aws_launch_template.${label}.id}`, '${var.subnet_id}'),
    );
    expect(at('//')).toContain('a fleet of type instant is a single request');
  });
});

it.each(['terraform', 'cloudformation'] as const)(
  '%s is refused while a placeholder has no value',
  (format) => {
    const open = { ...documents, policy: '{"a":"${cluster}"}' };
    for (const change of [{ documents: open }, { documents: undefined, template: { Arn: '${account}' } }])
      expect(() => exportBastion(format, { ...bastion, ...change })).toThrow(
        expect.objectContaining({ code: 'placeholder-unfilled' }) as Error,
      );
  },
);
