import { failed } from '../../src/core/errors.ts';
import type {
  Ec2Port,
  Fleet,
  FleetOverride,
  FleetResult,
  Instance,
  LaunchTemplate,
} from '../../src/provision/ports/ec2.ts';
import type { IamPort, InstanceProfile, ManagedPolicy, Role } from '../../src/provision/ports/iam.ts';
import type { GroupRule, SecurityGroup, SecurityGroupRule } from '../../src/provision/ports/network.ts';
import type { TagFilter, Tags } from '../../src/provision/ports/tags.ts';

/** Thrown instead of returning a response. */
export class Crash extends Error {}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * An in-memory account behind the ports that checks the order of deletion: a group in use, a role in a profile and an
 * attached policy cannot be deleted. Every writing call passes `gate`, which may throw before or after the effect.
 */
export class FakeAccount {
  readonly groups = new Map<string, Mutable<SecurityGroup>>();
  readonly rules = new Map<string, SecurityGroupRule>();
  readonly templates = new Map<string, LaunchTemplate>();
  readonly fleets = new Map<string, Mutable<Fleet>>();
  readonly instanceMap = new Map<string, Mutable<Instance>>();
  readonly roles = new Map<string, Role>();
  readonly rolePolicies = new Map<string, Map<string, string>>();
  readonly profiles = new Map<string, Mutable<InstanceProfile>>();
  readonly policies = new Map<string, ManagedPolicy>();
  /** Names of writing calls, in order. */
  readonly writes: string[] = [];
  /** Security groups of each instance, for DependencyViolation. */
  readonly attached = new Map<string, readonly string[]>();
  gate: (call: string, when: 'before' | 'after') => void = () => undefined;
  /** Responses of CreateFleet, used one by one; when none is left, launches succeed. */
  fleetAnswers: FleetResult[] = [];
  /** The state of a new instance. */
  newState: Instance['state'] = 'running';
  consoleText = 'fargate-connect: ready\r\n';
  #serial = 0;
  #now: () => number;
  #tokens = new Map<string, FleetResult>();

  constructor(now: () => number = () => 1_700_000_000_000) {
    this.#now = now;
  }

