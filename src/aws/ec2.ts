import * as sdk from '@aws-sdk/client-ec2';
import type { ClientConfig } from './client-config.ts';

import { base64, utf8 } from '../core/bytes.ts';
import { failed } from '../core/errors.ts';
import type {
  Ec2Port,
  Fleet,
  FleetResult,
  FleetSpec,
  GroupRule,
  LaunchTemplateSpec,
} from '../provision/ports.ts';
import {
  endpointOf,
  fleetResultOf,
  groupOf,
  groupRuleOf,
  idFilter,
  instanceOf,
  launchTemplateOf,
  permissionOf,
  poolOf,
  routeTableOf,
  subnetOf,
  tagFilters,
  tagList,
  tagSpecification,
  tagsOf,
  vpcOf,
} from './ec2-shapes.ts';
import { awsErrorName, mapped } from './errors.ts';

const GONE = new Set([
  'InvalidGroup.NotFound',
  'InvalidGroupId.Malformed',
  'InvalidInstanceID.NotFound',
  'InvalidLaunchTemplateId.NotFound',
  'InvalidLaunchTemplateName.NotFoundException',
  'InvalidPermission.NotFound',
  'InvalidSecurityGroupRuleId.NotFound',
]);
const DUPLICATE = new Set([
  'InvalidGroup.Duplicate',
  'InvalidLaunchTemplateName.AlreadyExistsException',
  'IdempotentParameterMismatch',
]);
/** Refusals of a launch that EC2 sometimes throws instead of listing them in the fleet's `Errors` (aws-facts §5.2). */
const LAUNCH_REFUSALS = new Set([
  'InsufficientInstanceCapacity',
  'UnfulfillableCapacity',
  'InsufficientFreeAddressesInSubnet',
  'MaxSpotInstanceCountExceeded',
  'VcpuLimitExceeded',
  'MaxFleetCountExceeded',
  'AuthFailure.ServiceLinkedRoleCreationNotPermitted',
  'InvalidParameterValue',
  'InvalidFleetConfiguration',
  'InvalidIamInstanceProfileArn.NotFound',
  'InvalidLaunchTemplateId.NotFound',
  'InvalidLaunchTemplateName.NotFoundException',
  'InvalidGroup.NotFound',
  'Unsupported',
]);
/** DeleteFleets takes that many instant fleets per call. */
const FLEETS_PER_DELETE = 25;

export function createEc2Port(config: ClientConfig): Ec2Port {
  const client = new sdk.EC2Client(config);
  return {
    ...networkCalls(client),
    ...inventoryCalls(client),
    ...groupCalls(client),
    ...launchCalls(client),
  };
}

/** Runs a deletion; what is gone already is as good as deleted. */
async function deletion(action: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await mapped(action, work);
  } catch (error) {
    const name = awsErrorName(error) ?? '';
    if (GONE.has(name)) return;
    if (name === 'DependencyViolation') {
      throw failed('still-in-use', `${action} refused: something still uses it`, {
        details: { awsError: name, action },
        cause: error,
      });
    }
    throw error;
  }
}

/** Runs a creation; a name that is taken becomes `already-exists`, so that the caller can adopt it. */
async function creation<T>(action: string, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await mapped(action, work);
  } catch (error) {
    const awsError = awsErrorName(error) ?? '';
    if (!DUPLICATE.has(awsError)) throw error;
    throw failed('already-exists', `${name} exists already`, { details: { awsError, action }, cause: error });
  }
}

async function all<Page, T>(
  action: string,
  pages: AsyncIterable<Page>,
  items: (page: Page) => readonly T[] | undefined,
): Promise<T[]> {
  return mapped(action, async () => {
    const found: T[] = [];
    for await (const page of pages) found.push(...(items(page) ?? []));
    return found;
  });
}

