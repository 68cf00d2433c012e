import type { ErrorFacts } from '../core/error-facts.ts';
import type { ContextEntry } from '../provision/ports/simulator.ts';

/**
 * What a diagnosis says: one finding for each cause, with the facts that show it and the changes that cure it. Pure: the
 * functions of this folder judge what the ports of connect/ and provision/ have read, call nothing, and take the time as
 * an argument. What a person types for a change is written in cli/.
 */

export type Severity =
  /** What was asked for does not work until this is changed. */
  | 'blocking'
  /** It works, or may work, and something is not as it should be. */
  | 'warning'
  /** What was read does not show whether it works. */
  | 'could-not-tell';

/** Whose policy or trust a finding is about: an ARN, or a name where that is all that is known. */
type Principal = { readonly principal: string };

type Actions = Principal & { readonly actions: readonly string[] };

/**
 * What shows each cause, by the id of the finding. An id that is also the code of an error has the facts of that error;
 * `errorOf` (errors.ts) makes the one of the other. Ids are stable: `--json` prints them.
 */
export interface FindingEvidence extends Pick<ErrorFacts, 'role-untrusted'> {
  // What a principal may do, compared with a document.
  'action-not-granted': Actions;
  /** A policy grants the actions under conditions on these keys, whose values were not known. */
  'action-undecided': Actions & { readonly unknownKeys: readonly string[] };
  'action-outside-boundary': Actions;
  'action-forbidden-by-organization': Actions;
  'action-explicitly-denied': Actions;
  'service-not-trusted': Actions & { readonly services: readonly string[] };
  /** The trust policy has conditions on these keys, whose values were not known. */
  'trust-undecided': Actions & {
    readonly services: readonly string[];
    readonly unknownKeys: readonly string[];
  };
  'action-not-denied': Actions;
  /** No policy denies the actions as a whole, and one may allow them for a part of the resources. */
  'denial-undecided': Actions;
  /** The simulator left the question out of its answer. */
  'action-not-answered': Actions;
}

export type FindingId = keyof FindingEvidence;

export interface FindingOf<I extends FindingId> {
  readonly id: I;
  readonly severity: Severity;
  readonly evidence: FindingEvidence[I];
  /** Alternatives, the best one first; empty where no change of the account cures it. */
  readonly fixes: readonly Fix[];
}

export type Finding = { readonly [I in FindingId]: FindingOf<I> }[FindingId];

/** Changes that are all needed, in the order in which they are made. */
export type Fix = readonly Change[];

/** One change of one resource: what `aws`, Terraform or an IAM document is to say is read off it. */
export type Change =
  | {
      readonly kind: 'allow-actions' | 'deny-actions' | 'withdraw-denial';
      readonly principal: string;
      /** In which document; undefined = in whichever of the principal's policies holds it. */
      readonly policy: 'identity' | 'permissions-boundary' | 'service-control' | undefined;
      /** Sid of the statement in the document that the principal was compared with. */
      readonly statement: string;
      readonly actions: readonly string[];
      readonly resources: readonly string[];
      /** Condition keys of the requests concerned. */
      readonly when: readonly ContextEntry[];
    }
  | {
      readonly kind: 'trust-service';
      readonly role: string;
      /** e.g. `ec2.amazonaws.com`. */
      readonly service: string;
      readonly actions: readonly string[];
    };