  #id(prefix: string): string {
    this.#serial++;
    return `${prefix}-${String(this.#serial).padStart(4, '0')}`;
  }

  #write<T>(call: string, effect: () => T): Promise<T> {
    try {
      this.writes.push(call);
      this.gate(call, 'before');
      const result = effect();
      this.gate(call, 'after');
      return Promise.resolve(result);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** All existing resources, as sorted lines. */
  snapshot(): readonly string[] {
    const living = [...this.instanceMap.values()].filter((instance) => instance.state !== 'terminated');
    const fleets = [...this.fleets.values()].filter((fleet) => !fleet.state.startsWith('deleted'));
    return [
      ...[...this.groups.keys()].map((id) => `group ${id}`),
      ...[...this.rules.keys()].map((id) => `rule ${id}`),
      ...[...this.templates.keys()].map((id) => `template ${id}`),
      ...fleets.map((fleet) => `fleet ${fleet.id}`),
      ...living.map((instance) => `instance ${instance.id}`),
      ...[...this.roles.keys()].map((name) => `role ${name}`),
      ...[...this.profiles.keys()].map((name) => `profile ${name}`),
      ...[...this.policies.keys()].map((arn) => `policy ${arn}`),
    ].sort();
  }

  readonly ec2: Ec2Port = {
    regions: () => Promise.resolve(['eu-west-1']),
    vpcs: () => Promise.resolve([]),
    subnets: () => Promise.resolve([]),
    routeTables: () => Promise.resolve([]),
    vpcEndpoints: () => Promise.resolve([]),
    securityGroups: ({ ids, names, tag }) =>
      Promise.resolve(
        [...this.groups.values()].filter(
          (group) =>
            (ids === undefined || ids.includes(group.id)) &&
            (names === undefined || names.includes(group.name)) &&
            matches(group.tags, tag),
        ),
      ),
    securityGroupRules: ({ tag }) =>
      Promise.resolve([...this.rules.values()].filter((rule) => matches(rule.tags, tag))),
    instances: ({ ids, tag, states }) =>
      Promise.resolve(
        [...this.instanceMap.values()].filter(
          (instance) =>
            (ids === undefined || ids.includes(instance.id)) &&
            (states === undefined || states.includes(instance.state)) &&
            matches(instance.tags, tag),
        ),
      ),
    launchTemplates: ({ names, tag }) =>
      Promise.resolve(
        [...this.templates.values()].filter(
          (template) => (names === undefined || names.includes(template.name)) && matches(template.tags, tag),
        ),
      ),
    fleets: ({ tag }) =>
      Promise.resolve([...this.fleets.values()].filter((fleet) => matches(fleet.tags, tag))),
    fleetPools: (fleetId) => Promise.resolve(this.pools.get(fleetId) ?? []),
    persistentSpotRequests: () => Promise.resolve(new Map()),
    spotStatus: (ids) => Promise.resolve(new Map([...this.spotCodes].filter(([id]) => ids.includes(id)))),
    consoleOutput: () => Promise.resolve(this.consoleText),
    createSecurityGroup: ({ name, vpcId, tags }) =>
      this.#write('createSecurityGroup', () => {
        if ([...this.groups.values()].some((group) => group.name === name && group.vpcId === vpcId))
          throw failed('already-exists', name);
        const id = this.#id('sg');
        const everything: GroupRule = { protocol: '-1', fromPort: 0, toPort: 65_535, cidr: '0.0.0.0/0' };
        this.groups.set(id, { id, name, vpcId, tags, ingress: [], egress: [everything] });
        return id;
      }),
    revokeEgress: (groupId, rules) =>
      rules.length === 0
        ? Promise.resolve()
        : this.#write('revokeEgress', () => {
            const group = this.#group(groupId);
            const gone = new Set(rules.map((rule) => JSON.stringify(rule)));
            group.egress = group.egress.filter((rule) => !gone.has(JSON.stringify(rule)));
          }),
    authorizeEgress: (groupId, rules) =>
      rules.length === 0
        ? Promise.resolve()
        : this.#write('authorizeEgress', () => {
            const group = this.#group(groupId);
            group.egress = [...group.egress, ...rules];
          }),
    authorizeIngress: ({ groupId, sourceGroupId, port, tags }) =>
      this.#write('authorizeIngress', () => {
        this.#group(sourceGroupId);
        const id = this.#id('sgr');
        this.rules.set(id, { id, groupId, egress: false, fromPort: port, toPort: port, sourceGroupId, tags });
      }),
    addRules: () => Promise.reject(new Error('only doctor --fix adds such rules')),
    revokeRule: () => Promise.reject(new Error('only doctor --undo deletes such rules')),
    revokeIngress: (_groupId, ruleId) =>
      this.#write('revokeIngress', () => {
        this.rules.delete(ruleId);
      }),
    deleteSecurityGroup: (groupId) =>
      this.#write('deleteSecurityGroup', () => {
        const inUse = [...this.attached].some(
          ([id, groups]) => groups.includes(groupId) && this.instanceMap.get(id)?.state !== 'terminated',
        );
        const referenced = [...this.rules.values()].some((rule) => rule.sourceGroupId === groupId);
        if (inUse || referenced) throw failed('still-in-use', `group ${groupId} is in use`);
        this.groups.delete(groupId);
      }),
    createLaunchTemplate: (spec) =>
      this.#write('createLaunchTemplate', () => {
        if ([...this.templates.values()].some((template) => template.name === spec.name))
          throw failed('already-exists', spec.name);
        const id = this.#id('lt');
        this.templates.set(id, { id, name: spec.name, createdAt: this.#now(), tags: spec.tags });
        this.templateGroups.set(id, spec.securityGroupIds);
        return id;
      }),
    deleteLaunchTemplate: (id) =>
      this.#write('deleteLaunchTemplate', () => {
        this.templates.delete(id);
      }),
    createFleet: (spec) =>
      this.#write('createFleet', () => {
        const before = this.#tokens.get(spec.clientToken);
        if (before !== undefined) return before;
        const scripted = this.fleetAnswers.shift();
        if (scripted !== undefined) return scripted;
        if (!this.templates.has(spec.launchTemplateId)) {
          const code = 'InvalidLaunchTemplateId.NotFound';
          const error = { code, message: code, instanceType: undefined, subnetId: undefined };
          return { fleetId: undefined, instanceIds: [], errors: [error] };
        }
        const fleetId = this.#id('fleet');
        const instanceId = this.#id('i');
        const [pool] = spec.overrides;
        this.pools.set(fleetId, spec.overrides);
        this.fleets.set(fleetId, { id: fleetId, state: 'active', tags: spec.tags });
        this.instanceMap.set(instanceId, {
          id: instanceId,
          state: this.newState,
          type: pool?.instanceType ?? '',
          market: spec.market,
          vpcId: 'vpc-1',
          subnetId: pool?.subnetId ?? '',
          zone: 'eu-west-1a',
          privateIp: '10.0.0.9',
          publicIp: undefined,
          groupIds: [],
          launchedAt: this.#now(),
          stateReason: undefined,
          tags: { ...spec.tags, 'aws:ec2:fleet-id': fleetId },
        });
        this.attached.set(instanceId, this.templateGroups.get(spec.launchTemplateId) ?? []);
        const result = { fleetId, instanceIds: [instanceId], errors: [] };
        this.#tokens.set(spec.clientToken, result);
        return result;
      }),
    deleteFleets: (ids) =>
      this.#write('deleteFleets', () => {
        for (const id of ids) {
          const fleet = this.fleets.get(id);
          if (fleet !== undefined) fleet.state = 'deleted_terminating';
          for (const instance of this.instanceMap.values())
            if (instance.tags['aws:ec2:fleet-id'] === id) instance.state = 'terminated';
        }
      }),
    terminateInstances: (ids) =>
      this.#write('terminateInstances', () => {
        for (const id of ids) {
          const instance = this.instanceMap.get(id);
          if (instance !== undefined) instance.state = 'terminated';
        }
      }),
    setTags: (ids, tags) =>
      this.#write('setTags', () => {
        for (const id of ids) {
          const instance = this.instanceMap.get(id);
          if (instance !== undefined) instance.tags = { ...instance.tags, ...tags };
        }
      }),
  };

  /** Status code of each instance's spot request. */
  readonly spotCodes = new Map<string, string>();
  readonly pools = new Map<string, readonly FleetOverride[]>();
  readonly templateGroups = new Map<string, readonly string[]>();

  #group(id: string): Mutable<SecurityGroup> {
    const group = this.groups.get(id);
    if (group === undefined) {
      throw failed('aws-error', `no group ${id}`, { details: { awsError: 'InvalidGroup.NotFound' } });
    }
    return group;
  }

  readonly iam: IamPort = {
    role: (name) => Promise.resolve(this.roles.get(name)),
    roleNames: (path) =>
      Promise.resolve([...this.roles.values()].filter((role) => role.path === path).map((role) => role.name)),
    createRole: ({ name, path, boundaryArn, trust, tags }) =>
      this.#write('createRole', () => {
        if (this.roles.has(name)) throw failed('already-exists', name);
        const arn = `arn:aws:iam::111122223333:role${path}${name}`;
        this.roles.set(name, { name, arn, path, boundaryArn, trust, tags });
        return arn;
      }),
    rolePolicyNames: (role) => Promise.resolve([...(this.rolePolicies.get(role)?.keys() ?? [])]),
    rolePolicy: (role, policy) => Promise.resolve(this.rolePolicies.get(role)?.get(policy)),
    putRolePolicy: (role, policy, document) =>
      this.#write('putRolePolicy', () => {
        if (!this.roles.has(role)) throw noEntity(role);
        const policies = this.rolePolicies.get(role) ?? new Map<string, string>();
        this.rolePolicies.set(role, policies.set(policy, document));
      }),
    deleteRolePolicy: (role, policy) =>
      this.#write('deleteRolePolicy', () => {
        this.rolePolicies.get(role)?.delete(policy);
      }),
    deleteRole: (name) =>
      this.#write('deleteRole', () => {
        const inProfile = [...this.profiles.values()].some((profile) => profile.roleNames.includes(name));
        if (inProfile || (this.rolePolicies.get(name)?.size ?? 0) > 0) throw failed('still-in-use', name);
        this.roles.delete(name);
      }),
    instanceProfile: (name) => Promise.resolve(this.profiles.get(name)),
    instanceProfileNames: () => Promise.resolve([...this.profiles.keys()]),
    createInstanceProfile: ({ name, path, tags }) =>
      this.#write('createInstanceProfile', () => {
        if (this.profiles.has(name)) throw failed('already-exists', name);
        const arn = `arn:aws:iam::111122223333:instance-profile${path}${name}`;
        this.profiles.set(name, { name, arn, path, roleNames: [], trust: undefined, tags });
        return arn;
      }),
    addRoleToInstanceProfile: (name, role) =>
      this.#write('addRoleToInstanceProfile', () => {
        const profile = this.profiles.get(name);
        if (profile === undefined || !this.roles.has(role)) throw noEntity(name);
        profile.roleNames = [role];
      }),
    removeRoleFromInstanceProfile: (name) =>
      this.#write('removeRoleFromInstanceProfile', () => {
        const profile = this.profiles.get(name);
        if (profile !== undefined) profile.roleNames = [];
      }),
    deleteInstanceProfile: (name) =>
      this.#write('deleteInstanceProfile', () => {
        if ((this.profiles.get(name)?.roleNames.length ?? 0) > 0) throw failed('still-in-use', name);
        this.profiles.delete(name);
      }),
    policy: (arn) => Promise.resolve(this.policies.get(arn)),
    policyArns: () => Promise.resolve([...this.policies.keys()]),
    createPolicy: ({ name, path, tags }) =>
      this.#write('createPolicy', () => {
        const arn = `arn:aws:iam::111122223333:policy${path}${name}`;
        if (this.policies.has(arn)) throw failed('already-exists', name);
        this.policies.set(arn, { name, arn, path, tags });
        return arn;
      }),
    deletePolicy: (arn) =>
      this.#write('deletePolicy', () => {
        if ([...this.roles.values()].some((role) => role.boundaryArn === arn))
          throw failed('still-in-use', arn);
        this.policies.delete(arn);
      }),
  };
}

const noEntity = (name: string): Error =>
  failed('aws-error', `no ${name}`, { details: { awsError: 'NoSuchEntityException' } });

function matches(tags: Tags, filter: TagFilter | undefined): boolean {
  if (filter === undefined) return true;
  const value = tags[filter.key];
  return value !== undefined && (filter.values === undefined || filter.values.includes(value));
}
