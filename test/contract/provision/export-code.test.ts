import {
  AuthorizeSecurityGroupEgressCommand,
  CreateFleetCommand,
  type CreateFleetCommandInput,
  CreateLaunchTemplateCommand,
  CreateSecurityGroupCommand,
  DescribeInstancesCommand,
  DescribeLaunchTemplateVersionsCommand,
  DescribeSecurityGroupsCommand,
  type RequestLaunchTemplateData,
  type ResponseLaunchTemplateData,
  RevokeSecurityGroupEgressCommand,
  type SecurityGroup,
} from '@aws-sdk/client-ec2';
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { GROUP, SUBNET, VPC } from '../../../src/sandbox/world/seed-network.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';

/** `policy bastion --format`: the code is valid, and deploying it creates the same bastion as `up`. */

const sandbox = testSandbox({ randomSeed: 21, timing: { profilePropagationMs: 0 } });
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });
const EXPORT = ['policy', 'bastion', '--cluster', 'demo', '--db', 'orders-db'] as const;
const PLACE = ['--vpc', VPC.main, '--subnet', SUBNET.mainPrivateA] as const;

type Words = Readonly<Record<string, unknown>>;
async function exported(format: 'cloudformation' | 'terraform', ...more: readonly string[]): Promise<Words> {
  const outcome = await run(...EXPORT, ...PLACE, '--format', format, ...more);
  expect([outcome.status, outcome.stderr]).toEqual([0, '']);
  return JSON.parse(outcome.stdout) as Words;
}
const words = (value: unknown): Words => value as Words;
interface Resource {
  readonly Type: string;
  readonly Properties: Words;
}
const resourcesOf = (template: Words): Readonly<Record<string, Resource>> =>
  template['Resources'] as Readonly<Record<string, Resource>>;

/**
 * Properties from the reference of CloudFormation and of the launch template of the Terraform provider, read in
 * November 2026.
 */
