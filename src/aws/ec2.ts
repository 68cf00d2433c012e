import * as sdk from '@aws-sdk/client-ec2';
import type { ClientConfig } from './client-config.ts';
import { endRetriesOn } from './interruption.ts';
import { limitConcurrency } from './throttling.ts';

import type { Ec2Port, Fleet } from '../provision/ports/ec2.ts';
import type { TagFilter } from '../provision/ports/tags.ts';
import { undefinedOn } from './ec2-outcomes.ts';
import {
  endpointOf,
  groupOf,
  groupRuleOf,
  idFilter,
  instanceOf,
  launchTemplateOf,
  poolOf,
  routeTableOf,
  subnetOf,
  tagFilters,
  tagsOf,
  vpcOf,
} from './ec2-shapes.ts';
import { groupCalls, launchCalls } from './ec2-writes.ts';
import { mapped } from './errors.ts';
import { withProfileEndpoints } from './profile-endpoints.ts';

export function createEc2Port(config: ClientConfig): Ec2Port {
  const client = endRetriesOn(
    limitConcurrency(withProfileEndpoints(new sdk.EC2Client(config), config)),
    config.interruption,
  );
  return {
    ...networkCalls(client),
    ...inventoryCalls(client),
    ...groupCalls(client),
    ...launchCalls(client),
  };
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
  | 'persistentSpotRequests'
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
    async instances({ ids, tag, states, vpcId }) {
      const Filters = [
        ...idFilter('instance-id', ids),
        ...tagFilters(tag),
        ...idFilter('instance-state-name', states),
        ...idFilter('vpc-id', vpcId === undefined ? undefined : [vpcId]),
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
      // DescribeFleets returns instant fleets only when they are requested by id; DescribeTags finds their ids.
      const Filters = [{ Name: 'resource-type', Values: ['fleet'] }, ...describeTagsFilter(tag)];
      const pages = sdk.paginateDescribeTags(paging, { Filters });
      const tagged = await all('ec2:DescribeTags', pages, (page) => page.Tags);
      const FleetIds = [...new Set(tagged.flatMap((entry) => entry.ResourceId ?? []))];
      return (await describedFleets(client, FleetIds)).map((fleet): Fleet => ({
        id: fleet.FleetId ?? '',
        state: fleet.FleetState ?? '',
        tags: tagsOf(fleet.Tags),
      }));
    },
    async fleetPools(fleetId) {
      const described = await undefinedOn('InvalidFleetId.NotFound', 'ec2:DescribeFleets', () =>
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
    async persistentSpotRequests(instanceIds) {
      const pages = sdk.paginateDescribeSpotInstanceRequests(paging, {
        Filters: [
          ...idFilter('instance-id', instanceIds),
          ...idFilter('type', ['persistent']),
          ...idFilter('state', ['active']),
        ],
      });
      const requests = await all(
        'ec2:DescribeSpotInstanceRequests',
        pages,
        (page) => page.SpotInstanceRequests,
      );
      return new Map(
        requests.map((request) => [request.InstanceId ?? '', request.SpotInstanceRequestId ?? '']),
      );
    },
    async consoleOutput(InstanceId) {
      // The console of types before Nitro (t2, m4) cannot be read while they run, and the instance may have been
      // deleted by now.
      const answer = await undefinedOn(
        ['UnsupportedOperation', 'InvalidInstanceID.NotFound'],
        'ec2:GetConsoleOutput',
        () => client.send(new sdk.GetConsoleOutputCommand({ InstanceId, Latest: true })),
      );
      return Buffer.from(answer?.Output ?? '', 'base64').toString('utf8');
    },
  };
}

/**
 * EC2 forgets a fleet some days after its end, and the fleet's tags still later; a call that names one such id fails as
 * a whole. The ids are then split in halves, so that a forgotten fleet costs a few more calls but hides no other fleet.
 */
async function describedFleets(
  client: sdk.EC2Client,
  FleetIds: readonly string[],
): Promise<readonly sdk.FleetData[]> {
  if (FleetIds.length === 0) return [];
  const answer = await undefinedOn('InvalidFleetId.NotFound', 'ec2:DescribeFleets', () =>
    client.send(new sdk.DescribeFleetsCommand({ FleetIds: [...FleetIds] })),
  );
  if (answer !== undefined) return answer.Fleets ?? [];
  if (FleetIds.length === 1) return [];
  const half = Math.ceil(FleetIds.length / 2);
  const halves = [FleetIds.slice(0, half), FleetIds.slice(half)];
  return (await Promise.all(halves.map((ids) => describedFleets(client, ids)))).flat();
}

/** DescribeTags names its filters differently from every other call. */
const describeTagsFilter = (tag: TagFilter): sdk.Filter[] => [
  { Name: 'key', Values: [tag.key] },
  ...(tag.values === undefined ? [] : [{ Name: 'value', Values: [...tag.values] }]),
];
