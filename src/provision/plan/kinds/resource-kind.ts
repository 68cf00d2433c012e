import type { AwsCommandFacts } from '../../../core/facts/remaining-resource.ts';
import type { Inventory } from '../../bastion/inventory.ts';
import type { Ec2Port } from '../../ports/ec2.ts';
import type { IamPort } from '../../ports/iam.ts';
import type { GroupRule } from '../../ports/network.ts';
import type { Tags } from '../../ports/tags.ts';
import type { ApplyDeps } from '../apply-deps.ts';

/**
 * The interface that each resource kind implements. `up` creates with it, `down` deletes with it; the planner has
 * decided the arguments that a step passes to these functions.
 */

/** What identifies a resource that exists. Each kind adds what its calls need. */
export interface Existing {
  /** The id, ARN or name that AWS uses for it; the plan shows it. */
  readonly id: string;
}

/**
 * A value that is known when the plan is made, or the id (of an IAM resource: the ARN) that an earlier step returns.
 */
export type Ref<K extends string> = { readonly value: string } | { readonly outputOf: K };

/** The command that deletes a resource by hand; the region is added where it is known. */
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
  /** Throws `plan-incomplete` if no earlier step returns it. */
  resolve<K extends string>(ref: Ref<K>): string;
  /** Called when the launch template was deleted and created again outside of its own step. */
  templateReplaced(existing: Existing & { readonly name: string }): void;
  /** Waits until all AWS services see what was written to IAM. */
  settled(): Promise<void>;
}

/** `Created` is undefined where AWS does not return what identifies the new resource, and no later step needs it. */
export interface ResourceKind<Input, Found extends Existing, Created extends Found | undefined = Found> {
  /** Name of the kind on screen, e.g. `security group`. */
  readonly title: string;
  /** True for IAM: other AWS services see the write only seconds later. */
  readonly settles?: boolean;
  /** Makes the creating call, also for `update`. Throws `already-exists` if the resource was created meanwhile. */
  create(input: Input, run: ApplyRun): Promise<Created>;
  /**
   * Finds the resource that another run or person has created meanwhile; it is used only if it carries the tag of the
   * bastion.
   */
  adopt?(input: Input, run: ApplyRun): Promise<(Found & { readonly tags: Tags }) | undefined>;
  /** Replaces `existing` by a new resource. */
  replace?(existing: Found, input: Input, run: ApplyRun): Promise<Found>;
  /** True if it was deleted after this run had found or created it. */
  isGone?(existing: Found, ports: DeletePorts): Promise<boolean>;
  /** Undefined for a resource that is deleted together with the one that contains it. */
  readonly removal?: Removal<Found>;
}

/** One resource of a bastion that is to be deleted. */
export interface Deletable<Found extends Existing> {
  readonly name: string;
  readonly reason: string;
  readonly existing: Found;
  /** Id of the resource that contains it, where that has an id of its own. */
  readonly parent?: string;
}

export interface Removal<Found extends Existing> {
  /** All resources of this kind that the bastion has. */
  find(inventory: Inventory): readonly Deletable<Found>[];
  delete(existing: Found, ports: DeletePorts): Promise<void>;
  /** True if AWS refuses with `still-in-use` for some seconds after the last user of the resource was deleted. */
  readonly mayBeInUse?: boolean;
  /** For resources that AWS deletes slowly: the state until then; undefined = gone. */
  stateOf?(existing: Found, ports: DeletePorts): Promise<string | undefined>;
  /**
   * A resource kind. This kind is not deleted in a round in which a resource of that other kind could not be deleted.
   */
  readonly onlyAfter?: string;
  /** The command that deletes it by hand. */
  command(existing: Found): AwsCommand;
}