const CLOUDFORMATION: Readonly<Record<string, readonly string[]>> = {
  'AWS::IAM::ManagedPolicy': [
    'ManagedPolicyName',
    'Path',
    'PolicyDocument',
    'Description',
    'Roles',
    'Users',
    'Groups',
  ],
  'AWS::IAM::Role': [
    'AssumeRolePolicyDocument',
    'Description',
    'ManagedPolicyArns',
    'MaxSessionDuration',
    'Path',
    'PermissionsBoundary',
    'Policies',
    'RoleName',
    'Tags',
  ],
  'AWS::IAM::InstanceProfile': ['InstanceProfileName', 'Path', 'Roles'],
  'AWS::EC2::SecurityGroup': [
    'GroupDescription',
    'GroupName',
    'SecurityGroupEgress',
    'SecurityGroupIngress',
    'Tags',
    'VpcId',
  ],
  'AWS::EC2::LaunchTemplate': [
    'LaunchTemplateData',
    'LaunchTemplateName',
    'TagSpecifications',
    'VersionDescription',
  ],
  SecurityGroupEgress: [
    'CidrIp',
    'CidrIpv6',
    'Description',
    'DestinationPrefixListId',
    'DestinationSecurityGroupId',
    'FromPort',
    'IpProtocol',
    'ToPort',
  ],
  LaunchTemplateData: [
    'BlockDeviceMappings',
    'CapacityReservationSpecification',
    'CpuOptions',
    'CreditSpecification',
    'DisableApiStop',
    'DisableApiTermination',
    'EbsOptimized',
    'EnclaveOptions',
    'HibernationOptions',
    'IamInstanceProfile',
    'ImageId',
    'InstanceInitiatedShutdownBehavior',
    'InstanceMarketOptions',
    'InstanceRequirements',
    'InstanceType',
    'KernelId',
    'KeyName',
    'LicenseSpecifications',
    'MaintenanceOptions',
    'MetadataOptions',
    'Monitoring',
    'NetworkInterfaces',
    'Placement',
    'PrivateDnsNameOptions',
    'RamDiskId',
    'SecurityGroupIds',
    'SecurityGroups',
    'TagSpecifications',
    'UserData',
  ],
  BlockDeviceMappings: ['DeviceName', 'Ebs', 'NoDevice', 'VirtualName'],
  Ebs: [
    'DeleteOnTermination',
    'Encrypted',
    'Iops',
    'KmsKeyId',
    'SnapshotId',
    'Throughput',
    'VolumeSize',
    'VolumeType',
  ],
  CreditSpecification: ['CpuCredits'],
  IamInstanceProfile: ['Arn', 'Name'],
  MetadataOptions: [
    'HttpEndpoint',
    'HttpProtocolIpv6',
    'HttpPutResponseHopLimit',
    'HttpTokens',
    'InstanceMetadataTags',
  ],
  Monitoring: ['Enabled'],
  NetworkInterfaces: [
    'AssociateCarrierIpAddress',
    'AssociatePublicIpAddress',
    'ConnectionTrackingSpecification',
    'DeleteOnTermination',
    'Description',
    'DeviceIndex',
    'EnaSrdSpecification',
    'Groups',
    'InterfaceType',
    'Ipv6AddressCount',
    'NetworkCardIndex',
    'NetworkInterfaceId',
    'PrimaryIpv6',
    'PrivateIpAddress',
    'SubnetId',
  ],
  TagSpecifications: ['ResourceType', 'Tags'],
};
const TERRAFORM: Readonly<Record<string, readonly string[]>> = {
  aws_launch_template: [
    'block_device_mappings',
    'credit_specification',
    'description',
    'iam_instance_profile',
    'image_id',
    'instance_initiated_shutdown_behavior',
    'instance_type',
    'metadata_options',
    'monitoring',
    'name',
    'network_interfaces',
    'tag_specifications',
    'tags',
    'update_default_version',
    'user_data',
    'vpc_security_group_ids',
  ],
  block_device_mappings: ['device_name', 'ebs', 'no_device', 'virtual_name'],
  ebs: [
    'delete_on_termination',
    'encrypted',
    'iops',
    'kms_key_id',
    'snapshot_id',
    'throughput',
    'volume_size',
    'volume_type',
  ],
  credit_specification: ['cpu_credits'],
  iam_instance_profile: ['arn', 'name'],
  metadata_options: [
    'http_endpoint',
    'http_protocol_ipv6',
    'http_put_response_hop_limit',
    'http_tokens',
    'instance_metadata_tags',
  ],
  monitoring: ['enabled'],
  network_interfaces: [
    'associate_public_ip_address',
    'delete_on_termination',
    'description',
    'device_index',
    'security_groups',
    'subnet_id',
  ],
  tag_specifications: ['resource_type', 'tags'],
  aws_security_group: [
    'description',
    'egress',
    'ingress',
    'name',
    'name_prefix',
    'revoke_rules_on_delete',
    'tags',
    'vpc_id',
  ],
  aws_vpc_security_group_egress_rule: [
    'cidr_ipv4',
    'cidr_ipv6',
    'description',
    'from_port',
    'ip_protocol',
    'prefix_list_id',
    'referenced_security_group_id',
    'security_group_id',
    'tags',
    'to_port',
  ],
  aws_iam_policy: ['description', 'name', 'name_prefix', 'path', 'policy', 'tags'],
  aws_iam_role: [
    'assume_role_policy',
    'description',
    'max_session_duration',
    'name',
    'path',
    'permissions_boundary',
    'tags',
  ],
  aws_iam_role_policy: ['name', 'name_prefix', 'policy', 'role'],
  aws_iam_instance_profile: ['name', 'name_prefix', 'path', 'role', 'tags'],
};

/** Properties that the reference does not list, by the structure that contains them. */
function unknownWords(
  kind: string,
  value: unknown,
  known: Readonly<Record<string, readonly string[]>>,
): string[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown) => unknownWords(kind, item, known));
  const allowed = known[kind];
  if (allowed === undefined || typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, item]: [string, unknown]) => [
    ...(allowed.includes(name) ? [] : [`${kind}.${name}`]),
    ...unknownWords(name, item, known),
  ]);
}

