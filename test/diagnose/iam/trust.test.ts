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
  ])('EC2 and the statement "%s"', (_, statements, expected) => {
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
  ])('ECS tasks and the condition "%s"', (_, Condition, expected) => {
    expect(verdict(TASK, { Principal: TASKS, Condition })).toEqual(expected);
  });
});
