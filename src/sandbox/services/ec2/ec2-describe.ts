import { type AuthorizationCheck, AwsError, type Operation } from '../../contracts.ts';
import { compilePattern, matchesPattern } from '../../iam/pattern.ts';
import {
  count,
  type Fields,
  list,
  optionalText,
  requiredText,
  structures,
  texts,
} from '../../wire/fields.ts';
import { paginate } from '../../wire/pages.ts';
import type { Tags } from '../tags.ts';
import { tagMembers } from '../tags.ts';

/** What all Describe operations of EC2 have in common: ids, filters with wildcards, pages. */

/** For each filter name, the item's value or values; tag filters need no entry. */
export type FilterTable<T> = Readonly<
  Record<string, (item: T) => string | boolean | readonly string[] | undefined>
>;

export interface DescribeSpec<T> {
  readonly action: string;
  /** Name of the list in the answer. */
  readonly answer: string;
  items(input: Fields): readonly T[];
  shape(item: T): Fields;
  readonly filters: FilterTable<T>;
  /** Absent for resources without tags. */
  tags?(item: T): Tags;
  /** How a request names single items. */
  readonly ids?: { readonly parameter: string; readonly of: (item: T) => string; readonly notFound: string };
  /** Smallest page; 5 in most operations. */
  readonly minPage?: number;
}

export function describeOperation<T>(spec: DescribeSpec<T>): Operation {
  return {
    authorize: () => anyResource(spec.action),
    run: (input) => {
      const { items, next } = selectPage(spec, input);
      return { [spec.answer]: items.map((item) => spec.shape(item)), nextToken: next };
    },
  };
}

/** The items of one page; for operations whose answer is more than a plain list. */
export function selectPage<T>(
  spec: Omit<DescribeSpec<T>, 'shape' | 'answer'>,
  input: Fields,
): { readonly items: readonly T[]; readonly next: string | undefined } {
  const size = count(input, 'MaxResults');
  const minimum = spec.minPage ?? 5;
  if (size !== undefined && (size < minimum || size > 1000)) {
    throw new AwsError(
      'InvalidParameterValue',
      `Value ( ${size} ) for parameter maxResults is invalid. Expecting a value from ${minimum} to 1000.`,
    );
  }
  const found = byId(spec, input).filter((item) => passesFilters(spec, item, input));
  return paginate(found, optionalText(input, 'NextToken'), size, 'InvalidNextToken');
}

/** The check of an `ec2:Describe…` action, which has no resource types. */
export const anyResource = (action: string): readonly AuthorizationCheck[] => [
  { action: `ec2:${action}`, resource: '*' },
];

function byId<T>(spec: Omit<DescribeSpec<T>, 'shape' | 'answer'>, input: Fields): readonly T[] {
  const all = spec.items(input);
  if (spec.ids === undefined) return all;
  const wanted = texts(input, spec.ids.parameter);
  if (wanted.length === 0) return all;
  if (optionalText(input, 'MaxResults') !== undefined) {
    throw new AwsError(
      'InvalidParameterCombination',
      `The parameter ${spec.ids.parameter} cannot be used with the parameter maxResults`,
    );
  }
  const { of, notFound } = spec.ids;
  for (const id of wanted) {
    if (!all.some((item) => of(item) === id)) {
      throw new AwsError(notFound, `The ID '${id}' does not exist`);
    }
  }
  return all.filter((item) => wanted.includes(of(item)));
}

function passesFilters<T>(spec: Pick<DescribeSpec<T>, 'filters' | 'tags'>, item: T, input: Fields): boolean {
  return structures(input, 'Filter').every((filter) => {
    const name = requiredText(filter, 'Name');
    const wanted = list(filter, 'Value').map(String);
    if (wanted.length === 0) {
      throw new AwsError('InvalidParameterValue', `The filter '${name}' needs at least one value`);
    }
    const values = valuesFor(spec, item, name);
    return wanted.some((pattern) => values.some((value) => matchesGlob(pattern, value)));
  });
}

function valuesFor<T>(
  spec: Pick<DescribeSpec<T>, 'filters' | 'tags'>,
  item: T,
  name: string,
): readonly string[] {
  if (spec.tags !== undefined) {
    const tags = spec.tags(item);
    if (name === 'tag-key') return [...tags.keys()];
    if (name.startsWith('tag:')) {
      const value = tags.get(name.slice(4));
      return value === undefined ? [] : [value];
    }
  }
  if (!Object.hasOwn(spec.filters, name)) {
    throw new AwsError('InvalidParameterValue', `The filter '${name}' is invalid`);
  }
  const value = spec.filters[name]?.(item);
  if (value === undefined) return [];
  return typeof value === 'string' || typeof value === 'boolean' ? [String(value)] : value;
}

/** Matches `*` and `?` as EC2's filters do. */
function matchesGlob(pattern: string, value: string): boolean {
  const compiled = compilePattern(pattern, { variables: undefined, wildcards: true });
  return compiled !== undefined && matchesPattern(compiled, value);
}

/** Undefined without tags: EC2 then leaves the list out. */
export const tagSet = (tags: Tags): readonly Fields[] | undefined =>
  tags.size === 0 ? undefined : tagMembers(tags, ['key', 'value']);
