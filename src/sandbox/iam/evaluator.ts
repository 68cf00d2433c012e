import { isFulfilled } from './conditions.ts';
import { type ContextValues, matchesAction, matchesArn } from './pattern.ts';
import type { PolicyDocument, Selection, Statement } from './policy-document.ts';

/** IAM's decision for one action on one resource, within one account (IAM User Guide, "policy evaluation logic"). */

export interface NamedPolicy {
  /** Used in explanations: `user/ops inline operator`, or a policy ARN. */
  readonly name: string;
  readonly document: PolicyDocument;
}

/** All policies that grant or limit what a principal may do. */
export interface Grants {
  readonly identity: readonly NamedPolicy[];
  /** If there is a permissions boundary, an action must be allowed by the policies and by the boundary. */
  readonly boundary: NamedPolicy | undefined;
  /** Service control policies of the account's organisation, all on one level; absent = no limit. */
  readonly organization?: readonly NamedPolicy[];
}

export interface AccessQuestion {
  readonly action: string;
  readonly resource: string;
  readonly context: ContextValues;
}

export interface Decision {
  readonly allowed: boolean;
  /** `policy#statement` that decided; undefined for an implicit deny. */
  readonly by: string | undefined;
  /** Why the request was refused, in AWS's wording. */
  readonly reason: string;
}

export function decide(grants: Grants, question: AccessQuestion): Decision {
  const { organization = [] } = grants;
  const deniedAbove = firstMatch(organization, 'Deny', question);
  if (deniedAbove !== undefined)
    return {
      allowed: false,
      by: deniedAbove.by,
      reason: 'with an explicit deny in a service control policy',
    };
  if (organization.length > 0 && firstMatch(organization, 'Allow', question) === undefined)
    return refused(`because no service control policy allows the ${question.action} action`);
  const everything = grants.boundary === undefined ? grants.identity : [...grants.identity, grants.boundary];
  const denied = firstMatch(everything, 'Deny', question);
  if (denied !== undefined) {
    const kind = denied.policy === grants.boundary ? 'a permissions boundary' : 'an identity-based policy';
    return { allowed: false, by: denied.by, reason: `with an explicit deny in ${kind}` };
  }
  const allowed = firstMatch(grants.identity, 'Allow', question);
  if (allowed === undefined) {
    return refused(`because no identity-based policy allows the ${question.action} action`);
  }
  if (grants.boundary !== undefined && firstMatch([grants.boundary], 'Allow', question) === undefined) {
    return refused(`because no permissions boundary allows the ${question.action} action`);
  }
  return { allowed: true, by: allowed.by, reason: '' };
}

const refused = (reason: string): Decision => ({ allowed: false, by: undefined, reason });

function firstMatch(
  policies: readonly NamedPolicy[],
  effect: Statement['effect'],
  question: AccessQuestion,
): { readonly policy: NamedPolicy; readonly by: string } | undefined {
  for (const policy of policies) {
    const variables = policy.document.variables ? question.context : undefined;
    for (const statement of policy.document.statements) {
      if (statement.effect === effect && applies(statement, question, variables)) {
        return { policy, by: `${policy.name}#${statement.id}` };
      }
    }
  }
  return undefined;
}

/** Whether a statement applies to the action and resource at all; its principals are not checked. */
export function applies(
  statement: Statement,
  question: AccessQuestion,
  variables: ContextValues | undefined,
): boolean {
  return (
    selects(statement.actions, (pattern) => matchesAction(pattern, question.action)) &&
    selects(statement.resources, (pattern) => matchesResource(pattern, question.resource, variables)) &&
    statement.conditions.every((condition) => isFulfilled(condition, question.context, variables))
  );
}

function matchesResource(pattern: string, resource: string, variables: ContextValues | undefined): boolean {
  // Actions without resource types are checked for "*"; only a pattern that matches everything covers them.
  if (resource === '*') return pattern === '*';
  return matchesArn(pattern, resource, variables);
}

function selects(selection: Selection, matches: (pattern: string) => boolean): boolean {
  return selection.patterns.some(matches) !== selection.negated;
}
