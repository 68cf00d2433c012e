import { describe, expect, it } from 'vitest';
import { contains, policyDifference } from '../../../src/diagnose/iam/policy-difference.ts';

const document = (...Statement: readonly object[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement });
const allow = (
  Action: string | readonly string[],
  Resource: string | readonly string[] = '*',
  more = {},
) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
});
const onlyLeft = (left: readonly object[], right: readonly object[]): readonly unknown[] =>
  policyDifference([document(...left)], [document(...right)]).onlyLeft;

describe('patterns', () => {
  it.each([
    ['ecs:*', 'ecs:Describe*', true],
    ['ecs:Describe*', 'ecs:*', false],
    ['*', 'ecs:*', true],
    ['a?c', 'abc', true],
    ['a?c', 'a*c', false],
    ['a?c', 'a?c', true],
    ['a.c', 'abc', false],
    ['arn:aws:s3:::b/*', 'arn:aws:s3:::b/x', true],
  ])('%s contains %s: %s', (outer, inner, expected) => {
    expect(contains(outer, inner)).toBe(expected);
  });
});

describe('the difference of two policies', () => {
  it('is empty for equal grants in another order and case', () => {
    const left = document(allow(['ecs:ListTasks', 'ecs:DescribeTasks']));
    const right = document(allow('ECS:describetasks'), allow('ecs:ListTasks'));
    expect(policyDifference([left], [right])).toEqual({
      onlyLeft: [],
      onlyRight: [],
      denials: { left: 0, right: 0 },
    });
  });

  it('names the wide action, and not what it covers on the other side', () => {
    const diff = policyDifference([document(allow('ecs:*'))], [document(allow('ecs:ListTasks'))]);
    expect(diff.onlyLeft.map(({ actions, resources }) => [actions, resources])).toEqual([[['ecs:*'], ['*']]]);
    expect(diff.onlyRight).toEqual([]);
  });

  it('compares resources each for itself, and joins those with the same actions', () => {
    expect(onlyLeft([allow('s3:GetObject', ['a', 'b', 'c'])], [allow('s3:*', 'b')])).toMatchObject([
      { actions: ['s3:GetObject'], resources: ['a', 'c'] },
    ]);
  });

  it('needs the same conditions on the other side, or none', () => {
    const tagged = { Condition: { StringEquals: { 'aws:ResourceTag/a': ['1', '2'] } } };
    const same = { Condition: { StringEquals: { 'AWS:ResourceTag/a': ['2', '1'] } } };
    expect(onlyLeft([allow('ec2:Run', '*', tagged)], [allow('ec2:Run', '*', same)])).toEqual([]);
    expect(onlyLeft([allow('ec2:Run', '*', tagged)], [allow('ec2:Run')])).toEqual([]);
    expect(onlyLeft([allow('ec2:Run')], [allow('ec2:Run', '*', tagged)])).toMatchObject([
      { actions: ['ec2:Run'], condition: undefined },
    ]);
  });

  it('shows a statement with exceptions whole, and lets it cover nothing', () => {
    const all = { Effect: 'Allow', NotAction: 'iam:*', Resource: '*' };
    expect(onlyLeft([all], [allow('s3:*')])).toMatchObject([{ actions: ['*'], except: ['iam:*'] }]);
    expect(onlyLeft([allow('s3:*')], [all])).toMatchObject([{ actions: ['s3:*'] }]);
  });

  it('counts denials, which it does not compare, and takes a single statement', () => {
    const deny = JSON.stringify({ Statement: { Effect: 'Deny', Action: '*', Resource: '*' } });
    expect(policyDifference([deny], [])).toEqual({
      onlyLeft: [],
      onlyRight: [],
      denials: { left: 1, right: 0 },
    });
  });
});
