import { dirname, resolve } from 'node:path';
import { isMap, isScalar } from 'yaml';
import { DATABASE_FIELDS } from './config-fields.ts';
import { DATABASES_KEY } from './config-keys.ts';
import type { ConfiguredDatabase } from './settings.ts';
import { offsetOf, readFields, wrongValue, type YamlFile } from './yaml-fields.ts';

/**
 * The map `databases` of a config file: settings of `db` for single databases. A relative path of `ca` is resolved from
 * the folder of the file. Throws `config-unknown-key` or `config-value`.
 */
export function databasesOf(node: unknown, file: YamlFile, offset: number): readonly ConfiguredDatabase[] {
  const wrong = (at: number, message: string): Error => wrongValue(file, at, message, DATABASES_KEY);
  if (!isMap(node)) throw wrong(offset, `${DATABASES_KEY} must be a map of database ids to settings`);
  return node.items.map(({ key, value }) => {
    const at = offsetOf(key) ?? offset;
    const id = isScalar(key) && typeof key.value === 'string' && key.value !== '' ? key.value : undefined;
    if (id === undefined || !isMap(value))
      throw wrong(at, `${id ?? 'a database'} must be an id with a map of settings, e.g. user: app`);
    const { values, offsets } = readFields(value, DATABASE_FIELDS, `the database ${id}`, file, at);
    const { port, user, iam, secret, ca, 'read-only': readOnly } = values;
    if (iam === true && secret !== undefined)
      throw wrong(
        Math.max(offsets.iam ?? at, offsets.secret ?? at),
        `iam and secret of the database ${id} are two logins`,
      );
    return {
      id,
      port: port as number | undefined,
      user: user as string | undefined,
      iam: iam as boolean | undefined,
      secret: secret as string | true | undefined,
      readOnly: readOnly as boolean | undefined,
      ca: ca === undefined ? undefined : resolve(dirname(file.path), ca as string),
      from: file.placeOf(at).replace(/:\d+$/, ''),
    };
  });
}
