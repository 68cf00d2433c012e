import { formatArn, nameOfArn } from '../../core/arn.ts';
import type { Bastion } from './bastion.ts';
import { leaseOf } from '../lease/lease.ts';
import { bastionOfIamName, iamNames, type IamNaming, namingOfTag } from '../roles/iam-names.ts';
import { commonName, ROLE_POLICY, TAG } from './names.ts';
import type { Ec2Port, Fleet, Instance, InstanceState, LaunchTemplate } from '../ports/ec2.ts';
import type { IamPort, InstanceProfile, ManagedPolicy, Role } from '../ports/iam.ts';
import type { SecurityGroup, SecurityGroupRule } from '../ports/network.ts';
import type { Tags } from '../ports/tags.ts';

/** Reads which resources of bastions exist, from tags and derived names; there is no local record. */

export interface OwnRole extends Role {
  /** Names of the role's inline policies. */
  readonly policyNames: readonly string[];
  /** The inline policy that `up` wrote, as JSON; undefined if it does not exist. */
  readonly policy: string | undefined;
}

/** A resource that has the tag of a bastion but not the name, or the name but not the tag. It is never changed or deleted. */
export interface Foreign {
  readonly kind:
    | 'security group'
    | 'security group rule'
    | 'launch template'
    | 'fleet'
    | 'instance'
    | 'role'
    | 'instance profile'
    | 'policy';
  readonly id: string;
  readonly why: string;
  /** True if it has the name that `up` would use, so that `up` cannot create its own resource. */
  readonly holdsName: boolean;
  /** VPC of a security group. The name of a security group is unique only within its VPC. */
  readonly vpcId?: string;
}

export interface Inventory {
  readonly name: string;
  /** Path and prefix under which the IAM resources were searched. */
  readonly iam: IamNaming;
  readonly role: OwnRole | undefined;
  readonly profile: InstanceProfile | undefined;
  /** The permissions boundary created for this bastion alone; the shared one is not part of it. */
  readonly boundary: ManagedPolicy | undefined;
  readonly groups: readonly SecurityGroup[];
  readonly templates: readonly LaunchTemplate[];
  /** The fleets that are not deleted. */
  readonly fleets: readonly Fleet[];
  /** The instances that are not terminated. */
  readonly instances: readonly Instance[];
  /** Ingress rules that `up --allow-db` added to security groups of databases. */
  readonly databaseRules: readonly SecurityGroupRule[];
  readonly foreign: readonly Foreign[];
}

/** Every state but `terminated`. */
export const NOT_TERMINATED: readonly InstanceState[] = [
  'pending',
  'running',
  'shutting-down',
  'stopping',
  'stopped',
];

/**
 * Instances that run or start, oldest first: when two `up` ran at the same time, the first one is kept. An instance that
 * EC2 is interrupting and that has a replacement already is left out, since it terminates by itself.
 */
export function runningOldestFirst(instances: readonly Instance[]): readonly Instance[] {
  const alive = instances.filter((instance) => instance.state === 'running' || instance.state === 'pending');
  const replaced = new Set(alive.map((instance) => instance.tags[TAG.replaces]));
  return alive
    .filter((instance) => !replaced.has(instance.id))
    .sort((a, b) => a.launchedAt - b.launchedAt || (a.id < b.id ? -1 : 1));
}

export interface InventoryPorts {
  readonly ec2: Ec2Port;
  readonly iam: IamPort;
}

export interface InventoryScope {
  readonly name: string;
  readonly region: string;
  readonly accountId: string;
  readonly partition: string;
  /** Path and prefix under which the IAM resources are searched, unless the tag of another resource names others. */
  readonly iam: IamNaming;
}

/** Waits for a call that only reads, and may return `instead` if the caller is not allowed to make it. */
export type Read = <T>(call: Promise<T>, instead: T) => Promise<T>;

/** Denials are errors: a resource that is not seen could be overlooked. */
const strictly: Read = (call) => call;

/**
 * Reads all resources of one bastion, with about ten API calls in parallel. Throws `access-denied` if the caller may not
 * read one of them, unless `read` handles that.
 */
export async function readInventory(
  ports: InventoryPorts,
  scope: InventoryScope,
  read: Read = strictly,
): Promise<Inventory> {
  const [compute, usual] = await Promise.all([
    readCompute(ports.ec2, scope, read),
    readIam(ports.iam, scope, read),
  ]);
  const tagged = namingInTags(compute.own);
  const iam = tagged ?? scope.iam;
  const same = iam.path === scope.iam.path && iam.prefix === scope.iam.prefix;
  const identity = same ? usual : await readIam(ports.iam, { ...scope, iam }, read);
  return {
    name: scope.name,
    iam,
    ...compute.own,
    ...identity.own,
    foreign: [...compute.foreign, ...identity.foreign],
  };
}

