import type { Tags } from './tags.ts';

/** As GetRole shows it. */
export interface Role {
  readonly name: string;
  readonly arn: string;
  readonly path: string;
  readonly boundaryArn: string | undefined;
  /** Trust policy as JSON. */
  readonly trust: string | undefined;
  readonly tags: Tags;
}

/** As GetInstanceProfile shows it; AWS allows one role in a profile. */
export interface InstanceProfile {
  readonly name: string;
  readonly arn: string;
  readonly path: string;
  readonly roleNames: readonly string[];
  /** Trust policy of its role, as JSON. */
  readonly trust: string | undefined;
  readonly tags: Tags;
}

/** As GetPolicy shows it, without the document. */
export interface ManagedPolicy {
  readonly name: string;
  readonly arn: string;
  readonly path: string;
  readonly tags: Tags;
}

/** The calls to IAM, with their pages read to the end. */
export interface IamPort {
  /** GetRole; undefined if it does not exist. */
  role(name: string): Promise<Role | undefined>;
  /** ListRoles by path, names only (the list has no tags). */
  roleNames(path: string): Promise<readonly string[]>;
  /** CreateRole with path, boundary and tags; returns its ARN. Throws `already-exists`. */
  createRole(request: {
    readonly name: string;
    readonly path: string;
    readonly description: string;
    /** Trust policy as JSON. */
    readonly trust: string;
    readonly boundaryArn: string | undefined;
    readonly tags: Tags;
  }): Promise<string>;
  /** ListRolePolicies. Empty if the role does not exist. */
  rolePolicyNames(role: string): Promise<readonly string[]>;
  /** GetRolePolicy, decoded JSON; undefined if there is none. */
  rolePolicy(role: string, policy: string): Promise<string | undefined>;
  /** PutRolePolicy: creates or overwrites. */
  putRolePolicy(role: string, policy: string, document: string): Promise<void>;
  /** DeleteRolePolicy; succeeds if the policy no longer exists. */
  deleteRolePolicy(role: string, policy: string): Promise<void>;
  /** DeleteRole; succeeds if the role no longer exists. Throws `still-in-use` (DeleteConflict). */
  deleteRole(name: string): Promise<void>;

  /** GetInstanceProfile; undefined if it does not exist. */
  instanceProfile(name: string): Promise<InstanceProfile | undefined>;
  /** ListInstanceProfiles by path, names only. */
  instanceProfileNames(path: string): Promise<readonly string[]>;
  /** CreateInstanceProfile; returns its ARN. Throws `already-exists`. */
  createInstanceProfile(request: {
    readonly name: string;
    readonly path: string;
    readonly tags: Tags;
  }): Promise<string>;
  /** AddRoleToInstanceProfile; succeeds if the profile already has the role. */
  addRoleToInstanceProfile(profile: string, role: string): Promise<void>;
  /** RemoveRoleFromInstanceProfile; succeeds if the role is no longer in it. */
  removeRoleFromInstanceProfile(profile: string, role: string): Promise<void>;
  /** DeleteInstanceProfile; succeeds if the profile no longer exists. Throws `still-in-use` (DeleteConflict). */
  deleteInstanceProfile(name: string): Promise<void>;

  /** GetPolicy by ARN; undefined if it does not exist. */
  policy(arn: string): Promise<ManagedPolicy | undefined>;
  /** ListPolicies (scope Local) by path; returns ARNs. */
  policyArns(path: string): Promise<readonly string[]>;
  /** CreatePolicy; returns its ARN. Throws `already-exists`. */
  createPolicy(request: {
    readonly name: string;
    readonly path: string;
    readonly description: string;
    readonly document: string;
    readonly tags: Tags;
  }): Promise<string>;
  /** DeletePolicy; succeeds if the policy no longer exists. Throws `still-in-use` (DeleteConflict). */
  deletePolicy(arn: string): Promise<void>;
}

/** The principal that signs the calls. */
export interface Identity {
  readonly accountId: string;
  readonly arn: string;
  readonly userId: string;
  /** `aws`, `aws-cn`, `aws-us-gov`. */
  readonly partition: string;
}

export interface IdentityPort {
  /** GetCallerIdentity. */
  caller(): Promise<Identity>;
}
