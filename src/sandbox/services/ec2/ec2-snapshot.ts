import type { Ec2State, GroupRule, Resource } from './ec2-state.ts';

/**
 * The resources of a region that exist or cost money. Terminated instances, closed spot requests and deleted fleets
 * are not included.
 */
export function snapshotOf(state: Ec2State): unknown {
  return {
    securityGroups: listed(state.groups, (group) => ({
      name: group.name,
      description: group.description,
      vpc: group.vpcId,
      rules: listed(group.rules, ruleOf),
    })),
    launchTemplates: listed(state.templates, (template) => ({ name: template.name })),
    fleets: listed(state.fleets, (fleet) =>
      fleet.state === 'deleted' || fleet.forgotten === true ? undefined : { state: fleet.state },
    ),
    instances: listed(state.instances, (instance) =>
      instance.state === 'terminated'
        ? undefined
        : { type: instance.instanceType, state: instance.state, subnet: instance.subnetId },
    ),
    networkInterfaces: listed(state.interfaces, (item) => ({
      subnet: item.subnetId,
      ip: item.privateIp ?? item.ipv6Address,
    })),
    volumes: listed(state.volumes, (volume) => ({ sizeGiB: volume.sizeGiB, type: volume.type })),
    spotRequests: listed(state.spotRequests, (request) =>
      request.state === 'closed' ||
      (request.state === 'cancelled' && state.instances.get(request.instanceId)?.state === 'terminated')
        ? undefined
        : { instance: request.instanceId },
    ),
    tags: {
      vpcs: tagged(state.vpcs),
      subnets: tagged(state.subnets),
      routeTables: tagged(state.routeTables),
      endpoints: tagged(state.endpoints),
    },
  };
}

const ruleOf = (rule: GroupRule): object => ({
  egress: rule.egress,
  protocol: rule.protocol,
  ports: [rule.fromPort, rule.toPort],
  peer: rule.peer,
  description: rule.description ?? null,
});

/** The resources sorted by id, with tags; a resource for which `shape` returns undefined is left out. */
function listed<T extends Resource>(
  resources: ReadonlyMap<string, T>,
  shape: (resource: T) => object | undefined,
): readonly unknown[] {
  return [...resources.values()].sort(byId).flatMap((resource) => {
    const members = shape(resource);
    return members === undefined ? [] : [{ id: resource.id, ...members, tags: tagsOf(resource) }];
  });
}

const tagged = (resources: ReadonlyMap<string, Resource>): readonly unknown[] =>
  [...resources.values()]
    .sort(byId)
    .flatMap((resource) => (resource.tags.size === 0 ? [] : [{ id: resource.id, tags: tagsOf(resource) }]));

const byId = (a: Resource, b: Resource): number => (a.id < b.id ? -1 : 1);

const tagsOf = (resource: Resource): Readonly<Record<string, string>> =>
  Object.fromEntries([...resource.tags].sort(([a], [b]) => (a < b ? -1 : 1)));
