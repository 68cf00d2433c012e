import { describe, expect, it } from 'vitest';

import { parsePrincipal } from '../../../src/provision/policy/principal.ts';
import { trustFindings } from '../../../src/provision/roles/trust-check.ts';
import { provedDocument } from '../../support/proved-documents.ts';

const BASTION = JSON.stringify(provedDocument('bastion-trust'));
const TASK = JSON.stringify(provedDocument('task-trust'));
const OWN = 'arn:aws:ecs:eu-west-1:111122223333:*';
const EC2 = { Service: 'ec2.amazonaws.com' };
const TASKS = { Service: ['ecs-tasks.amazonaws.com', 'ec2.amazonaws.com'] };

const verdict = (document: string, ...statements: readonly object[]): readonly unknown[] => {
  const whole = statements.map((each) => ({ Effect: 'Allow', Action: 'sts:AssumeRole', ...each }));
  return trustFindings(document, JSON.stringify({ Statement: whole })).map((finding) => [
    finding.verdict,
    ...finding.missingContext,
  ]);
};
const yes = [['allowed']];
const no = [['not-trusted']];

describe('trust', () => {
  it('of the shipped documents is what they say', () => {
    expect(trustFindings(BASTION, BASTION)).toMatchObject([
      { action: 'sts:AssumeRole', resource: 'ec2.amazonaws.com', verdict: 'allowed' },
    ]);
    expect(trustFindings(TASK, TASK)).toMatchObject([
      { verdict: 'allowed', statement: 'TasksOfThisAccountOnly' },
    ]);
    expect(trustFindings(BASTION, TASK)).toMatchObject([{ verdict: 'not-trusted' }]);
  });

  it.each<[string, readonly object[], unknown]>([
    ['the service', [{ Principal: EC2 }], yes],
    ['the service among others', [{ Principal: TASKS }], yes],
    ['everybody', [{ Principal: '*' }], yes],
    ['everybody with credentials, which is the same', [{ Principal: { AWS: '*' } }], yes],
    ['and not everybody', [{ Principal: EC2 }, { Principal: { AWS: ['*'] }, Effect: 'Deny' }], no],
    ['all actions but others', [{ Principal: EC2, Action: undefined, NotAction: 'sts:TagSession' }], yes],
    ['all actions but this', [{ Principal: EC2, Action: undefined, NotAction: ['sts:Assume*'] }], no],
    ['by a pattern of actions', [{ Principal: EC2, Action: ['sts:TagSession', 'STS:Assume*'] }], yes],
    ['another action', [{ Principal: EC2, Action: 'sts:AssumeRoleWithSAML' }], no],
    ['an account', [{ Principal: { AWS: 'arn:aws:iam::111122223333:root' } }], no],
    ['and not', [{ Principal: EC2 }, { Principal: EC2, Effect: 'Deny' }], no],
    ['nobody', [], no],
    [
      'with a key that is not known here',
      [{ Principal: EC2, Condition: { StringEquals: { 'aws:SourceAccount': '111122223333' } } }],
      [['not-trusted', 'aws:SourceAccount']],
    ],
    [
      'with a key that may be absent',
      [{ Principal: EC2, Condition: { StringEqualsIfExists: { 'aws:SourceAccount': '1' } } }],
      yes,
    ],
    ['with an inverted key', [{ Principal: EC2, Condition: { ArnNotLike: { 'aws:SourceArn': 'x' } } }], yes],
  ])('EC2: %s', (_, statements, expected) => {
    expect(verdict(BASTION, ...statements)).toEqual(expected);
  });

  it.each<[string, object, unknown]>([
    ['without a condition', {}, yes],
    ['of every region', { ArnLike: { 'aws:sourcearn': 'arn:aws:ecs:*:111122223333:*' } }, yes],
    ['of this account or another', { StringEquals: { 'aws:SourceAccount': ['1', '111122223333'] } }, yes],
    ['of another account', { StringEquals: { 'aws:SourceAccount': '444455556666' } }, no],
    ['of another region', { ArnLike: { 'aws:SourceArn': OWN.replace('eu-west', 'us-east') } }, no],
    ['not of this account', { StringNotEquals: { 'aws:SourceAccount': '111122223333' } }, no],
    ['a dot is a dot', { ArnLike: { 'aws:SourceArn': 'arn.aws.*' } }, no],
    ['a wildcard needs Like', { StringEquals: { 'aws:SourceAccount': '1111*' } }, no],
  ])('tasks: %s', (_, Condition, expected) => {
    expect(verdict(TASK, { Principal: TASKS, Condition })).toEqual(expected);
  });
});

describe('principals', () => {
  const ARN = 'arn:aws:iam::111122223333:';
  it.each([
    [`${ARN}role/team/dev`, 'role', 'dev', true],
    [`${ARN}user/ada`, 'user', 'ada', true],
    ['arn:aws-cn:iam::111122223333:role/dev', 'role', 'dev', true],
    ['arn:aws:sts::111122223333:assumed-role/dev/ada@example.com', 'role', 'dev', false],
    ['role/dev', 'role', 'dev', false],
    ['role/team/dev', 'role', 'dev', false],
    ['user/ada', 'user', 'ada', false],
  ])('%s', (text, kind, name, whole) => {
    expect(parsePrincipal(text)).toEqual({ kind, name, arn: whole ? text : undefined });
  });

  it.each([
    'dev',
    'role/',
    'group/dev',
    `${ARN}root`,
    `${ARN}group/dev`,
    'arn:aws:sts::111122223333:federated-user/ada',
    '',
  ])('%j is refused', (text) => {
    expect(() => parsePrincipal(text)).toThrow(expect.objectContaining({ code: 'check-principal' }) as Error);
  });
});
