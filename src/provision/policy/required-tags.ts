import type { Tags } from '../ports/tags.ts';

/**
 * Narrows the statements that allow tagging new resources: these tags must be given, with these values. The documents
 * themselves forbid other keys, with `aws:TagKeys`.
 */

type Json = Readonly<Record<string, unknown>>;

const TAG_KEYS = 'aws:TagKeys';
const KEY_OPERATOR = 'ForAllValues:StringLike';
/** Operator of the conditions that require a value; they are added to the conditions that a statement already has. */
const VALUE_OPERATOR = 'StringEquals';

const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

/** `document` is a parsed policy; without tags it is returned unchanged. */
export function withRequiredTags(document: Json, tags: Tags): Json {
  const entries = Object.entries(tags);
  const statements: unknown = document['Statement'];
  if (entries.length === 0 || !Array.isArray(statements)) return document;
  return {
    ...document,
    Statement: statements.map((statement: unknown) => {
      const condition = objectOf(objectOf(statement)['Condition']);
      const keys = objectOf(condition[KEY_OPERATOR])[TAG_KEYS];
      if (!Array.isArray(keys)) return statement;
      return {
        ...objectOf(statement),
        Condition: {
          ...condition,
          [KEY_OPERATOR]: { [TAG_KEYS]: [...(keys as readonly unknown[]), ...Object.keys(tags)] },
          [VALUE_OPERATOR]: {
            ...objectOf(condition[VALUE_OPERATOR]),
            ...Object.fromEntries(entries.map(([key, value]) => [`aws:RequestTag/${key}`, value])),
          },
        },
      };
    }),
  };
}