function networkCalls(
  client: sdk.EC2Client,
): Pick<Ec2Port, 'regions' | 'vpcs' | 'subnets' | 'routeTables' | 'vpcEndpoints'> {
  const paging = { client };
  return {
    async regions() {
      const answer = await mapped('ec2:DescribeRegions', () =>
        client.send(new sdk.DescribeRegionsCommand({})),
      );
      return (answer.Regions ?? []).flatMap((region) => region.RegionName ?? []).sort();
    },
    async vpcs({ ids }) {
      const pages = sdk.paginateDescribeVpcs(paging, { Filters: idFilter('vpc-id', ids) });
      return (await all('ec2:DescribeVpcs', pages, (page) => page.Vpcs)).map(vpcOf);
    },
    async subnets({ ids, vpcId }) {
      const Filters = [
        ...idFilter('subnet-id', ids),
        ...idFilter('vpc-id', vpcId === undefined ? vpcId : [vpcId]),
      ];
      const pages = sdk.paginateDescribeSubnets(paging, { Filters });
      return (await all('ec2:DescribeSubnets', pages, (page) => page.Subnets)).map(subnetOf);
    },
    async routeTables(vpcId) {
      const pages = sdk.paginateDescribeRouteTables(paging, { Filters: idFilter('vpc-id', [vpcId]) });
      return (await all('ec2:DescribeRouteTables', pages, (page) => page.RouteTables)).map(routeTableOf);
    },
    async vpcEndpoints(vpcId) {
      const pages = sdk.paginateDescribeVpcEndpoints(paging, { Filters: idFilter('vpc-id', [vpcId]) });
      return (await all('ec2:DescribeVpcEndpoints', pages, (page) => page.VpcEndpoints)).map(endpointOf);
    },
  };
}

function inventoryCalls(
  client: sdk.EC2Client,
): Pick<
  Ec2Port,
  | 'securityGroups'
  | 'securityGroupRules'
  | 'instances'
  | 'launchTemplates'
  | 'fleets'
  | 'fleetPools'
  | 'spotStatus'
  | 'consoleOutput'
> {
  const paging = { client };
  return {
    async securityGroups({ ids, names, tag }) {
      const Filters = [...idFilter('group-id', ids), ...idFilter('group-name', names), ...tagFilters(tag)];
      const pages = sdk.paginateDescribeSecurityGroups(paging, { Filters });
      return (await all('ec2:DescribeSecurityGroups', pages, (page) => page.SecurityGroups)).map(groupOf);
    },
    async securityGroupRules({ tag }) {
      const pages = sdk.paginateDescribeSecurityGroupRules(paging, { Filters: tagFilters(tag) });
      const rules = await all('ec2:DescribeSecurityGroupRules', pages, (page) => page.SecurityGroupRules);
      return rules.map(groupRuleOf);
    },
    async instances({ ids, tag, states }) {
      const Filters = [
        ...idFilter('instance-id', ids),
        ...tagFilters(tag),
        ...idFilter('instance-state-name', states),
      ];
      const pages = sdk.paginateDescribeInstances(paging, { Filters });
      const reservations = await all('ec2:DescribeInstances', pages, (page) => page.Reservations);
      return reservations.flatMap((reservation) => reservation.Instances ?? []).map(instanceOf);
    },
    async launchTemplates({ names, tag }) {
      const Filters = [...idFilter('launch-template-name', names), ...tagFilters(tag)];
      const pages = sdk.paginateDescribeLaunchTemplates(paging, { Filters });
      const templates = await all('ec2:DescribeLaunchTemplates', pages, (page) => page.LaunchTemplates);
      return templates.map(launchTemplateOf);
    },
    async fleets({ tag }) {
      // Instant fleets appear in DescribeFleets only when asked for by id; DescribeTags is where their ids are found.
      const Filters = [{ Name: 'resource-type', Values: ['fleet'] }, ...describeTagsFilter(tag)];
      const pages = sdk.paginateDescribeTags(paging, { Filters });
      const tagged = await all('ec2:DescribeTags', pages, (page) => page.Tags);
      const FleetIds = [...new Set(tagged.flatMap((entry) => entry.ResourceId ?? []))];
      if (FleetIds.length === 0) return [];
      const described = await mapped('ec2:DescribeFleets', () =>
        client.send(new sdk.DescribeFleetsCommand({ FleetIds })),
      );
      return (described.Fleets ?? []).map((fleet): Fleet => ({
        id: fleet.FleetId ?? '',
        state: fleet.FleetState ?? '',
        tags: tagsOf(fleet.Tags),
      }));
    },
    async fleetPools(fleetId) {
      const described = await tolerating('InvalidFleetId.NotFound', 'ec2:DescribeFleets', () =>
        client.send(new sdk.DescribeFleetsCommand({ FleetIds: [fleetId] })),
      );
      const configs = (described?.Fleets ?? []).flatMap((fleet) => fleet.LaunchTemplateConfigs ?? []);
      return configs.flatMap((config) => config.Overrides ?? []).flatMap(poolOf);
    },
    async spotStatus(instanceIds) {
      const pages = sdk.paginateDescribeSpotInstanceRequests(paging, {
        Filters: idFilter('instance-id', instanceIds),
      });
      const requests = await all(
        'ec2:DescribeSpotInstanceRequests',
        pages,
        (page) => page.SpotInstanceRequests,
      );
      return new Map(requests.map((request) => [request.InstanceId ?? '', request.Status?.Code ?? '']));
    },
    async consoleOutput(InstanceId) {
      const answer = await mapped('ec2:GetConsoleOutput', () =>
        client.send(new sdk.GetConsoleOutputCommand({ InstanceId, Latest: true })),
      );
      return Buffer.from(answer.Output ?? '', 'base64').toString('utf8');
    },
  };
}

