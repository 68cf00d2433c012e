import { type Condition, listOf, type Statement, statementsOf } from './grants.ts';
import { matches, namesAction } from './statement-match.ts';

/**
 * Decides from policy documents whether an action is allowed, where IAM's simulator may not be called or has no answer
 * (endpoint policies). A condition on a key whose value is not known leaves the decision open. Pure.
 */

export type PolicyDecision = 'allowed' | 'not-granted' | 'explicitly-denied' | 'undecided';

export interface DecidedPolicies {
  readonly decision: PolicyDecision;
  /** The condition keys on which the decision depends; only with `undecided`. */
  readonly unknownKeys: readonly string[];
}

export interface DecidedRequest {
  readonly action: string;
  readonly resource: string;
  /** Known condition keys in lower case, with their value. */
  readonly context: Readonly<Record<string, string>>;
}

/** `Resource` is typed in Statement; `NotResource` occurs only in documents of other authors. */
type AnyStatement = Statement & { readonly NotResource?: string | readonly string[] };

/** The documents together, as the policies of one principal; a text that is not a policy decides nothing. */
export function decideByPolicies(documents: readonly string[], request: DecidedRequest): DecidedPolicies {
  const about = documents
    .flatMap(statementsIn)
    .filter(
      (statement) => namesAction(statement, request.action) && namesResource(statement, request.resource),
    )
    .map((statement) => ({ ...conditionOf(statement.Condition, request.context), effect: statement.Effect }));
  const some = (effect: 'Allow' | 'Deny', holds: boolean | undefined): boolean =>
    about.some((each) => each.effect === effect && each.holds === holds);
  const unknownKeys = [...new Set(about.flatMap((each) => each.unknownKeys))];
  if (some('Deny', true)) return { decision: 'explicitly-denied', unknownKeys: [] };
  const allowed = some('Allow', true);
  if (allowed && !some('Deny', undefined)) return { decision: 'allowed', unknownKeys: [] };
  if (allowed || some('Allow', undefined)) return { decision: 'undecided', unknownKeys };
  return { decision: 'not-granted', unknownKeys: [] };
}

function statementsIn(document: string): readonly AnyStatement[] {
  try {
    return statementsOf(document);
  } catch {
    return [];
  }
}

/** A resource `*` in the request stands for actions without resource types: only the pattern `*` matches it. */
function namesResource({ Resource, NotResource }: AnyStatement, resource: string): boolean {
  const has = (patterns: readonly string[]): boolean =>
    patterns.some((pattern) => matches(pattern, resource));
  if (NotResource !== undefined) return !has(listOf(NotResource));
  return Resource === undefined || has(listOf(Resource));
}

/** `holds` is undefined if the condition depends on a key that is not known. */
function conditionOf(
  condition: Condition = {},
  context: DecidedRequest['context'],
): { readonly holds: boolean | undefined; readonly unknownKeys: readonly string[] } {
  const unknownKeys: string[] = [];
  let fails = false;
  for (const [operator, keys] of Object.entries(condition)) {
    for (const [key, wanted] of Object.entries(keys)) {
      const value = context[key.toLowerCase()];
      const compare = comparisonOf(operator);
      if (value === undefined || compare === undefined) unknownKeys.push(key);
      else if (!compare(value, listOf(wanted))) fails = true;
    }
  }
  if (fails) return { holds: false, unknownKeys: [] };
  return unknownKeys.length > 0 ? { holds: undefined, unknownKeys } : { holds: true, unknownKeys: [] };
}

type Comparison = (value: string, wanted: readonly string[]) => boolean;

/** Undefined for operators that are not evaluated here (numbers, dates, addresses). */
function comparisonOf(operator: string): Comparison | undefined {
  const name = operator.replace(/^For(?:AnyValue|AllValues):/, '').replace(/IfExists$/, '');
  if (name === 'Null') return (_, wanted) => !wanted.includes('true');
  const negated = name.includes('Not');
  const one = /Like|^Arn/.test(name)
    ? matches
    : /IgnoreCase|^Bool/.test(name)
      ? (pattern: string, value: string) => pattern.toLowerCase() === value.toLowerCase()
      : name.startsWith('String')
        ? (pattern: string, value: string) => pattern === value
        : undefined;
  if (one === undefined) return undefined;
  return (value, wanted) => wanted.some((pattern) => one(pattern, value)) !== negated;
}
