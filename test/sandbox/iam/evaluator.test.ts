import { describe, expect, test } from 'vitest';
import { decide } from '../../../src/sandbox/iam/evaluator.ts';
import { parsePolicy } from '../../../src/sandbox/iam/policy-document.ts';

type Statement = Record<string, unknown>;

const policy = (...statements: readonly Statement[]) => ({
  name: 'p',
  document: parsePolicy({ Version: '2012-10-17', Statement: statements }),
});

function allowed(
  statements: readonly Statement[],
  question: { action: string; resource?: string; context?: Record<string, string | readonly string[]> },
  boundary?: readonly Statement[],
): boolean {
  const context = new Map(
    Object.entries(question.context ?? {}).map(([key, value]) => [
      key.toLowerCase(),
      typeof value === 'string' ? [value] : value,
    ]),
  );
  const grants = {
    identity: [policy(...statements)],
    boundary: boundary === undefined ? undefined : policy(...boundary),
  };
  return decide(grants, { action: question.action, resource: question.resource ?? '*', context }).allowed;
}

const allow = (action: unknown, resource: unknown = '*', more: Statement = {}): Statement => ({
  Effect: 'Allow',
  Action: action,
  Resource: resource,
  ...more,
});
const deny = (action: unknown, resource: unknown = '*', more: Statement = {}): Statement => ({
  ...allow(action, resource, more),
  Effect: 'Deny',
});
const when = (operator: string, key: string, value: unknown): Statement => ({
  Condition: { [operator]: { [key]: value } },
});

describe('effects', () => {
  test('the default is denied', () => {
    expect(allowed([allow('s3:*')], { action: 'ec2:RunInstances' })).toBe(false);
  });
  test('an explicit deny overrides any allow', () => {
    expect(allowed([allow('*'), deny('ec2:Run*')], { action: 'ec2:RunInstances' })).toBe(false);
    expect(allowed([allow('*'), deny('ec2:Run*')], { action: 'ec2:DescribeVpcs' })).toBe(true);
  });
  test('a boundary must also allow the action, and its deny counts', () => {
    const question = { action: 'ssm:GetParameter' };
    expect(allowed([allow('*')], question, [allow('ssm:*')])).toBe(true);
    expect(allowed([allow('*')], question, [allow('ec2:*')])).toBe(false);
    expect(allowed([allow('*')], question, [allow('*'), deny('ssm:Get*')])).toBe(false);
  });
  test('NotAction and NotResource match everything else', () => {
    const statement = { Effect: 'Allow', NotAction: 'iam:*', NotResource: 'arn:aws:s3:::secret/*' };
    expect(allowed([statement], { action: 'ec2:RunInstances', resource: 'arn:aws:s3:::open/x' })).toBe(true);
    expect(allowed([statement], { action: 'iam:GetRole', resource: 'arn:aws:s3:::open/x' })).toBe(false);
    expect(allowed([statement], { action: 'ec2:RunInstances', resource: 'arn:aws:s3:::secret/x' })).toBe(
      false,
    );
  });
});

describe('patterns', () => {
  const arn = 'arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0';
  test.each([
    ['arn:aws:ec2:eu-west-1:111122223333:instance/*', true],
    ['arn:aws:ec2:*:*:instance/i-0?23*', true],
    ['arn:aws:ec2:eu-west-1:111122223333:volume/*', false],
    ['arn:aws:ec2:eu-west-1:111122223333:INSTANCE/*', false],
    // A wildcard in one segment does not match the colon after it.
    ['arn:aws:ec2:eu-*:instance/i-0123456789abcdef0:*:*', false],
    ['arn:aws:ec2:eu-west-1:111122223333:*', true],
  ])('%s → %s', (pattern, expected) => {
    expect(allowed([allow('ec2:*', pattern)], { action: 'ec2:StopInstances', resource: arn })).toBe(expected);
  });
  test('actions are matched without regard to case', () => {
    expect(allowed([allow('EC2:describe*')], { action: 'ec2:DescribeVpcs' })).toBe(true);
  });
  test('only * matches an action without a resource', () => {
    expect(allowed([allow('ec2:*', 'arn:aws:ec2:*:*:vpc/*')], { action: 'ec2:DescribeVpcs' })).toBe(false);
  });
  test('a pattern with many wildcards is matched at once', () => {
    const pattern = `arn:aws:s3:::${'*a'.repeat(60)}b`;
    // Trying every way to split the text would exceed any test timeout.
    expect(
      allowed([allow('s3:*', pattern)], {
        action: 's3:GetObject',
        resource: `arn:aws:s3:::${'a'.repeat(3000)}`,
      }),
    ).toBe(false);
  });
});

