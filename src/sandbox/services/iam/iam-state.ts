import { formatArn, nameOfArn } from '../../../core/arn.ts';
import type { Clock } from '../../../core/clock.ts';
import { AwsError, type Principal, type RoleCredentials } from '../../contracts.ts';
import type { Seed } from '../../seed-shapes.ts';
import type { PrincipalDirectory } from '../../iam/access-control.ts';
import type { AccessKeys } from '../../iam/access-keys.ts';
import type { Grants, NamedPolicy } from '../../iam/evaluator.ts';
import { parsePolicy, type PolicyDocument } from '../../iam/policy-document.ts';
import type { ResourceIds } from '../../random.ts';
import type { ServiceLinkedRole } from '../service-description.ts';
import { AWS_MANAGED_POLICIES } from './iam-managed-policies.ts';

/** The account's users, roles, policies and instance profiles. */

export interface PolicyText {
  readonly text: string;
  readonly document: PolicyDocument;
}

export interface Role {
  readonly name: string;
  readonly path: string;
  readonly arn: string;
  readonly id: string;
  readonly trust: PolicyText;
  readonly description: string | undefined;
  readonly createdAt: Date;
  readonly maxSessionSeconds: number;
  readonly inline: Map<string, PolicyText>;
  readonly attached: Set<string>;
  readonly boundaryArn: string | undefined;
  readonly tags: Map<string, string>;
  /** AWS made the role for a service: it cannot be deleted like other roles, and the snapshot leaves it out. */
  readonly serviceLinked: boolean;
}

export interface ManagedPolicy {
  readonly name: string;
  readonly path: string;
  readonly arn: string;
  readonly id: string;
  readonly policy: PolicyText;
  readonly createdAt: Date;
  readonly tags: Map<string, string>;
  readonly awsOwned: boolean;
}

export interface InstanceProfile {
  readonly name: string;
  readonly path: string;
  readonly arn: string;
  readonly id: string;
  readonly createdAt: Date;
  readonly tags: Map<string, string>;
  roleName: string | undefined;
  /** Milliseconds since the epoch from which EC2 uses the profile in its current form. */
  settledAt: number;
}

interface User {
  readonly name: string;
  readonly principal: Principal;
  readonly createdAt: Date;
  readonly grants: Grants;
}

export interface IamDeps {
  readonly seed: Seed;
  readonly clock: Clock;
  readonly ids: ResourceIds;
  readonly keys: AccessKeys;
  readonly profilePropagationMs: number;
  /** The service-linked roles of all services of the sandbox. */
  readonly serviceLinkedRoles: readonly ServiceLinkedRole[];
}

const SESSION_MS = 3_600_000;

/** As in a real organization: everything is allowed, and one statement denies. */
function organizationOf(forbidden: readonly string[]): NonNullable<Grants['organization']> {
  if (forbidden.length === 0) return [];
  const Statement = [
    { Effect: 'Allow', Action: '*', Resource: '*' },
    { Effect: 'Deny', Action: forbidden, Resource: '*' },
  ];
  return [{ name: 'organization/forbidden', document: parsePolicy({ Version: '2012-10-17', Statement }) }];
}

/** The state of IAM. Each lookup throws AwsError `NoSuchEntity` if it finds nothing. */
export class IamState implements PrincipalDirectory {
  readonly accountId: string;
  readonly accountAlias: string | undefined;
  readonly roles = new Map<string, Role>();
  readonly policies = new Map<string, ManagedPolicy>();
  readonly profiles = new Map<string, InstanceProfile>();
  readonly users = new Map<string, User>();
  readonly #deps: IamDeps;
  /** The service control policies of the organization that hold for roles. */
  readonly #organization: NonNullable<Grants['organization']>;