/** Path and prefix that the tags of the bastion name, so that `down` finds what `up --iam-path` created without that flag. */
function namingInTags(own: ComputePart): IamNaming | undefined {
  const tagged = [own.groups, own.templates, own.fleets, own.instances].flat();
  return tagged.map((item) => namingOfTag(item.tags[TAG.iam])).find((naming) => naming !== undefined);
}

type ComputePart = Pick<Inventory, 'groups' | 'templates' | 'fleets' | 'instances' | 'databaseRules'>;
type IamPart = Pick<Inventory, 'role' | 'profile' | 'boundary'>;

async function readCompute(
  ec2: Ec2Port,
  scope: InventoryScope,
  read: Read,
): Promise<{ readonly own: ComputePart; readonly foreign: readonly Foreign[] }> {
  const tag = { key: TAG.bastion, values: [scope.name] };
  const common = commonName(scope.name);
  const [groups, templates, fleets, instances, rules, groupNamesakes, namesakes] = await Promise.all([
    read(ec2.securityGroups({ tag }), []),
    read(ec2.launchTemplates({ tag }), []),
    read(ec2.fleets({ tag }), []),
    read(ec2.instances({ tag, states: NOT_TERMINATED }), []),
    read(ec2.securityGroupRules({ tag }), []),
    read(ec2.securityGroups({ names: [common] }), []),
    read(ec2.launchTemplates({ names: [common] }), []),
  ]);
  const foreign: Foreign[] = [];
  const ownPart = <T extends { readonly id: string }>(
    kind: Foreign['kind'],
    found: readonly T[],
    fits: (item: T) => boolean,
    what: string,
  ): T[] =>
    found.filter((item) => {
      if (fits(item)) return true;
      const why = `has the tag of this bastion, but its ${what} is not ${common}`;
      foreign.push({ kind, id: item.id, why, holdsName: false });
      return false;
    });
  const named = (item: { readonly tags: Tags }): boolean => item.tags[TAG.name] === common;
  const untagged = (
    kind: Foreign['kind'],
    item: { readonly id: string; readonly name: string; readonly tags: Tags; readonly vpcId?: string },
  ): void => {
    if (item.tags[TAG.bastion] === scope.name) return;
    const { id, vpcId } = item;
    const why = `has the name ${item.name}, but not the tag of this bastion`;
    foreign.push({ kind, id, why, holdsName: true, ...(vpcId === undefined ? {} : { vpcId }) });
  };
  for (const group of groupNamesakes) untagged('security group', group);
  for (const template of namesakes) untagged('launch template', template);
  return {
    own: {
      groups: ownPart('security group', groups, (group) => group.name === common, 'name'),
      templates: ownPart('launch template', templates, (template) => template.name === common, 'name'),
      fleets: ownPart(
        'fleet',
        fleets.filter((fleet) => !fleet.state.startsWith('deleted')),
        named,
        'tag Name',
      ),
      instances: ownPart('instance', instances, named, 'tag Name'),
      databaseRules: ownPart(
        'security group rule',
        // Outbound rules of the bastion's own group are deleted with the group.
        rules.filter((rule) => !rule.egress),
        named,
        'tag Name',
      ),
    },
    foreign,
  };
}

async function readIam(
  iam: IamPort,
  scope: InventoryScope,
  read: Read,
): Promise<{ readonly own: IamPart; readonly foreign: readonly Foreign[] }> {
  const names = iamNames(scope.name, scope.region, scope.iam);
  const [role, profile, boundary] = await Promise.all([
    read(iam.role(names.role), undefined),
    read(iam.instanceProfile(names.profile), undefined),
    read(iam.policy(boundaryArn(scope)), undefined),
  ]);
  const foreign: Foreign[] = [];
  const ours = (item: { readonly tags: Tags; readonly path: string }): boolean =>
    item.tags[TAG.bastion] === scope.name && item.path === scope.iam.path;
  const ownPart = <T extends { readonly tags: Tags; readonly path: string; readonly name: string }>(
    kind: Foreign['kind'],
    item: T | undefined,
  ): T | undefined => {
    if (item === undefined || ours(item)) return item;
    const why = 'has the name that this bastion would use, but not its tag and path';
    foreign.push({ kind, id: item.name, why, holdsName: true });
    return undefined;
  };
  const ownRole = ownPart('role', role);
  const [policyNames, policy] =
    ownRole === undefined
      ? [[], undefined]
      : await Promise.all([
          read(iam.rolePolicyNames(names.role), []),
          read(iam.rolePolicy(names.role, ROLE_POLICY), undefined),
        ]);
  return {
    own: {
      role: ownRole === undefined ? undefined : { ...ownRole, policyNames, policy },
      profile: ownPart('instance profile', profile),
      boundary: ownPart('policy', boundary),
    },
    foreign,
  };
}

