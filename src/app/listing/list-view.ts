import type { ListRecord } from './list-record.ts';

/** Which of the listed records are shown, which fields, and in which order. Pure. */

export interface FieldFilter {
  readonly field: string;
  /** `*` stands for any text; upper and lower case are the same. */
  readonly pattern: string;
}

export interface ListView {
  /** Undefined = the order of `listing`. */
  readonly sort: { readonly field: string; readonly isDescending: boolean } | undefined;
  /** Undefined = the columns of the kind; with `--json`, all fields. */
  readonly columns: readonly string[] | undefined;
  /** All of them must match. */
  readonly filters: readonly FieldFilter[];
}

/** The records that pass all filters. A list matches if one of its values does; an absent value matches only ''. */
export function filtered(
  records: readonly ListRecord[],
  filters: readonly FieldFilter[],
): readonly ListRecord[] {
  if (filters.length === 0) return records;
  const tests = filters.map(({ field, pattern }) => ({ field, matches: matcher(pattern) }));
  return records.filter((record) =>
    tests.every(({ field, matches }) => {
      const value = record[field];
      return Array.isArray(value) ? value.some(matches) : matches(textOf(value));
    }),
  );
}

/** Records with an absent value come last in either direction. */
export function inOrder(records: readonly ListRecord[], sort: ListView['sort']): readonly ListRecord[] {
  if (sort === undefined) return records;
  const { field, isDescending } = sort;
  const sign = isDescending ? -1 : 1;
  return [...records].sort((a, b) => {
    const [left, right] = [a[field] ?? null, b[field] ?? null];
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    return sign * compare(left, right);
  });
}

/** With only these fields, in this order. */
export const withFields = (record: ListRecord, fields: readonly string[] | undefined): ListRecord =>
  fields === undefined ? record : Object.fromEntries(fields.map((field) => [field, record[field] ?? null]));

const textOf = (value: ListRecord[string] | undefined): string => String(value ?? '');

const byText = new Intl.Collator(undefined, { numeric: true }).compare;

const compare = (a: NonNullable<ListRecord[string]>, b: NonNullable<ListRecord[string]>): number =>
  typeof a === 'number' && typeof b === 'number' ? a - b : byText(textOf(a), textOf(b));

function matcher(pattern: string): (value: string) => boolean {
  const parts = pattern.toLowerCase().split('*');
  return (value) => matchesParts(value.toLowerCase(), parts);
}

/** The parts between the asterisks of a pattern occur in this order; the first and the last one at the ends. */
function matchesParts(value: string, parts: readonly string[]): boolean {
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return value === first;
  if (!value.startsWith(first) || value.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    const found = value.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return value.endsWith(last) && value.length - last.length >= at;
}
