import {
  CONNECTION_FIELDS,
  CONNECTION_KINDS,
  CONNECTION_NAME,
  type ConnectionKind,
  DATABASE_FIELDS,
  type Field,
  FIELDS_OF_KIND,
  FIELDS_THAT_IMPLY,
  type JsonSchema,
} from './config-fields.ts';
import { CONFIG_KEYS, CONNECTIONS_KEY, DATABASES_KEY, TAGS_KEY } from './config-keys.ts';

/** JSON schema (draft 7) of a config file, for editors. The same tables decide what the parser accepts. */
export const configSchema = (): JsonSchema => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Configuration of fargate-connect',
  description: '.fargate-connect.yaml of a project, or a person’s own fargate-connect/config.yaml',
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    ...Object.fromEntries(
      CONFIG_KEYS.map((key) => [
        key,
        key === 'transport' ? { enum: ['native', 'plugin'] } : { type: 'string', minLength: 1 },
      ]),
    ),
    [TAGS_KEY]: {
      description: 'Tags on everything that up creates.',
      type: 'object',
      additionalProperties: { type: ['string', 'number', 'boolean', 'null'] },
    },
    [DATABASES_KEY]: {
      description: 'Settings of db for single databases, by id.',
      type: 'object',
      propertyNames: { minLength: 1 },
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        properties: schemasOf(DATABASE_FIELDS),
        allOf: [ONE_LOGIN],
      },
    },
    [CONNECTIONS_KEY]: {
      description: 'Connections with names: forward NAME, db NAME, run NAME -- CMD, or only NAME.',
      type: 'object',
      propertyNames: { pattern: CONNECTION_NAME.source },
      additionalProperties: { anyOf: CONNECTION_KINDS.map(connectionSchema) },
    },
  },
});

const exclude = (field: string, value: unknown, other: string): JsonSchema => ({
  not: { required: [field, other], properties: { [field]: { const: value } } },
});

const ONE_LOGIN = exclude('iam', true, 'secret');
const ONE_ROUTE = exclude('via', 'task', 'bastion');

const schemasOf = (fields: Readonly<Record<string, Field>>): JsonSchema =>
  Object.fromEntries(
    Object.entries(fields).map(([name, { kind, about }]) => [name, { description: about, ...kind.schema }]),
  );

function connectionSchema(kind: ConnectionKind): JsonSchema {
  const fields = Object.fromEntries(FIELDS_OF_KIND[kind].map((name) => [name, CONNECTION_FIELDS[name]]));
  const implying = FIELDS_THAT_IMPLY[kind];
  return {
    type: 'object',
    additionalProperties: false,
    properties: { ...schemasOf(fields), kind: { const: kind } },
    allOf: [ONE_LOGIN, ONE_ROUTE],
    ...(implying.length === 0
      ? { required: ['kind'] }
      : { [kind === 'db' ? 'oneOf' : 'anyOf']: implying.map((name) => ({ required: [name] })) }),
  };
}