describe('the exported code', () => {
  it('CloudFormation: uses only properties of the reference, and is small enough to be sent in one request', async () => {
    const template = await exported('cloudformation');
    for (const { Type, Properties } of Object.values(resourcesOf(template))) {
      expect(CLOUDFORMATION).toHaveProperty([Type]);
      expect(unknownWords(Type, Properties, CLOUDFORMATION)).toEqual([]);
    }
    expect(JSON.stringify(template, undefined, 2).length).toBeLessThan(51_200);
    expect(String(template['Description']).length).toBeLessThanOrEqual(1024);
  });

  it('Terraform: uses only arguments of the provider', async () => {
    const { resource } = await exported('terraform');
    for (const [kind, named] of Object.entries(words(resource))) {
      expect(TERRAFORM).toHaveProperty([kind]);
      for (const block of Object.values(words(named)))
        expect(unknownWords(kind, block, TERRAFORM)).toEqual([]);
    }
  });

  it('both formats describe the same launch template', async () => {
    const template = await exported('cloudformation');
    const data = resourcesOf(template)['LaunchTemplate']?.Properties['LaunchTemplateData'];
    const { resource, locals } = await exported('terraform');
    const block = words(words(words(resource)['aws_launch_template'])['fargate_connect_bastion']);
    const { name: _name, tags: _tags, user_data: _userData, ...arguments_ } = block;
    const { UserData, ...rest } = words(data);
    expect(leaves(arguments_)).toEqual(leaves(rest));
    const script = words(UserData)['Fn::Base64'];
    expect(String(words(locals)['user_data']).replaceAll('$${', '${').replaceAll('%%{', '%{')).toBe(script);
  });
});

/** Maps each path, in a spelling that both formats share, to its value; every reference has the same value. */
function leaves(value: unknown, path = ''): Readonly<Record<string, unknown>> {
  const reference =
    (typeof value === 'string' && value.startsWith('${')) ||
    /^(Fn::|Ref$)/.test(Object.keys(value ?? {})[0] ?? '');
  if (reference) return { [path]: 'a reference' };
  if (Array.isArray(value) && path.endsWith('/tags'))
    return Object.fromEntries(
      (value as { Key: string; Value: string }[]).map((tag) => [`${path}/${tag.Key}`, tag.Value]),
    );
  if (typeof value !== 'object' || value === null) return { [path]: value };
  const isTags = path.endsWith('/tags');
  return Object.assign(
    {},
    ...Object.entries(value).map(([name, item]: [string, unknown]) => {
      const word = isTags ? name : name.replaceAll('_', '').toLowerCase();
      return leaves(item, `${path}/${word === 'securitygroups' ? 'groups' : word}`);
    }),
  ) as Readonly<Record<string, unknown>>;
}