/** DescribeTags spells its filters differently from every other call. */
const describeTagsFilter = (tag: {
  readonly key: string;
  readonly values?: readonly string[];
}): sdk.Filter[] => [
  { Name: 'key', Values: [tag.key] },
  ...(tag.values === undefined ? [] : [{ Name: 'value', Values: [...tag.values] }]),
];

function groupCalls(
  client: sdk.EC2Client,
): Pick<
  Ec2Port,
  | 'createSecurityGroup'
  | 'revokeEgress'
  | 'authorizeEgress'
  | 'authorizeIngress'
  | 'revokeIngress'
  | 'deleteSecurityGroup'
> {
  const permissions = (rules: readonly GroupRule[]): sdk.IpPermission[] =>
    rules.map((rule) => permissionOf(rule));
  return {
    async createSecurityGroup({ name, description, vpcId, tags }) {
      const created = await creation('ec2:CreateSecurityGroup', `security group ${name}`, () =>
        client.send(
          new sdk.CreateSecurityGroupCommand({
            GroupName: name,
            Description: description,
            VpcId: vpcId,
            TagSpecifications: [tagSpecification('security-group', tags)],
          }),
        ),
      );
      return created.GroupId ?? '';
    },
    async revokeEgress(GroupId, rules) {
      if (rules.length === 0) return;
      await tolerating('InvalidPermission.NotFound', 'ec2:RevokeSecurityGroupEgress', () =>
        client.send(new sdk.RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions: permissions(rules) })),
      );
    },
    async authorizeEgress(GroupId, rules, tags) {
      if (rules.length === 0) return;
      await tolerating('InvalidPermission.Duplicate', 'ec2:AuthorizeSecurityGroupEgress', () =>
        client.send(
          new sdk.AuthorizeSecurityGroupEgressCommand({
            GroupId,
            IpPermissions: permissions(rules),
            TagSpecifications: [tagSpecification('security-group-rule', tags)],
          }),
        ),
      );
    },
    async authorizeIngress({ groupId, sourceGroupId, port, description, tags }) {
      const rule = { protocol: 'tcp', fromPort: port, toPort: port, groupId: sourceGroupId };
      await tolerating('InvalidPermission.Duplicate', 'ec2:AuthorizeSecurityGroupIngress', () =>
        client.send(
          new sdk.AuthorizeSecurityGroupIngressCommand({
            GroupId: groupId,
            IpPermissions: [permissionOf(rule, description)],
            TagSpecifications: [tagSpecification('security-group-rule', tags)],
          }),
        ),
      );
    },
    async revokeIngress(GroupId, ruleId) {
      await deletion('ec2:RevokeSecurityGroupIngress', () =>
        client.send(new sdk.RevokeSecurityGroupIngressCommand({ GroupId, SecurityGroupRuleIds: [ruleId] })),
      );
    },
    async deleteSecurityGroup(GroupId) {
      await deletion('ec2:DeleteSecurityGroup', () =>
        client.send(new sdk.DeleteSecurityGroupCommand({ GroupId })),
      );
    },
  };
}

async function tolerating<T>(name: string, action: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await mapped(action, work);
  } catch (error) {
    if (awsErrorName(error) !== name) throw error;
    return undefined;
  }
}

function launchCalls(
  client: sdk.EC2Client,
): Pick<
  Ec2Port,
  | 'createLaunchTemplate'
  | 'deleteLaunchTemplate'
  | 'createFleet'
  | 'deleteFleets'
  | 'terminateInstances'
  | 'setTags'
