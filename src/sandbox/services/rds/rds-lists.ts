import { type AuthorizationCheck, AwsError } from '../../contracts.ts';
import { count, type Fields, optionalText, structures, texts } from '../../wire/fields.ts';
import { paginate } from '../../wire/pages.ts';
import { XmlList } from '../../wire/xml.ts';

/** What the describe operations of RDS have in common: identifiers, filters, pages. */

/** The identifier; RDS accepts an identifier or an ARN. */
export const identifierOf = (id: string | undefined): string | undefined =>
  id?.startsWith('arn:') === true ? id.slice(id.lastIndexOf(':') + 1) : id;

/** RDS numbers the items of a list under the name of the items: `Filters.Filter.1.Values.Value.1`. */
const isWrapped = (value: unknown): value is { readonly Filter?: unknown; readonly Value?: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** One filter of a request: values may be ARNs. */
export interface RdsFilter {
  readonly name: string;
  readonly values: readonly string[];
}

export function filtersOf(input: Fields): readonly RdsFilter[] {
  const filters = input['Filters'];
  return structures({ Filters: isWrapped(filters) ? filters.Filter : filters }, 'Filters').map((filter) => {
    const values = filter['Values'];
    return {
      name: optionalText(filter, 'Name') ?? '',
      values: texts({ Values: isWrapped(values) ? values.Value : values }, 'Values').map(
        (value) => identifierOf(value) ?? value,
      ),
    };
  });
}

/** Throws AwsError `InvalidParameterValue` for a filter that the operation does not have. */
export function passes<T>(
  item: T,
  filters: readonly RdsFilter[],
  known: Readonly<Record<string, (item: T) => readonly string[]>>,
): boolean {
  return filters.every(({ name, values }) => {
    const read = known[name];
    if (read === undefined) throw new AwsError('InvalidParameterValue', `Unrecognized filter name: ${name}`);
    return read(item).some((value) => values.includes(value));
  });
}

/**
 * One page as `<listName><itemName>…`, with the `Marker` of the next one. Throws AwsError for a `MaxRecords` outside
 * 20 to 100.
 */
export function pageOf<T>(
  input: Fields,
  found: readonly T[],
  names: { readonly list: string; readonly item: string },
  shape: (item: T) => Fields,
): Fields {
  const size = count(input, 'MaxRecords') ?? 100;
  if (size < 20 || size > 100)
    throw new AwsError(
      'InvalidParameterValue',
      `Invalid value ${size} for MaxRecords. Must be between 20 and 100`,
    );
  const { items, next } = paginate(found, optionalText(input, 'Marker'), size, 'InvalidParameterValue');
  return { [names.list]: new XmlList(names.item, items.map(shape)), Marker: next };
}

/** A check on the named resource, or on all resources of its type. */
export const check =
  (
    { arn }: { readonly arn: (resource: string) => string },
    action: string,
    type: string,
    parameter: string,
  ) =>
  (input: Fields): readonly AuthorizationCheck[] => [
    {
      action: `rds:${action}`,
      resource: arn(`${type}:${identifierOf(optionalText(input, parameter)) ?? '*'}`),
    },
  ];