describe('the deployed code', () => {
  let launch = '';
  let groupId = '';
  let templateId = '';

  /** Does what CloudFormation would do, with the API calls that it would make. */
  beforeAll(async () => {
    const template = await exported('cloudformation');
    const at = resourcesOf(template);
    const properties = (name: string): Words => at[name]?.Properties ?? {};
    const text = (name: string, property: string): string => String(properties(name)[property]);
    const { ec2, iam } = sandboxClients(sandbox().env);
    const json = (value: unknown): string => JSON.stringify(value);

    const boundary = await iam.send(
      new CreatePolicyCommand({
        PolicyName: text('Boundary', 'ManagedPolicyName'),
        Path: text('Boundary', 'Path'),
        PolicyDocument: json(properties('Boundary')['PolicyDocument']),
      }),
    );
    const RoleName = text('Role', 'RoleName');
    await iam.send(
      new CreateRoleCommand({
        RoleName,
        Path: text('Role', 'Path'),
        AssumeRolePolicyDocument: json(properties('Role')['AssumeRolePolicyDocument']),
        PermissionsBoundary: boundary.Policy?.Arn,
      }),
    );
    for (const inline of properties('Role')['Policies'] as readonly Words[]) {
      const PolicyDocument = json(inline['PolicyDocument']);
      await iam.send(
        new PutRolePolicyCommand({ RoleName, PolicyName: String(inline['PolicyName']), PolicyDocument }),
      );
    }
    const InstanceProfileName = text('Profile', 'InstanceProfileName');
    const profile = await iam.send(
      new CreateInstanceProfileCommand({ InstanceProfileName, Path: text('Profile', 'Path') }),
    );
    await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName }));

    const parameters = words(template['Parameters']);
    const given = (name: string): string => String(words(parameters[name])['Default']);
    const group = await ec2.send(
      new CreateSecurityGroupCommand({
        GroupName: text('Group', 'GroupName'),
        Description: text('Group', 'GroupDescription'),
        VpcId: given('VpcId'),
        TagSpecifications: [
          {
            ResourceType: 'security-group',
            Tags: properties('Group')['Tags'] as { Key: string; Value: string }[],
          },
        ],
      }),
    );
    groupId = group.GroupId ?? '';
    const everything = { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] };
    await ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId: groupId, IpPermissions: [everything] }));
    for (const rule of properties('Group')['SecurityGroupEgress'] as readonly Words[]) {
      const { IpProtocol, FromPort, ToPort, CidrIp, DestinationSecurityGroupId } = rule as {
        readonly IpProtocol: string;
        readonly FromPort: number;
        readonly ToPort: number;
        readonly CidrIp?: string;
        readonly DestinationSecurityGroupId?: string;
      };
      const to =
        CidrIp === undefined
          ? { UserIdGroupPairs: [{ GroupId: DestinationSecurityGroupId }] }
          : { IpRanges: [{ CidrIp }] };
      const IpPermissions = [{ IpProtocol, FromPort, ToPort, ...to }];
      await ec2.send(new AuthorizeSecurityGroupEgressCommand({ GroupId: groupId, IpPermissions }));
    }

    const values: Readonly<Record<string, unknown>> = {
      PublicIp: given('PublicIp') === 'true',
      Group: groupId,
      Profile: profile.InstanceProfile?.Arn,
    };
    const { LaunchTemplateName, LaunchTemplateData, TagSpecifications } = properties('LaunchTemplate');
    const made = await ec2.send(
      new CreateLaunchTemplateCommand({
        LaunchTemplateName: String(LaunchTemplateName),
        LaunchTemplateData: resolved(LaunchTemplateData, values) as RequestLaunchTemplateData,
        TagSpecifications: TagSpecifications as {
          ResourceType: 'launch-template';
          Tags: { Key: string; Value: string }[];
        }[],
      }),
    );
    templateId = made.LaunchTemplate?.LaunchTemplateId ?? '';
    const { Value } = words(words(template['Outputs'])['Launch']);
    launch = String(words(Value)['Fn::Sub'])
      .replaceAll('${LaunchTemplate}', templateId)
      .replaceAll('${SubnetId}', given('SubnetId'));
  }, 60_000);
  afterAll(() => run('down', '--all', '--yes', '--force'));

  function resolved(value: unknown, values: Readonly<Record<string, unknown>>): unknown {
    if (Array.isArray(value)) return value.map((item: unknown) => resolved(item, values));
    if (typeof value !== 'object' || value === null) return value;
    const { Ref, 'Fn::GetAtt': part, 'Fn::Base64': script } = words(value);
    if (typeof script === 'string') return Buffer.from(script).toString('base64');
    const name = typeof Ref === 'string' ? Ref : Array.isArray(part) ? String(part[0]) : undefined;
    if (name !== undefined) return values[name];
    return Object.fromEntries(
      Object.entries(value).map(([key, item]: [string, unknown]) => [key, resolved(item, values)]),
    );
  }

  it('has a command that launches a bastion, with which every other command works, and down removes only the instance', async () => {
    const [, request = ''] =
      /^aws ec2 create-fleet --region eu-west-1 --cli-input-json '(.*)'$/s.exec(launch) ?? [];
    const { ec2 } = sandboxClients(sandbox().env);
    const before = sandbox().snapshot();
    const fleet = await ec2.send(new CreateFleetCommand(JSON.parse(request) as CreateFleetCommandInput));
    expect(fleet.Errors ?? []).toEqual([]);
    const [instanceId] = fleet.Instances?.[0]?.InstanceIds ?? [];
    const shell = await run('shell', '--name', 'code', '--', 'echo', 'here');
    expect([shell.status, shell.stdout]).toEqual([0, 'here\n']);
    // The command waits for the pending instance, and then for its agent.
    const status = JSON.parse((await run('status', '--json')).stdout) as {
      readonly bastions: readonly Words[];
    };
    expect(status.bastions).toMatchObject([
      { name: 'code', instanceId, state: 'running', agent: 'Online', market: 'spot', idleMinutes: 30 },
    ]);
    const described = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId ?? ''] }));
    expect(described.Reservations?.[0]?.Instances?.[0]).toMatchObject({
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
      SecurityGroups: [{ GroupId: groupId }],
      IamInstanceProfile: { Arn: expect.stringContaining('fargate-connect-bastion') as string },
    });
    const down = await run('down', '--name', 'code', '--yes');
    expect([down.status, down.stderr]).toEqual([
      0,
      expect.stringContaining(`kept security group ${groupId}`),
    ]);
    expect(down.stderr).toContain(`kept launch template ${templateId}`);
    expect(down.stderr).toContain('and the 2 named above are kept');
    expect(down.stderr).not.toContain('none is left');
    expect(sandbox().snapshot()).toBe(before);
    expect((await run('status', '--json')).stdout).toContain('"bastions":[]');
  });

  it('creates what up creates: policies, rules and launch template', async () => {
    const { ec2, iam } = sandboxClients(sandbox().env);
    const args = ['--cluster', 'demo', '--db', 'orders-db', '--subnet', SUBNET.mainPrivateA];
    const up = await run('up', ...args, '--permissions-boundary', 'none', '--yes', '--no-wait');
    expect(up.status).toBe(0);

    const documents = async (RoleName: string): Promise<readonly unknown[]> => {
      const inline = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: 'bastion' }));
      const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
      return [inline.PolicyDocument, Role?.AssumeRolePolicyDocument].map((text): unknown =>
        JSON.parse(decodeURIComponent(text ?? '')),
      );
    };
    expect(await documents('fargate-connect-bastion')).toEqual(
      await documents('fargate-connect-default-eu-west-1'),
    );

    const groups = await ec2.send(new DescribeSecurityGroupsCommand({}));
    const named = (name: string): SecurityGroup | undefined =>
      groups.SecurityGroups?.find((group) => group.GroupName === name);
    const rules = ({ IpPermissions, IpPermissionsEgress }: SecurityGroup = {}): readonly string[] => [
      ...(IpPermissions ?? []).map((rule) => `in ${JSON.stringify(rule)}`),
      ...(IpPermissionsEgress ?? []).map(
        (rule) =>
          `${rule.IpProtocol} ${rule.FromPort}-${rule.ToPort} ${rule.IpRanges?.[0]?.CidrIp ?? rule.UserIdGroupPairs?.[0]?.GroupId}`,
      ),
    ];
    expect(rules(named('fargate-connect-code-code'))).toEqual([
      'tcp 443-443 0.0.0.0/0',
      `tcp 5432-5432 ${GROUP.ordersDb}`,
    ]);
    expect(rules(named('fargate-connect-code-code'))).toEqual(rules(named('fargate-connect-default')));

    const data = async (LaunchTemplateName: string): Promise<ResponseLaunchTemplateData> => {
      const found = await ec2.send(new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateName }));
      return found.LaunchTemplateVersions?.[0]?.LaunchTemplateData ?? {};
    };
    const theirs = await data('fargate-connect-default');
    const ours = await data('fargate-connect-code-code');
    expect(ours.ImageId).toBe(
      'resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64',
    );
    expect(theirs.ImageId).toBeUndefined();
    // The Terraform provider writes CreditSpecification only if the template has a type; a fleet overrides the type.
    expect([ours.InstanceType, theirs.InstanceType]).toEqual(['t4g.micro', undefined]);
    expect(comparable(ours)).toEqual(comparable(theirs));
  });

  /** Without ids, names and times, which only a launch knows, and with the script as lines. */
  const comparable = (data: ResponseLaunchTemplateData): unknown => ({
    ...data,
    ImageId: '',
    InstanceType: '',
    IamInstanceProfile: Object.keys(data.IamInstanceProfile ?? {}),
    NetworkInterfaces: data.NetworkInterfaces?.map((each) => ({ ...each, Groups: each.Groups?.length })),
    TagSpecifications: data.TagSpecifications?.map(({ ResourceType, Tags }) => [
      ResourceType,
      Tags?.map((tag) => tag.Key ?? '')
        .filter((key) => key !== 'fargate-connect:expires-at' && key !== 'fargate-connect:ttl-minutes')
        .sort(),
    ]),
    UserData: Buffer.from(data.UserData ?? '', 'base64')
      .toString('utf8')
      .replace(/^FC_EXPIRES_AT=(?:'\d+'|\$\(\(\$\(date \+%s\) \+ 28800\)\))$/gm, 'FC_EXPIRES_AT=IN 8 HOURS')
      .replace(/^FC_BASTION='(?:code|default)'$/gm, 'FC_BASTION=NAME'),
  });

  it('has a boundary of its own: no role that up creates prevents the deletion of the deployed code', async () => {
    const { iam } = sandboxClients(sandbox().env);
    const PolicyArn =
      'arn:aws:iam::111122223333:policy/fargate-connect/fargate-connect-bastion-boundary-code';
    const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn }));
    const version = await iam.send(
      new GetPolicyVersionCommand({ PolicyArn, VersionId: Policy?.DefaultVersionId }),
    );
    const dry = await run('up', '--cluster', 'demo', '--name', 'other', '--dry-run', '--json');
    expect(dry.stdout).not.toContain(PolicyArn);
    expect(decodeURIComponent(version.PolicyVersion?.Document ?? '')).toContain(
      'ssmmessages:CreateControlChannel',
    );
  });

  it('up --role uses the role of the code, and then writes no IAM resource', async () => {
    await run('down', '--yes');
    const dry = await run('up', '--cluster', 'demo', '--role', 'fargate-connect-bastion', '--dry-run');
    expect(dry.stdout).toMatch(/= keep +instance-profile +fargate-connect-bastion/);
    expect(dry.stdout).not.toMatch(/create +role/);
  });
});