describe('policy variables', () => {
  const own = 'arn:aws:ssm:eu-west-1:111122223333:session/${aws:userid}-*';
  const session = (id: string) => `arn:aws:ssm:eu-west-1:111122223333:session/${id}`;
  test('are replaced by the values of the request, in which wildcards are literal', () => {
    const question = (userid: string, id: string) => ({
      action: 'ssm:TerminateSession',
      resource: session(id),
      context: { 'aws:userid': userid },
    });
    expect(allowed([allow('ssm:*', own)], question('AIDA1', 'AIDA1-0ab'))).toBe(true);
    expect(allowed([allow('ssm:*', own)], question('AIDA1', 'AIDA2-0ab'))).toBe(false);
    expect(allowed([allow('ssm:*', own)], question('*', 'AIDA2-0ab'))).toBe(false);
    expect(allowed([allow('ssm:*', own)], question('AROA1:ada', 'AROA1:ada-0ab'))).toBe(true);
  });
  test('without a value match nothing, unless they have a default', () => {
    const statement = allow('s3:*', 'arn:aws:s3:::${aws:PrincipalTag/team}');
    const withDefault = allow('s3:*', "arn:aws:s3:::${aws:PrincipalTag/team, 'shared'}");
    const question = { action: 's3:GetObject', resource: 'arn:aws:s3:::shared' };
    expect(allowed([statement], question)).toBe(false);
    expect(allowed([withDefault], question)).toBe(true);
  });
  test('without a value fail a positive operator and satisfy a negated one', () => {
    const question = { action: 's3:GetObject', context: { 'aws:a': 'x' } };
    const positive = allow('s3:*', '*', when('StringEquals', 'aws:a', '${aws:PrincipalTag/team}'));
    const inverted = allow('s3:*', '*', when('StringNotEquals', 'aws:a', '${aws:PrincipalTag/team}'));
    expect([allowed([positive], question), allowed([inverted], question)]).toEqual([false, true]);
  });
  test('without a value match nothing in NotResource either, so the statement covers every resource', () => {
    const statement = {
      Effect: 'Allow',
      Action: 's3:*',
      NotResource: 'arn:aws:s3:::${aws:PrincipalTag/team}',
    };
    expect(allowed([statement], { action: 's3:GetObject', resource: 'arn:aws:s3:::shared' })).toBe(true);
  });
  test('with several values count as variables without a value', () => {
    const statement = allow('s3:*', 'arn:aws:s3:::${aws:TagKeys}');
    const question = { action: 's3:Get', resource: 'arn:aws:s3:::a', context: { 'aws:TagKeys': ['a', 'b'] } };
    expect(allowed([statement], question)).toBe(false);
  });
  test('${*} is a literal star and not a wildcard', () => {
    const statement = allow('s3:*', 'arn:aws:s3:::${*}');
    expect(allowed([statement], { action: 's3:Get', resource: 'arn:aws:s3:::*' })).toBe(true);
    expect(allowed([statement], { action: 's3:Get', resource: 'arn:aws:s3:::x' })).toBe(false);
  });
});

