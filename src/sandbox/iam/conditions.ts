import { containsCidr } from '../../core/cidr.ts';
import { compilePattern, type ContextValues, matchesArn, matchesPattern } from './pattern.ts';

/** One `operator: { key: values }` entry of a statement's Condition block. */
export interface Condition {
  readonly operator: ConditionOperator;
  readonly key: string;
  readonly values: readonly string[];
}

export interface ConditionOperator {
  readonly base: BaseOperator;
  readonly ifExists: boolean;
  readonly set: 'any' | 'all' | undefined;
}

const BASE_OPERATORS = [
  'StringEquals',
  'StringNotEquals',
  'StringEqualsIgnoreCase',
  'StringNotEqualsIgnoreCase',
  'StringLike',
  'StringNotLike',
  'ArnEquals',
  'ArnLike',
  'ArnNotEquals',
  'ArnNotLike',
  'NumericEquals',
  'NumericNotEquals',
  'NumericLessThan',
  'NumericLessThanEquals',
  'NumericGreaterThan',
  'NumericGreaterThanEquals',
  'DateEquals',
  'DateNotEquals',
  'DateLessThan',
  'DateLessThanEquals',
  'DateGreaterThan',
  'DateGreaterThanEquals',
  'Bool',
  'IpAddress',
  'NotIpAddress',
  'Null',
] as const;

export type BaseOperator = (typeof BASE_OPERATORS)[number];

/** Undefined if IAM has no such operator. */
export function parseOperator(text: string): ConditionOperator | undefined {
  const match = /^(?:(ForAnyValue|ForAllValues):)?([A-Za-z]+?)(IfExists)?$/.exec(text);
  if (match === null) return undefined;
  const base = BASE_OPERATORS.find((name) => name.toLowerCase() === (match[2] ?? '').toLowerCase());
  if (base === undefined || (base === 'Null' && match[3] !== undefined)) return undefined;
  return {
    base,
    ifExists: match[3] !== undefined,
    set: match[1] === undefined ? undefined : match[1] === 'ForAnyValue' ? 'any' : 'all',
  };
}

/**
 * Whether the request fulfils the condition. A missing key fails a positive operator and fulfils a negated one. A
 * missing key fulfils `…IfExists` and `ForAllValues`, and never fulfils `ForAnyValue`.
 */
export function isFulfilled(
  condition: Condition,
  context: ContextValues,
  variables: ContextValues | undefined,
): boolean {
  const { base, ifExists, set } = condition.operator;
  const actual = context.get(condition.key.toLowerCase());
  if (base === 'Null') {
    return condition.values.some((value) => (value.toLowerCase() === 'true') === (actual === undefined));
  }
  const negated = isNegated(base);
  const holds = (value: string): boolean => {
    const some = condition.values.some((wanted) => compare(base, wanted, value, variables));
    return negated ? !some : some;
  };
  if (actual === undefined) {
    if (set === 'any') return false;
    return ifExists || negated || set === 'all';
  }
  if (set === 'any') return actual.some(holds);
  if (set === 'all') return actual.every(holds);
  // Without a set operator, a negated operator requires that no value matches, a positive one that at least one
  // matches.
  return negated ? actual.every(holds) : actual.some(holds);
}

const isNegated = (base: BaseOperator): boolean => base.includes('Not');

/** Whether the policy's value and the request's value match by the positive form of the operator. */
function compare(
  base: BaseOperator,
  wanted: string,
  value: string,
  variables: ContextValues | undefined,
): boolean {
  switch (base) {
    case 'StringEquals':
    case 'StringNotEquals':
      return matchesText(wanted, value, variables, false);
    case 'StringEqualsIgnoreCase':
    case 'StringNotEqualsIgnoreCase':
      return matchesTextIgnoringCase(wanted, value, variables);
    case 'StringLike':
    case 'StringNotLike':
      return matchesText(wanted, value, variables, true);
    case 'ArnEquals':
    case 'ArnNotEquals':
    case 'ArnLike':
    case 'ArnNotLike':
      return matchesArn(wanted, value, variables);
    case 'Bool':
      return wanted.toLowerCase() === value.toLowerCase();
    case 'NumericEquals':
    case 'NumericNotEquals':
      return Number(value) === Number(wanted);
    case 'NumericLessThan':
      return Number(value) < Number(wanted);
    case 'NumericLessThanEquals':
      return Number(value) <= Number(wanted);
    case 'NumericGreaterThan':
      return Number(value) > Number(wanted);
    case 'NumericGreaterThanEquals':
      return Number(value) >= Number(wanted);
    case 'DateEquals':
    case 'DateNotEquals':
      return dateOf(value) === dateOf(wanted);
    case 'DateLessThan':
      return dateOf(value) < dateOf(wanted);
    case 'DateLessThanEquals':
      return dateOf(value) <= dateOf(wanted);
    case 'DateGreaterThan':
      return dateOf(value) > dateOf(wanted);
    case 'DateGreaterThanEquals':
      return dateOf(value) >= dateOf(wanted);
    case 'IpAddress':
    case 'NotIpAddress':
      return containsCidr(wanted, value);
    case 'Null':
      return false;
  }
}

function matchesText(
  wanted: string,
  value: string,
  variables: ContextValues | undefined,
  wildcards: boolean,
): boolean {
  const pattern = compilePattern(wanted, { variables, wildcards });
  return pattern !== undefined && matchesPattern(pattern, value);
}

function matchesTextIgnoringCase(
  wanted: string,
  value: string,
  variables: ContextValues | undefined,
): boolean {
  const pattern = compilePattern(wanted, { variables, wildcards: false });
  if (pattern === undefined) return false;
  const folded = pattern.map((token) => (typeof token === 'string' ? token.toLowerCase() : token));
  return matchesPattern(folded, value.toLowerCase());
}

/** Epoch seconds or ISO 8601; NaN for anything else, which no comparison fulfils. */
const dateOf = (text: string): number => (/^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text));