describe('the options of policy bastion --format', () => {
  it('a database given by security group and port needs no account', async () => {
    const args = ['--account', '111122223333', '--region', 'eu-west-1', '--format', 'cloudformation'];
    const offline = await cli(
      ['policy', 'bastion', '--cluster', 'demo', '--db-security-group', 'sg-1', '--port', '3306', ...args],
      { env: {} },
    );
    const at = resourcesOf(JSON.parse(offline.stdout) as Words);
    expect(at['Group']?.Properties['SecurityGroupEgress']).toContainEqual({
      IpProtocol: 'tcp',
      FromPort: 3306,
      ToPort: 3306,
      DestinationSecurityGroupId: 'sg-1',
    });
  });

  it('for tunnels only: installs nothing and names no cluster', async () => {
    const outcome = await run('policy', 'bastion-tunnel-only', '--format', 'cloudformation');
    expect(outcome.stdout).not.toContain('session-manager-plugin.rpm');
    expect(outcome.stdout).not.toContain('ecs:ExecuteCommand');
  });

  it('with an existing role: only the security group and the launch template', async () => {
    const template = await exported('cloudformation', '--role', 'ops-bastion', '--name', 'ops');
    const at = resourcesOf(template);
    expect(Object.keys(at)).toEqual(['Group', 'LaunchTemplate']);
    expect(words(at['LaunchTemplate']?.Properties['LaunchTemplateData'])['IamInstanceProfile']).toEqual({
      Arn: 'arn:aws:iam::111122223333:instance-profile/fargate-connect/ops-bastion',
    });
    expect(at['Group']?.Properties['GroupName']).toBe('fargate-connect-ops-code');
  });

  it.each([
    [1, 'placeholder-unfilled', ['policy', 'bastion']],
    [2, 'code-format', ['policy', 'operator']],
    [2, 'bad-arguments', ['policy', 'bastion', '--cluster', 'demo', '--db-security-group', 'sg-1']],
    [2, 'port', ['policy', 'bastion', '--cluster', 'demo', '--db-security-group', 'sg-1', '--port', 'x']],
    [2, 'bastion-name', ['policy', 'bastion', '--cluster', 'demo', '--name', 'Not_Good']],
    [3, 'database-not-found', ['policy', 'bastion', '--cluster', 'demo', '--db', 'nope']],
  ] as const)('exit %i with the code %s', async (status, code, args) => {
    const outcome = await run(...args, '--format', 'terraform', '--json');
    expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringContaining(`"code":"${code}"`)]);
    expect(outcome.stdout).toBe('');
  });
});