  constructor(deps: IamDeps) {
    this.#deps = deps;
    this.#organization = organizationOf(deps.seed.forbiddenActions ?? []);
    this.accountId = deps.seed.accountId;
    this.accountAlias = deps.seed.accountAlias;
    for (const [name, document] of Object.entries(AWS_MANAGED_POLICIES)) {
      this.addPolicy({ name, path: '/', text: JSON.stringify(document), tags: new Map(), awsOwned: true });
    }
    for (const seeded of deps.seed.roles) {
      const boundary =
        seeded.boundary === undefined
          ? undefined
          : this.addPolicy({
              name: `${seeded.name}-boundary`,
              path: '/',
              text: JSON.stringify(seeded.boundary),
              tags: new Map(),
              awsOwned: false,
            });
      const role = this.addRole({
        name: seeded.name,
        path: seeded.path,
        trustText: JSON.stringify(seeded.trust),
        serviceLinked: false,
        boundaryArn: boundary?.arn,
      });
      for (const [name, document] of Object.entries(seeded.inlinePolicies)) {
        const text = JSON.stringify(document);
        role.inline.set(name, { text, document: parsePolicy(text) });
      }
    }
    for (const { roleName } of deps.seed.instances ?? [])
      if (roleName !== undefined && !this.profiles.has(roleName))
        this.addProfile(roleName, '/', new Map()).roleName = roleName;
  }

  get serviceLinkedRoles(): readonly ServiceLinkedRole[] {
    return this.#deps.serviceLinkedRoles;
  }

  get now(): number {
    return this.#deps.clock.now();
  }

  arn(resource: string): string {
    return formatArn({ service: 'iam', account: this.accountId, resource });
  }

  addRole(spec: {
    readonly name: string;
    readonly path: string;
    readonly trustText: string;
    readonly serviceLinked: boolean;
    readonly description?: string | undefined;
    readonly boundaryArn?: string | undefined;
    readonly tags?: Map<string, string>;
    readonly maxSessionSeconds?: number | undefined;
  }): Role {
    const role: Role = {
      name: spec.name,
      path: spec.path,
      arn: this.arn(`role${spec.path}${spec.name}`),
      id: this.#deps.ids.iam('AROA'),
      trust: { text: spec.trustText, document: parsePolicy(spec.trustText, 'trust') },
      description: spec.description,
      createdAt: new Date(this.now),
      maxSessionSeconds: spec.maxSessionSeconds ?? 3600,
      inline: new Map(),
      attached: new Set(),
      boundaryArn: spec.boundaryArn,
      tags: spec.tags ?? new Map<string, string>(),
      serviceLinked: spec.serviceLinked,
    };
    this.roles.set(role.name, role);
    return role;
  }

  addPolicy(spec: {
    readonly name: string;
    readonly path: string;
    readonly text: string;
    readonly tags: Map<string, string>;
    readonly awsOwned: boolean;
  }): ManagedPolicy {
    const suffix = `policy${spec.path}${spec.name}`;
    const policy: ManagedPolicy = {
      name: spec.name,
      path: spec.path,
      arn: spec.awsOwned ? formatArn({ service: 'iam', account: 'aws', resource: suffix }) : this.arn(suffix),
      id: this.#deps.ids.iam('ANPA'),
      policy: { text: spec.text, document: parsePolicy(spec.text) },
      createdAt: new Date(this.now),
      tags: spec.tags,
      awsOwned: spec.awsOwned,
    };
    this.policies.set(policy.arn, policy);
    return policy;
  }

  addProfile(name: string, path: string, tags: Map<string, string>): InstanceProfile {
    const profile: InstanceProfile = {
      name,
      path,
      arn: this.arn(`instance-profile${path}${name}`),
      id: this.#deps.ids.iam('AIPA'),
      createdAt: new Date(this.now),
      tags,
      roleName: undefined,
      settledAt: this.now + this.#deps.profilePropagationMs,
    };
    this.profiles.set(name, profile);
    return profile;
  }

