import { describe, expect, it } from 'vitest';

import {
  type GivenTag,
  givenTags,
  legalTagValue,
  parseTag,
  TAG_LIMITS,
} from '../../../src/provision/bastion/given-tags.ts';
import { resourceTags, TAG } from '../../../src/provision/bastion/names.ts';

const tag = (key: string, value = 'x', from = '--tag'): GivenTag => ({ key, value, from });
const refusal = (...tags: readonly GivenTag[]): string => {
  try {
    givenTags(tags, []);
  } catch (error) {
    expect(error).toMatchObject({ code: 'tag-invalid', role: 'usage' });
    return (error as Error).message;
  }
  return 'accepted';
};

describe('a tag from the command line', () => {
  it('consists of a key, an equals sign, and a value that may contain more equals signs', () => {
    expect(parseTag('team=orders')).toEqual(tag('team', 'orders'));
    expect(parseTag('query=a=b==')).toEqual(tag('query', 'a=b=='));
    expect(parseTag('empty=')).toEqual(tag('empty', ''));
  });

  it.each(['team', '=orders', ''])('%j is refused', (text) => {
    expect(() => parseTag(text)).toThrow(expect.objectContaining({ code: 'tag-invalid' }) as Error);
  });

  it('overrides the tag of a file with the same key', () => {
    expect(
      givenTags([tag('team', 'typed')], [tag('team', 'file', '/f:2'), tag('stage', 'dev', '/f:3')]),
    ).toEqual({
      team: 'typed',
      stage: 'dev',
    });
  });

  it('may be as long as AWS allows, and no longer', () => {
    expect(refusal(tag('k'.repeat(TAG_LIMITS.key), 'v'.repeat(TAG_LIMITS.value)))).toBe('accepted');
    expect(refusal(tag('k'.repeat(TAG_LIMITS.key + 1)))).toContain('129 characters in its key');
    expect(refusal(tag('k', 'v'.repeat(TAG_LIMITS.value + 1)))).toContain('257 characters in its value');
  });

  it('leaves room for the tags of the tool', () => {
    const many = (count: number): readonly GivenTag[] =>
      Array.from({ length: count }, (_, at) => tag(`k${at}`));
    expect(refusal(...many(TAG_LIMITS.count))).toBe('accepted');
    expect(refusal(...many(TAG_LIMITS.count + 1))).toContain(`${TAG_LIMITS.count} fit`);
    const own = resourceTags({
      name: 'default',
      owner: 'me',
      given: givenTags(many(TAG_LIMITS.count), []),
      expiresAt: 0,
      idleMinutes: 1,
      cluster: 'demo',
      roleIsGiven: false,
      iam: { path: '/a/', prefix: 'b' },
      ports: [],
      version: '1',
    });
    expect(Object.keys(own).length).toBeLessThanOrEqual(50);
  });

  it.each([
    ['aws:team', 'x', 'aws:'],
    ['AWS:team', 'x', 'aws:'],
    ['team', 'aws:x', 'aws:'],
    [TAG.bastion, 'x', 'set by fargate-connect itself'],
    [TAG.name, 'x', 'set by fargate-connect itself'],
    ['cost centre', 'x', 'instance metadata'],
    ['a/b', 'x', 'instance metadata'],
    ['..', 'x', 'instance metadata'],
    ['_index', 'x', 'instance metadata'],
    ['team', 'a,b', 'IAM takes'],
    ['team', 'a\nb', 'IAM takes'],
  ])('%j = %j is refused, and the error names the rule', (key, value, rule) => {
    expect(refusal(tag(key, value))).toContain(rule);
  });

  it('is refused when another tag contradicts it', () => {
    expect(refusal(tag('team', 'a'), tag('team', 'b'))).toContain('given twice: "a" and "b"');
    expect(refusal(tag('Team'), tag('team', 'x', '/f:3'))).toContain('differ only in case');
    expect(refusal(tag('team'), tag('team'))).toBe('accepted');
  });

  it('from a file is reported with file and line', () => {
    expect(refusal(tag('a b', 'x', '/repo/.fargate-connect.yaml:3'))).toMatch(
      /^\/repo\/.fargate-connect.yaml:3: tag "a b"/,
    );
  });
});

describe('the owner in a tag', () => {
  it('is the ARN, with characters that IAM does not allow replaced', () => {
    expect(legalTagValue('arn:aws:sts::111122223333:assumed-role/ops,eu/anna@example.com')).toBe(
      'arn:aws:sts::111122223333:assumed-role/ops_eu/anna@example.com',
    );
  });

  it('is the end of an ARN that is too long', () => {
    const arn = `arn:aws:iam::111122223333:user/${'team/'.repeat(100)}anna`;
    expect(legalTagValue(arn)).toHaveLength(TAG_LIMITS.value);
    expect(legalTagValue(arn)).toMatch(/\/team\/anna$/);
  });
});
