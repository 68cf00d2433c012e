import type { AccountErrorFacts } from './account-facts.ts';
import type { Candidates } from '../candidates.ts';
import type { AnyFacts, Fact } from './fact.ts';
import type { RemainingResource } from './remaining-resource.ts';

/** Errors of the bastion: its network, capacity, lifetime and teardown. */
export interface BastionErrorFacts {
  'agent-not-online': {
    readonly instanceId: string;
    /** Name of the bastion. */
    readonly name: string;
    /** The last line of the boot script; undefined = it has printed nothing yet. */
    readonly bootLine?: string | undefined;
    readonly bootDone: boolean;
    /** How the bastion's subnets reach AWS. */
    readonly network: string | undefined;
  };
  'already-exists': AnyFacts;
  'bastion-ambiguous': { readonly candidates: readonly string[] };
  'bastion-differs': {
    readonly [name: string]: Fact;
    readonly name: string;
    readonly difference:
      | { readonly kind: 'iam'; readonly path: string; readonly prefix: string }
      | { readonly kind: 'groups'; readonly wanted: readonly string[] }
      | { readonly kind: 'cluster'; readonly wanted: string | undefined };
  };
  'bastion-elsewhere': { readonly name: string; readonly vpc: string; readonly wanted: string };
  'bastion-name': { readonly name: string; readonly longest: number };
  'boot-failed': { readonly instanceId: string; readonly name: string; readonly reason: string };
  'iam-path': AnyFacts;
  'iam-prefix': { readonly [name: string]: Fact; readonly role?: string | undefined };
  'image-architecture': { readonly architectures: readonly string[] };
  'image-not-found': { readonly image: string };
  'instance-ended': {
    readonly [name: string]: Fact;
    readonly instanceId: string;
    /** EC2's code, e.g. `Client.InternalError`. */
    readonly reason: string | undefined;
    readonly message: string | undefined;
  };
  'instance-not-running': { readonly instanceId: string; readonly name: string };
  'instance-type': { readonly instanceType: string; readonly examples: readonly string[] };
  'lease-over': { readonly name: string; readonly instanceId: string };
  leftovers: {
    readonly [name: string]: Fact;
    /** Names of bastions; several if `down --all` could not delete all resources of several bastions. */
    readonly names: readonly string[];
    readonly remaining: readonly RemainingResource[];
  };
  'name-taken': {
    readonly name: string;
    readonly taken: readonly { readonly kind: string; readonly id: string; readonly why: string }[];
  };
  'no-bastion': Partial<Candidates> & {
    readonly name?: string | undefined;
    readonly starting?: boolean | undefined;
  };
  'no-capacity': { readonly market: 'spot' | 'on-demand'; readonly pools: readonly string[] };
  'no-way-out': {
    readonly [name: string]: Fact;
    readonly vpc: string;
    readonly region: string;
    readonly subnets: readonly { readonly id: string; readonly zone: string; readonly reason: string }[];
    /** The subnets that were asked for by id; absent or empty = none. */
    readonly asked?: readonly string[];
    /** True if a bastion that installs nothing could run there. */
    readonly tunnelsPossible: boolean;
  };
  'not-settled': AnyFacts;
  'not-terminated': AnyFacts;
  'quota-exceeded': {
    readonly market: 'spot' | 'on-demand';
    readonly pools: readonly string[];
    /** The quota's name in Service Quotas. */
    readonly quota: string;
  };
  'removed-during-up': { readonly name: string; readonly gone: readonly string[] };
  'replacement-impossible': { readonly name: string; readonly instanceId: string; readonly missing: string };
  'role-not-found': { readonly role: string };
  'security-group-not-found': { readonly groups: readonly string[]; readonly vpc: string };
  'sessions-active': {
    readonly name: string;
    readonly sessions: readonly { readonly id: string; readonly owner: string }[];
  };
  'sessions-unknown': AccountErrorFacts['access-denied'] & {
    /** True if `down --all` ran. */
    readonly all: boolean;
  };
  'spot-role-missing': AnyFacts;
  'subnet-not-found': {
    readonly subnets: readonly string[];
    readonly candidates?: readonly { readonly id: string; readonly zone: string }[] | undefined;
  };
  'vpc-not-found': { readonly vpc?: string | undefined };
}
