import { dirname, resolve } from 'node:path';
import { isMap, isScalar } from 'yaml';
import {
  CONNECTION_FIELDS,
  CONNECTION_KINDS,
  CONNECTION_NAME,
  type ConnectionField,
  type ConnectionKind,
  FIELDS_OF_KIND,
  FIELDS_THAT_IMPLY,
} from './config-fields.ts';
import { CONNECTIONS_KEY } from './config-keys.ts';
import type { ConfiguredConnection } from './settings.ts';
import { offsetOf, readFields, type ReadFields, wrongValue, type YamlFile } from './yaml-fields.ts';

/**
 * The map `connections` of a config file. A relative path of `ca` is resolved from the folder of the file. Throws
 * `config-unknown-key` or `config-value`.
 */
export function connectionsOf(
  node: unknown,
  file: YamlFile,
  offset: number,
): readonly ConfiguredConnection[] {
  const wrong = (at: number, message: string): Error => wrongValue(file, at, message, CONNECTIONS_KEY);
  if (!isMap(node)) throw wrong(offset, `${CONNECTIONS_KEY} must be a map of names to settings`);
  return node.items.map(({ key, value }) => {
    const at = offsetOf(key) ?? offset;
    const name = isScalar(key) ? String(key.value) : '?';
    if (!CONNECTION_NAME.test(name))
      throw wrong(at, `'${name}' is no name: letters, digits, '.', '_' and '-', at most 64 of them`);
    if (!isMap(value))
      throw wrong(at, `the connection ${name} must be a map of settings, e.g. db: orders-db`);
    const read = readFields(value, CONNECTION_FIELDS, `the connection ${name}`, file, at);
    const kind = kindOf(name, read, at, wrong);
    refuseContradictions(name, kind, read, at, wrong);
    return connection(name, kind, read, file, at);
  });
}

type Wrong = (at: number, message: string) => Error;
type Read = ReadFields<ConnectionField>;

/** As the file says, else by what the connection opens. */
function kindOf(name: string, { values, offsets }: Read, at: number, wrong: Wrong): ConnectionKind {
  const given = CONNECTION_KINDS.find((kind) => kind === values.kind);
  const implied = CONNECTION_KINDS.filter((kind) =>
    FIELDS_THAT_IMPLY[kind].some((field) => values[field] !== undefined),
  );
  const [first, second] = implied;
  if (first !== undefined && second !== undefined)
    throw wrong(at, `the connection ${name} opens two things: ${first} and ${second}`);
  const kind = given ?? first;
  if (kind === undefined)
    throw wrong(at, `the connection ${name} opens nothing: it needs db, host, forward, proxy or kind`);
  const needed = FIELDS_THAT_IMPLY[kind];
  if (needed.length > 0 && first === undefined)
    throw wrong(
      offsets.kind ?? at,
      `the connection ${name} of the kind ${kind} needs ${needed.join(' or ')}`,
    );
  return kind;
}

function refuseContradictions(
  name: string,
  kind: ConnectionKind,
  { values, offsets }: Read,
  at: number,
  wrong: Wrong,
): void {
  const stray = (Object.keys(values) as ConnectionField[]).find(
    (field) => !FIELDS_OF_KIND[kind].includes(field),
  );
  if (stray !== undefined)
    throw wrong(offsets[stray] ?? at, `${stray} is no setting of ${name}, which is of the kind ${kind}`);
  if (values.db !== undefined && values.host !== undefined)
    throw wrong(offsets.host ?? at, `db and host of the connection ${name} are two databases`);
  if (values.iam === true && values.secret !== undefined)
    throw wrong(
      Math.max(offsets.iam ?? at, offsets.secret ?? at),
      `iam and secret of the connection ${name} are two logins`,
    );
  if (values.allow !== undefined && values.proxy === undefined)
    throw wrong(offsets.allow ?? at, `allow of the connection ${name} is for a proxy, and it has none`);
  if (values.via === 'task' && values.bastion !== undefined)
    throw wrong(
      offsets.bastion ?? at,
      `via: task of the connection ${name} uses no bastion, and bastion names one`,
    );
}

function connection(
  name: string,
  kind: ConnectionKind,
  { values }: Read,
  file: YamlFile,
  at: number,
): ConfiguredConnection {
  const text = (field: ConnectionField): string | undefined => values[field] as string | undefined;
  const list = (field: ConnectionField): readonly string[] => {
    const value = values[field];
    return value === undefined ? [] : [value].flat().map(String);
  };
  const { ca } = values;
  return {
    name,
    kind,
    profile: text('profile'),
    region: text('region'),
    cluster: text('cluster'),
    service: text('service'),
    container: text('container'),
    via: values.via as ConfiguredConnection['via'],
    bastion: text('bastion'),
    forwards: list('forward'),
    proxies: list('proxy'),
    allowed: list('allow'),
    id: text('db'),
    host: text('host'),
    engine: values.engine as ConfiguredConnection['engine'],
    databaseName: text('database'),
    port: values.port as number | undefined,
    user: text('user'),
    iam: values.iam as boolean | undefined,
    secret: values.secret as string | true | undefined,
    readOnly: values['read-only'] as boolean | undefined,
    ca: ca === undefined ? undefined : resolve(dirname(file.path), ca as string),
    from: file.placeOf(at).replace(/:\d+$/, ''),
  };
}
