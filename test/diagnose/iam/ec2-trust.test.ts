import { describe, expect, it } from 'vitest';

import { errorOf } from '../../../src/diagnose/errors.ts';
import { ec2TrustOf } from '../../../src/diagnose/iam/ec2-trust.ts';
import { shippedDocument } from '../../support/grants.ts';

const ABOUT = { of: 'given', name: 'default' } as const;

const check = (...Statement: readonly unknown[]): ReturnType<typeof ec2TrustOf> =>
  ec2TrustOf('ops-bastion', JSON.stringify({ Version: '2012-10-17', Statement }), ABOUT);
const EC2 = { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' };

describe('a role that EC2 may assume', () => {
  it.each([
    ['the shipped one', shippedDocument('bastion-trust', {}).Statement[0]],
    ['among other services', { ...EC2, Principal: { Service: ['ssm.amazonaws.com', 'ec2.amazonaws.com'] } }],
    ['with the former name in the China regions', { ...EC2, Principal: { Service: 'ec2.amazonaws.com.cn' } }],
    ['for every principal', { ...EC2, Principal: '*' }],
    ['with a pattern', { ...EC2, Action: ['sts:TagSession', 'STS:Assume*'] }],
    ['under a condition', { ...EC2, Condition: { StringEquals: { 'aws:SourceAccount': '1' } } }],
  ])('%s', (_, statement) => {
    expect(check(statement)).toBeUndefined();
  });

  it('needs one such statement, alone or among others', () => {
    expect(check({ ...EC2, Principal: { AWS: 'arn:aws:iam::1:root' } }, EC2)).toBeUndefined();
    expect(ec2TrustOf('r', JSON.stringify({ Statement: EC2 }), ABOUT)).toBeUndefined();
  });
});

describe('a role that EC2 may not assume', () => {
  it.each([
    ['trusts an account', { ...EC2, Principal: { AWS: 'arn:aws:iam::1:root' } }],
    ['trusts another service', { ...EC2, Principal: { Service: 'ecs-tasks.amazonaws.com' } }],
    ['trusts a name that only looks like it', { ...EC2, Principal: { Service: 'xec2.amazonaws.com' } }],
    ['grants another action', { ...EC2, Action: 'sts:TagSession' }],
    ['denies', { ...EC2, Effect: 'Deny' }],
  ])('%s', (_, statement) => {
    const finding = check(statement);
    expect(finding).toMatchObject({
      severity: 'blocking',
      fixes: [
        [
          {
            kind: 'trust-service',
            role: 'ops-bastion',
            service: 'ec2.amazonaws.com',
            actions: ['sts:AssumeRole'],
          },
        ],
      ],
    });
    expect(finding && errorOf(finding)).toMatchObject({
      code: 'role-untrusted',
      exitStatus: 4,
      message: expect.stringMatching(/sts:AssumeRole for role ops-bastion/),
      details: { role: 'ops-bastion', action: 'sts:AssumeRole', of: 'given', name: 'default' },
    });
  });

  it('has a Deny that overrides another statement', () => {
    expect(check(EC2, { ...EC2, Effect: 'Deny' })).toMatchObject({ id: 'role-untrusted' });
  });
});

it('a trust policy that was not read gives no finding', () => {
  expect(ec2TrustOf('ops-bastion', undefined, ABOUT)).toBeUndefined();
});
