import { usage } from '../../core/errors.ts';
import type { Tags } from '../ports/tags.ts';
import { TAG } from './names.ts';

/**
 * Tags that an organisation requires on everything that `up` creates. They have to be legal on every kind of resource,
 * so the strictest of three rules applies: those of EC2, of IAM, and of instance tags that the instance metadata shows
 * (docs/reference/ec2-spot.md, "Tags").
 */

export interface GivenTag {
  readonly key: string;
  readonly value: string;
  /** Where the tag was written: `--tag`, or a file with its line. */
  readonly from: string;
}

export const TAG_LIMITS = {
  key: 128,
  value: 256,
  /** AWS allows 50 tags on each resource, and `up` adds its own to each. */
  count: 50 - Object.keys(TAG).length,
} as const;

/**
 * The characters that instance metadata allows, without the comma and the equals sign: IAM refuses the comma, and
 * `--tag` ends the key at the first equals sign.
 */
const KEY = /^[A-Za-z0-9+\-._:@]+$/;
/** The characters that IAM allows; EC2 allows more. */
const VALUE = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
const NOT_IN_VALUES = /[^\p{L}\p{Z}\p{N}_.:/=+\-@]/gu;

/** `KEY=VALUE` as typed after `--tag`; the value may hold further equals signs. Throws `tag-invalid` (usage). */
export function parseTag(text: string): GivenTag {
  const at = text.indexOf('=');
  if (at > 0) return { key: text.slice(0, at), value: text.slice(at + 1), from: '--tag' };
  throw invalid(`tag ${JSON.stringify(text)} is not KEY=VALUE`, {
    key: at === 0 ? '' : text,
    value: at === 0 ? text.slice(1) : '',
    from: '--tag',
  });
}

/**
 * The tags of the command line, and those of the configuration files whose keys the command line does not have. Throws
 * `tag-invalid` (usage) for a tag that AWS would refuse, before any call to AWS.
 */
export function givenTags(typed: readonly GivenTag[], configured: readonly GivenTag[]): Tags {
  const tags = [...typed, ...configured.filter(({ key }) => !typed.some((tag) => tag.key === key))];
  const byKey = new Map<string, GivenTag>();
  for (const tag of tags) {
    checkTag(tag);
    // IAM compares keys without regard to case.
    const before = byKey.get(tag.key.toLowerCase());
    if (before !== undefined && (before.key !== tag.key || before.value !== tag.value)) {
      throw invalid(
        before.key === tag.key
          ? `tag ${tag.key} is given twice: ${JSON.stringify(before.value)} and ${JSON.stringify(tag.value)}`
          : `tags ${before.key} (${before.from}) and ${tag.key} (${tag.from}) differ only in case, which IAM refuses`,
        tag,
      );
    }
    byKey.set(tag.key.toLowerCase(), tag);
  }
  const found = [...byKey.values()];
  const last = found[TAG_LIMITS.count];
  if (last !== undefined)
    throw invalid(
      `${found.length} tags are given, and ${TAG_LIMITS.count} fit beside those of a bastion`,
      last,
    );
  return Object.fromEntries(found.map(({ key, value }) => [key, value]));
}

/** Counted in Unicode characters, as AWS counts. */
const lengthOf = (text: string): number => Array.from(text).length;

function checkTag(tag: GivenTag): void {
  const { key, value, from } = tag;
  const refuse = (why: string): never => {
    throw invalid(`${from}: tag ${JSON.stringify(key)} ${why}`, tag);
  };
  if (key === '' || lengthOf(key) > TAG_LIMITS.key)
    refuse(`has ${lengthOf(key)} characters in its key, and AWS takes 1 to ${TAG_LIMITS.key}`);
  if (lengthOf(value) > TAG_LIMITS.value)
    refuse(`has ${lengthOf(value)} characters in its value, and AWS takes up to ${TAG_LIMITS.value}`);
  if (/^aws:/i.test(key) || /^aws:/i.test(value)) refuse('begins with aws:, which AWS keeps for itself');
  if (key === TAG.name || /^fargate-connect:/i.test(key))
    refuse('is one by which bastions are found, and is set by fargate-connect itself');
  if (!KEY.test(key) || key === '.' || key === '..' || key === '_index')
    refuse(
      'has a key that instance metadata or IAM refuses: letters a to z, digits and + - . _ : @ are legal',
    );
  if (!VALUE.test(value))
    refuse(`has the value ${JSON.stringify(value)}: IAM takes letters, digits, spaces and _ . : / = + - @`);
}

const invalid = (message: string, tag: GivenTag): Error =>
  usage('tag-invalid', message, { details: { key: tag.key, from: tag.from, example: legalExample(tag) } });

/** The nearest tag that is legal, for the advice; of a reserved or empty key, or without a value, a made-up one. */
function legalExample({ key, value }: GivenTag): { readonly key: string; readonly value: string } {
  const legal = Array.from(key.replace(/[^A-Za-z0-9+\-._:@]+/g, '-'))
    .slice(0, TAG_LIMITS.key)
    .join('')
    .replace(/^-+|-+$/g, '');
  const isReserved = /^(?:aws|fargate-connect):|^(?:name|\.|\.\.|_index|)$/i.test(legal);
  const legalValue = /^aws:/i.test(value) ? '' : legalTagValue(value);
  return { key: isReserved ? 'team' : legal, value: legalValue === '' ? 'orders' : legalValue };
}

/**
 * Makes a text a legal tag value for IAM and EC2. The ARN of a caller may hold commas, and the ARN of a user with a
 * long path has more than 256 characters: its end is kept, because that identifies the person.
 */
export const legalTagValue = (text: string): string =>
  Array.from(text.replaceAll(NOT_IN_VALUES, '_')).slice(-TAG_LIMITS.value).join('');
