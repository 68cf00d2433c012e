import { describe, expect, it } from 'vitest';

import { trustPoints } from '../../../src/diagnose/iam/trust.ts';
import { provedDocument } from '../../support/proved-documents.ts';

const BASTION = JSON.stringify(provedDocument('bastion-trust'));
const TASK = JSON.stringify(provedDocument('task-trust'));
const OWN = 'arn:aws:ecs:eu-west-1:111122223333:*';
const EC2 = { Service: 'ec2.amazonaws.com' };
const TASKS = { Service: ['ecs-tasks.amazonaws.com', 'ec2.amazonaws.com'] };

const verdict = (document: string, ...statements: readonly object[]): readonly unknown[] => {
  const whole = statements.map((each) => ({ Effect: 'Allow', Action: 'sts:AssumeRole', ...each }));
  return trustPoints(document, JSON.stringify({ Statement: whole })).map((point) => [
    point.verdict,
    ...point.missingContext,
  ]);
};
const yes = [['allowed']];
const no = [['not-trusted']];

describe('a trust policy', () => {
  it('that is shipped trusts exactly its service', () => {
    expect(trustPoints(BASTION, BASTION)).toMatchObject([
      { action: 'sts:AssumeRole', resource: 'ec2.amazonaws.com', verdict: 'allowed' },
    ]);
    expect(trustPoints(TASK, TASK)).toMatchObject([
      { verdict: 'allowed', statement: 'TasksOfThisAccountOnly' },
    ]);
    expect(trustPoints(BASTION, TASK)).toMatchObject([{ verdict: 'not-trusted' }]);
  });

  it.each<[string, readonly object[], unknown]>([
    ['the service', [{ Principal: EC2 }], yes],
    ['the service among others', [{ Principal: TASKS }], yes],
    ['every principal', [{ Principal: '*' }], yes],
    ['every principal with credentials, which means the same', [{ Principal: { AWS: '*' } }], yes],
    [
      'the service, with a Deny for every principal',
      [{ Principal: EC2 }, { Principal: { AWS: ['*'] }, Effect: 'Deny' }],
      no,
    ],
    [
      'all actions except another one',
      [{ Principal: EC2, Action: undefined, NotAction: 'sts:TagSession' }],
      yes,
    ],
    ['all actions except this one', [{ Principal: EC2, Action: undefined, NotAction: ['sts:Assume*'] }], no],
    ['a pattern of actions', [{ Principal: EC2, Action: ['sts:TagSession', 'STS:Assume*'] }], yes],
    ['another action', [{ Principal: EC2, Action: 'sts:AssumeRoleWithSAML' }], no],
    ['an account', [{ Principal: { AWS: 'arn:aws:iam::111122223333:root' } }], no],
    ['the service, with a Deny', [{ Principal: EC2 }, { Principal: EC2, Effect: 'Deny' }], no],
    ['no principal', [], no],
    [
      'a condition key whose value is not known here',
      [{ Principal: EC2, Condition: { StringEquals: { 'aws:SourceAccount': '111122223333' } } }],
      [['not-trusted', 'aws:SourceAccount']],
    ],
    [
      'a condition key that may be absent',
      [{ Principal: EC2, Condition: { StringEqualsIfExists: { 'aws:SourceAccount': '1' } } }],
      yes,
    ],
    ['a negated condition', [{ Principal: EC2, Condition: { ArnNotLike: { 'aws:SourceArn': 'x' } } }], yes],
  ])('EC2 and the statement "%s"', (_, statements, expected) => {
    expect(verdict(BASTION, ...statements)).toEqual(expected);
  });

  it.each<[string, object, unknown]>([
    ['without a condition', {}, yes],
    ['for every region', { ArnLike: { 'aws:sourcearn': 'arn:aws:ecs:*:111122223333:*' } }, yes],
    ['for this account or another', { StringEquals: { 'aws:SourceAccount': ['1', '111122223333'] } }, yes],
    ['for another account', { StringEquals: { 'aws:SourceAccount': '444455556666' } }, no],
    ['for another region', { ArnLike: { 'aws:SourceArn': OWN.replace('eu-west', 'us-east') } }, no],
    ['not for this account', { StringNotEquals: { 'aws:SourceAccount': '111122223333' } }, no],
    ['with dots that match only dots', { ArnLike: { 'aws:SourceArn': 'arn.aws.*' } }, no],
    [
      'with a wildcard, which only Like operators support',
      { StringEquals: { 'aws:SourceAccount': '1111*' } },
      no,
    ],
  ])('ECS tasks and the condition "%s"', (_, Condition, expected) => {
    expect(verdict(TASK, { Principal: TASKS, Condition })).toEqual(expected);
  });
});