/** ARN of the permissions boundary that `up` creates for one bastion when the account has no shared one. */
export function boundaryArn(scope: InventoryScope): string {
  const { boundary } = iamNames(scope.name, scope.region, scope.iam);
  const { partition, accountId: account, iam } = scope;
  return formatArn({ partition, service: 'iam', account, resource: `policy${iam.path}${boundary}` });
}

/** True if nothing of the bastion exists; an instance that is shutting down still does. */
export function isEmpty(inventory: Inventory): boolean {
  return (
    inventory.role === undefined &&
    inventory.profile === undefined &&
    inventory.boundary === undefined &&
    inventory.groups.length === 0 &&
    inventory.templates.length === 0 &&
    inventory.fleets.length === 0 &&
    inventory.instances.length === 0 &&
    inventory.databaseRules.length === 0
  );
}

/** Bastions that are running or starting, newest first. */
export async function findBastions(
  ec2: Ec2Port,
  filter: { readonly name?: string },
): Promise<readonly Bastion[]> {
  const tag = filter.name === undefined ? { key: TAG.bastion } : { key: TAG.bastion, values: [filter.name] };
  const instances = await ec2.instances({ tag, states: ['pending', 'running'] });
  return instances.map(bastionOf).sort((a, b) => b.launchedAt - a.launchedAt);
}

/** Reads the properties of the bastion from the tags of its instance. */
export function bastionOf(instance: Instance): Bastion {
  return {
    name: instance.tags[TAG.bastion] ?? '',
    instanceId: instance.id,
    state: instance.state,
    instanceType: instance.type,
    market: instance.market,
    vpcId: instance.vpcId,
    subnetId: instance.subnetId,
    privateIp: instance.privateIp,
    groupIds: instance.groupIds,
    launchedAt: instance.launchedAt,
    expiresAt: leaseOf(instance).expiresAt,
    owner: instance.tags[TAG.owner],
    cluster: instance.tags[TAG.cluster],
    replaces: instance.tags[TAG.replaces],
    ports: instance.tags[TAG.ports]?.split(' ').map(Number),
  };
}

/**
 * Names of all bastions of which any resource exists in this region, sorted. A resource that only has a copied tag does
 * not count. IAM cannot be searched by tag, so its resources are found by path and name. Throws `access-denied` for a list
 * that the caller may not read, unless `read` handles that.
 */
export async function findNames(
  ports: InventoryPorts,
  region: string,
  naming: IamNaming,
  read: <T>(list: Promise<readonly T[]>) => Promise<readonly T[]> = (list) => list,
): Promise<readonly string[]> {
  const { ec2, iam } = ports;
  const tag = { key: TAG.bastion };
  const [tagged, roles, profiles, policies] = await Promise.all([
    Promise.all([
      read(ec2.instances({ tag, states: NOT_TERMINATED })),
      read(ec2.securityGroups({ tag })),
      read(ec2.launchTemplates({ tag })),
      read(ec2.fleets({ tag })).then((fleets) =>
        fleets.filter((fleet) => !fleet.state.startsWith('deleted')),
      ),
      read(ec2.securityGroupRules({ tag })),
    ]),
    read(iam.roleNames(naming.path)),
    read(iam.instanceProfileNames(naming.path)),
    read(iam.policyArns(naming.path)),
  ]);
  const names = new Set<string>();
  for (const item of tagged.flat()) {
    const name = item.tags[TAG.bastion] ?? '';
    const called = 'name' in item ? item.name : item.tags[TAG.name];
    if (name !== '' && called === commonName(name)) names.add(name);
  }
  for (const iamName of [...roles, ...profiles, ...policies.map(nameOfArn)]) {
    const name = bastionOfIamName(iamName, region, naming);
    if (name !== undefined) names.add(name);
  }
  return [...names].sort();
}