describe('conditions', () => {
  const rows: readonly [
    operator: string,
    wanted: unknown,
    value: string | readonly string[] | undefined,
    holds: boolean,
  ][] = [
    ['StringEquals', 'a', 'a', true],
    ['StringEquals', ['a', 'b'], 'b', true],
    ['StringEquals', 'a', 'A', false],
    ['StringEquals', 'a*', 'ab', false],
    ['StringEquals', 'a', undefined, false],
    ['StringEqualsIfExists', 'a', undefined, true],
    ['StringEqualsIfExists', 'a', 'b', false],
    ['StringNotEquals', ['a', 'b'], 'c', true],
    ['StringNotEquals', ['a', 'b'], 'b', false],
    ['StringNotEquals', 'a', undefined, true],
    // A key with several values without a set operator: none of the values may be equal.
    ['StringNotEquals', 'a', ['a', 'b'], false],
    ['StringNotEquals', 'a', ['b', 'c'], true],
    ['StringEqualsIgnoreCase', 'Ab', 'aB', true],
    ['StringNotEqualsIgnoreCase', 'Ab', 'aB', false],
    ['StringLike', 'a*', 'abc', true],
    ['StringLike', 'a?', 'abc', false],
    ['StringNotLike', ['t4g.*', 't3.*'], 'm5.large', true],
    ['StringNotLike', ['t4g.*', 't3.*'], 't3.micro', false],
    ['ArnEquals', 'arn:aws:ecs:*:*:cluster/demo', 'arn:aws:ecs:eu-west-1:1:cluster/demo', true],
    ['ArnLike', 'arn:aws:ecs:*:*:cluster/d*', 'arn:aws:ecs:eu-west-1:1:cluster/other', false],
    ['ArnNotLike', 'arn:aws:ecs:*:*:cluster/d*', 'arn:aws:ecs:eu-west-1:1:cluster/other', true],
    ['ArnEquals', 'arn:aws:ecs:*:*:cluster/demo', undefined, false],
    ['ArnNotEquals', 'arn:aws:ecs:*:*:cluster/demo', undefined, true],
    ['Bool', 'true', 'true', true],
    ['Bool', true, 'TRUE', true],
    ['Bool', 'true', undefined, false],
    ['BoolIfExists', 'true', undefined, true],
    ['BoolIfExists', 'true', 'false', false],
    ['Null', 'true', undefined, true],
    ['Null', 'true', 'x', false],
    ['Null', 'false', 'x', true],
    ['Null', 'false', undefined, false],
    ['NumericLessThan', '10', '9', true],
    ['NumericLessThan', '10', '10', false],
    ['NumericGreaterThanEquals', '10', '10', true],
    ['NumericEquals', 8, '8.0', true],
    ['NumericNotEquals', '8', '9', true],
    ['NumericLessThan', '10', 'ten', false],
    ['DateLessThan', '2027-01-01T00:00:00Z', '2026-11-21T00:00:00Z', true],
    ['DateGreaterThan', '2027-01-01T00:00:00Z', '2026-11-21T00:00:00Z', false],
    ['IpAddress', '127.0.0.0/8', '127.0.0.1', true],
    ['IpAddress', '10.0.0.0/8', '127.0.0.1', false],
    ['NotIpAddress', '10.0.0.0/8', '127.0.0.1', true],
    ['ForAllValues:StringEquals', ['a', 'b'], ['a', 'b'], true],
    ['ForAllValues:StringEquals', ['a', 'b'], ['a', 'c'], false],
    ['ForAllValues:StringEquals', ['a', 'b'], undefined, true],
    ['ForAnyValue:StringEquals', ['a', 'b'], ['c', 'b'], true],
    ['ForAnyValue:StringEquals', ['a', 'b'], ['c'], false],
    ['ForAnyValue:StringEquals', ['a', 'b'], undefined, false],
    ['ForAnyValue:StringNotEquals', ['a'], ['a', 'b'], true],
    ['ForAllValues:StringNotEquals', ['a'], ['a', 'b'], false],
  ];
  test.each(rows)('%s %j on %j → %s', (operator, wanted, value, holds) => {
    const context = value === undefined ? {} : { 'aws:Key': value };
    const statement = allow('s3:Get', '*', when(operator, 'AWS:key', wanted));
    expect(allowed([statement], { action: 's3:Get', context })).toBe(holds);
  });
  test('all conditions of a statement must hold', () => {
    const statement = allow('s3:Get', '*', {
      Condition: { StringEquals: { 'aws:a': '1', 'aws:b': '2' }, Bool: { 'aws:c': 'true' } },
    });
    const context = { 'aws:a': '1', 'aws:b': '2', 'aws:c': 'true' };
    expect(allowed([statement], { action: 's3:Get', context })).toBe(true);
    expect(allowed([statement], { action: 's3:Get', context: { ...context, 'aws:b': '3' } })).toBe(false);
  });
});

describe('documents that IAM refuses', () => {
  test.each<[string, unknown]>([
    ['no statement', { Version: '2012-10-17' }],
    ['unknown version', { Version: '2020-01-01', Statement: allow('a:B') }],
    ['misspelt effect', { Version: '2012-10-17', Statement: { ...allow('a:B'), Effect: 'Alow' } }],
    ['action without service prefix', { Version: '2012-10-17', Statement: allow('RunInstances') }],
    ['resource that is not an ARN', { Version: '2012-10-17', Statement: allow('a:B', 'instance/*') }],
    [
      'both Action and NotAction',
      { Version: '2012-10-17', Statement: { ...allow('a:B'), NotAction: 'a:C' } },
    ],
    [
      'unknown operator',
      { Version: '2012-10-17', Statement: allow('a:B', '*', when('StringIs', 'aws:a', '1')) },
    ],
    [
      'condition key without prefix',
      { Version: '2012-10-17', Statement: allow('a:B', '*', when('Bool', 'mfa', 'true')) },
    ],
    ['principal', { Version: '2012-10-17', Statement: { ...allow('a:B'), Principal: '*' } }],
    ['unknown member', { Version: '2012-10-17', Statement: { ...allow('a:B'), Ressource: '*' } }],
    [
      'two equal Sids',
      {
        Version: '2012-10-17',
        Statement: [
          { ...allow('a:B'), Sid: 'x' },
          { ...allow('a:B'), Sid: 'x' },
        ],
      },
    ],
    ['not JSON', '{'],
  ])('%s', (_what, document) => {
    expect(() => parsePolicy(document)).toThrow(
      expect.objectContaining({ code: 'MalformedPolicyDocument' }) as Error,
    );
  });
});