> {
  return {
    async createLaunchTemplate(spec) {
      const created = await creation('ec2:CreateLaunchTemplate', `launch template ${spec.name}`, () =>
        client.send(new sdk.CreateLaunchTemplateCommand(launchTemplateRequest(spec))),
      );
      return created.LaunchTemplate?.LaunchTemplateId ?? '';
    },
    async deleteLaunchTemplate(LaunchTemplateId) {
      await deletion('ec2:DeleteLaunchTemplate', () =>
        client.send(new sdk.DeleteLaunchTemplateCommand({ LaunchTemplateId })),
      );
    },
    async createFleet(spec): Promise<FleetResult> {
      try {
        const result = await creation('ec2:CreateFleet', 'the fleet', () =>
          client.send(new sdk.CreateFleetCommand(fleetRequest(spec))),
        );
        return fleetResultOf(result);
      } catch (error) {
        const code = awsErrorName(error) ?? '';
        if (!LAUNCH_REFUSALS.has(code)) throw error;
        const message = error instanceof Error ? error.message : code;
        const refusal = { code, message, instanceType: undefined, subnetId: undefined };
        return { fleetId: undefined, instanceIds: [], errors: [refusal] };
      }
    },
    async deleteFleets(ids) {
      for (let at = 0; at < ids.length; at += FLEETS_PER_DELETE) {
        const FleetIds = ids.slice(at, at + FLEETS_PER_DELETE);
        const answer = await mapped('ec2:DeleteFleets', () =>
          client.send(new sdk.DeleteFleetsCommand({ FleetIds, TerminateInstances: true })),
        );
        const refused = (answer.UnsuccessfulFleetDeletions ?? []).find(
          (item) =>
            item.Error?.Code !== 'fleetIdDoesNotExist' && item.Error?.Code !== 'fleetNotInDeletableState',
        );
        if (refused !== undefined) {
          throw failed('still-in-use', `ec2:DeleteFleets refused ${refused.FleetId ?? 'a fleet'}`, {
            details: { awsError: refused.Error?.Code, action: 'ec2:DeleteFleets' },
          });
        }
      }
    },
    async terminateInstances(ids) {
      if (ids.length === 0) return;
      await deletion('ec2:TerminateInstances', () =>
        client.send(new sdk.TerminateInstancesCommand({ InstanceIds: [...ids] })),
      );
    },
    async setTags(ids, tags) {
      await mapped('ec2:CreateTags', () =>
        client.send(new sdk.CreateTagsCommand({ Resources: [...ids], Tags: tagList(tags) })),
      );
    },
  };
}

function launchTemplateRequest(spec: LaunchTemplateSpec): sdk.CreateLaunchTemplateCommandInput {
  const atLaunch: sdk.LaunchTemplateTagSpecificationRequest[] = [
    tagSpecification('network-interface', spec.instanceTags),
    ...(spec.market === 'spot' ? [tagSpecification('spot-instances-request', spec.instanceTags)] : []),
  ];
  return {
    LaunchTemplateName: spec.name,
    ClientToken: spec.clientToken,
    TagSpecifications: [tagSpecification('launch-template', spec.tags)],
    LaunchTemplateData: {
      IamInstanceProfile: { Arn: spec.instanceProfileArn },
      BlockDeviceMappings: [
        {
          DeviceName: spec.rootDevice,
          Ebs: { VolumeType: 'gp3', VolumeSize: spec.volumeGiB, Encrypted: true, DeleteOnTermination: true },
        },
      ],
      NetworkInterfaces: [
        {
          DeviceIndex: 0,
          AssociatePublicIpAddress: spec.publicIp,
          Groups: [...spec.securityGroupIds],
          DeleteOnTermination: true,
        },
      ],
      MetadataOptions: {
        HttpEndpoint: 'enabled',
        HttpTokens: 'required',
        HttpPutResponseHopLimit: 1,
        // The lease timer reads the expiry tag there: extending a lease needs no rights on the instance.
        InstanceMetadataTags: 'enabled',
      },
      CreditSpecification: { CpuCredits: 'standard' },
      InstanceInitiatedShutdownBehavior: 'terminate',
      Monitoring: { Enabled: false },
      UserData: base64(utf8(spec.userData)),
      TagSpecifications: atLaunch,
    },
  };
}

function fleetRequest(spec: FleetSpec): sdk.CreateFleetCommandInput {
  return {
    Type: 'instant',
    ClientToken: spec.clientToken,
    LaunchTemplateConfigs: [
      {
        LaunchTemplateSpecification: { LaunchTemplateId: spec.launchTemplateId, Version: '$Default' },
        Overrides: spec.overrides.map((override) => ({
          InstanceType: override.instanceType as sdk._InstanceType,
          SubnetId: override.subnetId,
          ImageId: override.imageId,
          ...(spec.market === 'on-demand' ? { Priority: override.priority } : {}),
        })),
      },
    ],
    TargetCapacitySpecification: { TotalTargetCapacity: 1, DefaultTargetCapacityType: spec.market },
    ...(spec.market === 'spot'
      ? { SpotOptions: { AllocationStrategy: 'price-capacity-optimized' as const } }
      : { OnDemandOptions: { AllocationStrategy: 'prioritized' as const } }),
    TagSpecifications: [
      tagSpecification('fleet', spec.tags),
      tagSpecification('instance', spec.tags),
      tagSpecification('volume', spec.tags),
    ],
  };
}