  /** Sets the role of the profile; EC2 uses the change after a delay. */
  setProfileRole(profile: InstanceProfile, roleName: string | undefined): void {
    profile.roleName = roleName;
    profile.settledAt = this.now + this.#deps.profilePropagationMs;
  }

  addUser(
    name: string,
    policies: readonly unknown[],
    boundary: unknown,
    serviceControlPolicies: readonly unknown[] = [],
  ): User {
    const arn = this.arn(`user/${name}`);
    const user: User = {
      name,
      principal: { arn, userId: this.#deps.ids.iam('AIDA'), accountId: this.accountId },
      createdAt: new Date(this.now),
      grants: {
        identity: policies.map((policy, index) => ({
          name: `user/${name}/${index}`,
          document: parsePolicy(policy),
        })),
        boundary:
          boundary === undefined
            ? undefined
            : { name: `user/${name}/boundary`, document: parsePolicy(boundary) },
        organization: serviceControlPolicies.map((policy, index) => ({
          name: `organization/${index}`,
          document: parsePolicy(policy),
        })),
      },
    };
    this.users.set(name, user);
    return user;
  }

  role(name: string): Role {
    const role = this.roles.get(name);
    if (role === undefined) throw noSuchEntity(`The role with name ${name} cannot be found.`);
    return role;
  }

  policy(arn: string): ManagedPolicy {
    const policy = this.policies.get(arn);
    if (policy === undefined) throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
    return policy;
  }

  profile(name: string): InstanceProfile {
    const profile = this.profiles.get(name);
    if (profile === undefined) throw noSuchEntity(`Instance Profile ${name} cannot be found.`);
    return profile;
  }

  grantsOf(principal: Principal): Grants | undefined {
    if (principal.roleName === undefined) {
      const name = nameOfArn(principal.arn);
      return this.users.get(name)?.grants;
    }
    const role = this.roles.get(principal.roleName);
    return role === undefined ? undefined : this.roleGrants(role);
  }

  roleGrants(role: Role): Grants {
    const inline: NamedPolicy[] = [...role.inline].map(([name, policy]) => ({
      name: `role/${role.name}/${name}`,
      document: policy.document,
    }));
    const attached = [...role.attached].flatMap((arn) => this.#named(arn));
    const boundary = role.boundaryArn === undefined ? undefined : this.#named(role.boundaryArn)[0];
    return { identity: [...inline, ...attached], boundary, organization: this.#organization };
  }

  tagsOf(principal: Principal): ReadonlyMap<string, string> {
    const role = principal.roleName === undefined ? undefined : this.roles.get(principal.roleName);
    return role?.tags ?? new Map<string, string>();
  }

  trustOf(roleName: string): { readonly arn: string; readonly document: PolicyDocument } | undefined {
    const role = this.roles.get(roleName);
    return role === undefined ? undefined : { arn: role.arn, document: role.trust.document };
  }

  rolePrincipal(roleName: string, sessionName: string): Principal | undefined {
    const role = this.roles.get(roleName);
    if (role === undefined) return undefined;
    return {
      arn: formatArn({
        service: 'sts',
        account: this.accountId,
        resource: `assumed-role/${roleName}/${sessionName}`,
      }),
      userId: `${role.id}:${sessionName}`,
      accountId: this.accountId,
      roleName,
    };
  }

  roleSession(
    roleName: string,
    sessionName: string,
    durationMs = SESSION_MS,
  ): RoleCredentials & { readonly expiresAt: number } {
    const principal = this.rolePrincipal(roleName, sessionName);
    if (principal === undefined) throw noSuchEntity(`The role with name ${roleName} cannot be found.`);
    return this.#deps.keys.issueSession(principal, this.now + durationMs);
  }

  #named(arn: string): readonly NamedPolicy[] {
    const policy = this.policies.get(arn);
    return policy === undefined ? [] : [{ name: arn, document: policy.policy.document }];
  }
}

export const noSuchEntity = (message: string): AwsError => new AwsError('NoSuchEntity', message, 404);
