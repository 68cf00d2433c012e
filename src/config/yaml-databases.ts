import { dirname, resolve } from 'node:path';
import { isMap, isScalar } from 'yaml';
import { usage } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { DATABASES_KEY } from './config-keys.ts';
import type { ConfiguredDatabase } from './settings.ts';

/** The map `databases` of a config file: settings of `db` for single databases. */

const KEYS = ['port', 'user', 'iam', 'secret', 'read-only', 'ca'] as const;
type Key = (typeof KEYS)[number];

/** What each key takes, and whether a value is of that kind. */
const TAKES: Readonly<Record<Key, { readonly what: string; readonly accepts: (value: unknown) => boolean }>> =
  {
    port: {
      what: 'a whole number from 0 to 65535',
      accepts: (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535,
    },
    user: { what: 'a string', accepts: isText },
    iam: { what: 'true or false', accepts: (value) => typeof value === 'boolean' },
    secret: {
      what: 'true, or the name or ARN of a secret',
      accepts: (value) => value === true || isText(value),
    },
    'read-only': { what: 'true or false', accepts: (value) => typeof value === 'boolean' },
    ca: { what: 'the path of a file', accepts: isText },
  };

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

/**
 * `placeOf` gives file, line and column of an offset. A relative path of `ca` is resolved from the folder of the file.
 * Throws `config-unknown-key` or `config-value`.
 */
export function databasesOf(
  node: unknown,
  path: string,
  placeOf: (offset: number) => string,
  offset: number,
): readonly ConfiguredDatabase[] {
  const wrong = (at: number, message: string): Error =>
    usage('config-value', `${placeOf(at)}: ${message}`, { details: { file: path, key: DATABASES_KEY } });
  if (!isMap(node)) throw wrong(offset, `${DATABASES_KEY} must be a map of database ids to settings`);
  return node.items.map(({ key, value }) => {
    const at = offsetOf(key) ?? offset;
    const id = isScalar(key) && isText(key.value) ? String(key.value) : undefined;
    if (id === undefined || !isMap(value))
      throw wrong(at, `${id ?? 'a database'} must be an id with a map of settings, e.g. user: app`);
    const values: Partial<Record<Key, unknown>> = {};
    for (const item of value.items) {
      const itemAt = offsetOf(item.key) ?? at;
      const name = isScalar(item.key) ? String(item.key.value) : '?';
      const known = KEYS.find((each) => each === name);
      if (known === undefined)
        throw usage('config-unknown-key', `${placeOf(itemAt)}: unknown key '${name}' of the database ${id}`, {
          details: { file: path, key: name, nearest: nearest(name, KEYS, 1)[0], known: KEYS },
        });
      const given: unknown = isScalar(item.value) ? item.value.value : undefined;
      if (!TAKES[known].accepts(given))
        throw wrong(itemAt, `${known} of the database ${id} must be ${TAKES[known].what}`);
      values[known] = given;
      if (values.iam === true && values.secret !== undefined)
        throw wrong(itemAt, `iam and secret of the database ${id} are two logins`);
    }
    const { port, user, iam, secret, ca, 'read-only': readOnly } = values;
    return {
      id,
      port: port as number | undefined,
      user: user as string | undefined,
      iam: iam as boolean | undefined,
      secret: secret as string | true | undefined,
      readOnly: readOnly as boolean | undefined,
      ca: ca === undefined ? undefined : resolve(dirname(path), ca as string),
      from: placeOf(at).replace(/:\d+$/, ''),
    };
  });
}

const offsetOf = (key: unknown): number | undefined => (isScalar(key) ? key.range?.[0] : undefined);
