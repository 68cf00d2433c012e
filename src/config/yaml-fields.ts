import { isScalar, isSeq, type YAMLMap } from 'yaml';
import { usage } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import type { Field } from './config-fields.ts';

/** The config file that is being read, for errors. */
export interface YamlFile {
  readonly path: string;
  /** File, line and column of an offset. */
  readonly placeOf: (offset: number) => string;
}

export interface ReadFields<F extends string> {
  readonly values: Readonly<Partial<Record<F, unknown>>>;
  /** Where the key of each value is. */
  readonly offsets: Readonly<Partial<Record<F, number>>>;
}

/**
 * The values of a map whose keys are those of `fields`; `owner` is what messages call it (`the database orders`).
 * Throws `config-unknown-key` or `config-value`.
 */
export function readFields<F extends string>(
  map: YAMLMap,
  fields: Readonly<Record<F, Field>>,
  owner: string,
  file: YamlFile,
  offset: number,
): ReadFields<F> {
  const known = Object.keys(fields) as F[];
  const values: Partial<Record<F, unknown>> = {};
  const offsets: Partial<Record<F, number>> = {};
  for (const { key, value } of map.items) {
    const at = offsetOf(key) ?? offset;
    const name = isScalar(key) ? String(key.value) : '?';
    const field = known.find((each) => each === name);
    if (field === undefined)
      throw usage('config-unknown-key', `${file.placeOf(at)}: unknown key '${name}' of ${owner}`, {
        details: { file: file.path, key: name, nearest: nearest(name, known, 1)[0], known },
      });
    const given = valueOf(value);
    if (!fields[field].kind.accepts(given))
      throw wrongValue(file, at, `${field} of ${owner} must be ${fields[field].kind.what}`, field);
    values[field] = given;
    offsets[field] = at;
  }
  return { values, offsets };
}

export const wrongValue = ({ path, placeOf }: YamlFile, at: number, message: string, key: string): Error =>
  usage('config-value', `${placeOf(at)}: ${message}`, { details: { file: path, key } });

export const offsetOf = (key: unknown): number | undefined => (isScalar(key) ? key.range?.[0] : undefined);

/** A scalar, or a list of scalars. Undefined for everything else, which no field accepts. */
function valueOf(node: unknown): unknown {
  if (isScalar(node)) return node.value;
  return isSeq(node) ? node.items.map((item) => (isScalar(item) ? item.value : undefined)) : undefined;
}
