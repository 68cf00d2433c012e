import { usage } from '../../core/errors.ts';
import { type IamNaming, isDefaultNaming } from '../roles/iam-names.ts';
import type { Tags } from '../ports/tags.ts';

/** Names and tags of all resources of a bastion. They are derived from its name, so that no local record is needed. */

export const TAG = {
  /** The name of the bastion. Every resource is found by this tag. */
  bastion: 'fargate-connect:bastion',
  owner: 'fargate-connect:owner',
  /** ISO 8601, UTC. */
  expiresAt: 'fargate-connect:expires-at',
  /** Minutes from launch to end. Used in exported code, where the end is not known when the tags are written. */
  ttl: 'fargate-connect:ttl-minutes',
  /** Minutes without a session after which the bastion terminates itself. */
  idle: 'fargate-connect:idle-minutes',
  /** Cluster that ecs_connect.sh may reach; absent with --tunnel-only. */
  cluster: 'fargate-connect:cluster',
  /**
   * TCP ports that the security group allows outbound, e.g. `443 5432`; absent where another security group may allow
   * others.
   */
  ports: 'fargate-connect:ports',
  /** `own`, or `given` when an administrator created role and profile (--role). */
  role: 'fargate-connect:role',
  /** Id of the spot instance that this one replaces; both may run during the two minutes of the interruption notice. */
  replaces: 'fargate-connect:replaces',
  /**
   * Path and prefix of the IAM names, where they are not the default ones; `down` uses it to find the IAM resources.
   */
  iam: 'fargate-connect:iam',
  /** Security group that a launch template names. */
  group: 'fargate-connect:group',
  /** Digest of the input from which a launch template was created. */
  digest: 'fargate-connect:digest',
  /** On a rule of a security group: what `doctor --fix` added it for. */
  doctor: 'fargate-connect:doctor',
  version: 'fargate-connect:version',
  name: 'Name',
} as const;

/** Name of the one inline policy of the role. */
export const ROLE_POLICY = 'bastion';

/** Value of the tag `Name` on all resources of a bastion, and the name of its security group and launch template. */
export const commonName = (bastion: string): string => `fargate-connect-${bastion}`;

/**
 * With bastion names up to this length the role's name stays within IAM's limit in every region, if it has no prefix.
 */
const LONGEST_NAME = 32;

/** Throws `bastion-name` (usage). */
export function checkBastionName(name: string): string {
  if (name.length <= LONGEST_NAME && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name)) return name;
  throw usage('bastion-name', `${JSON.stringify(name)} is no bastion name`, {
    details: { name, longest: LONGEST_NAME },
  });
}

export interface TagInput {
  readonly name: string;
  /** A legal value of a tag (`legalTagValue`). */
  readonly owner: string;
  /** The tags that the organisation requires (`givenTags`). */
  readonly given: Tags;
  /** Milliseconds since the epoch; or milliseconds after the launch, where the end is not known yet. */
  readonly expiresAt: number | { readonly afterLaunchMs: number };
  readonly idleMinutes: number;
  readonly cluster: string | undefined;
  readonly roleIsGiven: boolean;
  readonly iam: IamNaming;
  /** Undefined = not known. */
  readonly ports: readonly number[] | undefined;
  readonly version: string;
}

/** Tags of every resource, given in the call that creates it. */
export function resourceTags(input: TagInput): Tags {
  return {
    ...input.given,
    [TAG.name]: commonName(input.name),
    [TAG.bastion]: input.name,
    [TAG.owner]: input.owner,
    ...(typeof input.expiresAt === 'number'
      ? { [TAG.expiresAt]: new Date(input.expiresAt).toISOString() }
      : { [TAG.ttl]: String(Math.round(input.expiresAt.afterLaunchMs / 60_000)) }),
    [TAG.idle]: String(input.idleMinutes),
    ...(input.cluster === undefined ? {} : { [TAG.cluster]: input.cluster }),
    ...(input.ports === undefined ? {} : { [TAG.ports]: portsText(input.ports) }),
    [TAG.role]: input.roleIsGiven ? 'given' : 'own',
    ...(isDefaultNaming(input.iam) ? {} : { [TAG.iam]: `${input.iam.path}${input.iam.prefix}` }),
    [TAG.version]: input.version,
  };
}

const portsText = (ports: readonly number[]): string =>
  [...new Set([443, ...ports])].sort((a, b) => a - b).join(' ');

/**
 * The new value of the tag after more ports were opened for a running bastion; undefined = the value does not change.
 */
export function widenedPorts(before: string | undefined, wanted: string | undefined): string | undefined {
  if (before === undefined || wanted === undefined) return undefined;
  const after = portsText([...before.split(' '), ...wanted.split(' ')].map(Number));
  return after === before ? undefined : after;
}

const INSTANCE_TAGS: ReadonlySet<string> = new Set([TAG.expiresAt, TAG.ttl, TAG.idle, TAG.ports]);

/** Tags of an IAM resource. They leave out lease and ports, which change with the instance and are not updated in IAM. */
export function iamTags(tags: Tags): Tags {
  return Object.fromEntries(Object.entries(tags).filter(([key]) => !INSTANCE_TAGS.has(key)));
}
