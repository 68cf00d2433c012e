import type { AwsCommandFacts } from '../../../core/error-facts.ts';
import type { Inventory } from '../../bastion/inventory.ts';
import type { Ec2Port } from '../../ports/ec2.ts';
import type { IamPort } from '../../ports/iam.ts';
import type { GroupRule } from '../../ports/network.ts';
import type { Tags } from '../../ports/tags.ts';
import type { ApplyDeps } from '../apply-deps.ts';

/**
 * The table that each resource kind fills in. `up` creates by it, `down` deletes by it; what a step passes to these
 * functions was decided by the planner.
 */

/** What identifies a resource that exists. Each kind adds what its calls need. */
export interface Existing {
  /** As the plan shows it: the id, ARN or name that AWS uses for it. */
  readonly id: string;
}

/** A value that is known when the plan is made, or the id (of an IAM resource: the ARN) that an earlier step yields. */
export type Ref<K extends string> = { readonly value: string } | { readonly outputOf: K };

/** What a person types to delete a resource by hand; the region is added where it is known. */
export type AwsCommand = Omit<AwsCommandFacts, 'region'>;

export interface DeletePorts {
  readonly ec2: Ec2Port;
  readonly iam: IamPort;
}

/** What the steps of one run of `up` share. */
export interface ApplyRun {
  readonly deps: ApplyDeps;
  /** Name of the bastion. */
  readonly bastion: string;
  /** Id of the running step, for its progress. */
  readonly stepId: string;
  /** Egress rules that this run closed and that were not in its plan; another `up` may want them open. */
  closedRules: readonly GroupRule[];
  /** Throws `plan-incomplete` if no earlier step yields it. */
  resolve<K extends string>(ref: Ref<K>): string;
  /** The launch template was deleted and created anew outside of its own step. */
  templateReplaced(existing: Existing & { readonly name: string }): void;
  /** Waits until what was written to IAM is known everywhere. */
  settled(): Promise<void>;
}

/** `Created` is undefined where AWS does not tell what identifies the new resource, and no later step needs it. */
export interface ResourceKind<Input, Found extends Existing, Created extends Found | undefined = Found> {
  /** What people call it, e.g. `security group`. */
  readonly title: string;
  /** True for IAM: other AWS services see the write only seconds later. */
  readonly settles?: boolean;
  /** The creating call, also for `update`. Throws `already-exists` where somebody else was faster. */
  create(input: Input, run: ApplyRun): Promise<Created>;
  /** What somebody else has created meanwhile; used only if it carries the tag of the bastion. */
  adopt?(input: Input, run: ApplyRun): Promise<(Found & { readonly tags: Tags }) | undefined>;
  /** Puts another one in place of `existing`. */
  replace?(existing: Found, input: Input, run: ApplyRun): Promise<Found>;
  /** Whether it was deleted after this run had found or created it. */
  isGone?(existing: Found, ports: DeletePorts): Promise<boolean>;
  /** Undefined where it disappears together with the resource that it is a part of. */
  readonly removal?: Removal<Found>;
}

/** One resource of a bastion that is to be deleted. */
export interface Deletable<Found extends Existing> {
  readonly name: string;
  readonly reason: string;
  readonly existing: Found;
  /** Of the resource in which it lives, where that has an id of its own. */
  readonly parent?: string;
}

export interface Removal<Found extends Existing> {
  /** All of this kind that the bastion has. */
  find(inventory: Inventory): readonly Deletable<Found>[];
  delete(existing: Found, ports: DeletePorts): Promise<void>;
  /** AWS refuses with `still-in-use` for some seconds after the last user was deleted. */
  readonly mayBeInUse?: boolean;
  /** For what AWS deletes slowly: its state until then; undefined = gone. */
  stateOf?(existing: Found, ports: DeletePorts): Promise<string | undefined>;
  /** Not deleted in a round in which a resource of that kind could not be deleted. */
  readonly onlyAfter?: string;
  /** What a person types to delete it. */
  command(existing: Found): AwsCommand;
}
