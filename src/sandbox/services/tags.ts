import { AwsError } from '../contracts.ts';
import { type Fields, isFields, optionalText } from '../wire/fields.ts';

/** Resource tags, as every service of the sandbox keeps them. */
export type Tags = Map<string, string>;

const MAX_TAGS = 50;

/**
 * Reads `[{Key, Value}]`; a tag without a value gets an empty one. Throws AwsError for reserved, too long or too many
 * tags.
 */
export function parseTags(items: readonly unknown[], code = 'InvalidParameterValue'): Tags {
  const tags: Tags = new Map();
  for (const item of items.filter(isFields)) {
    const key = optionalText(item, 'Key') ?? '';
    const value = optionalText(item, 'Value') ?? '';
    if (key === '' || key.length > 128 || value.length > 256) {
      throw new AwsError(code, `Tag key or value is empty or too long: ${key.slice(0, 40)}`);
    }
    if (key.toLowerCase().startsWith('aws:')) {
      throw new AwsError(code, `Tag keys starting with 'aws:' are reserved for internal use: ${key}`);
    }
    if (tags.has(key)) throw new AwsError(code, `Duplicate tag key ${key}`);
    tags.set(key, value);
  }
  if (tags.size > MAX_TAGS) throw new AwsError('TagLimitExceeded', `more than ${MAX_TAGS} tags`);
  return tags;
}

/** Condition keys of the tags in a request: `aws:RequestTag/…` and `aws:TagKeys` (absent without tags). */
export function requestTagContext(tags: ReadonlyMap<string, string>): Record<string, string | string[]> {
  const context: Record<string, string | string[]> = {};
  for (const [key, value] of tags) context[`aws:RequestTag/${key}`] = value;
  if (tags.size > 0) context['aws:TagKeys'] = [...tags.keys()];
  return context;
}

/**
 * Condition keys of a resource's own tags: `aws:ResourceTag/…` and, for services that have one, the older spelling.
 */
export function resourceTagContext(
  tags: ReadonlyMap<string, string>,
  service?: 'ec2' | 'iam' | 'secretsmanager',
): Record<string, string> {
  const context: Record<string, string> = {};
  for (const [key, value] of tags) {
    context[`aws:ResourceTag/${key}`] = value;
    if (service !== undefined) context[`${service}:ResourceTag/${key}`] = value;
  }
  return context;
}

/** The tags as members of an answer, sorted by key. */
export function tagMembers(
  tags: ReadonlyMap<string, string>,
  names: readonly [string, string] = ['Key', 'Value'],
): readonly Fields[] {
  return [...tags]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => ({ [names[0]]: key, [names[1]]: value }));
}
