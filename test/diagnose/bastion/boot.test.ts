import { describe, expect, it } from 'vitest';

import { agentMissingFinding, bootFinding, bootVerdict } from '../../../src/diagnose/bastion/boot.ts';

describe('the result of the boot script', () => {
  it.each([
    ['', { kind: 'running', last: undefined }],
    ['[ 1.2] cloud-init\r\n', { kind: 'running', last: undefined }],
    ['fargate-connect: preparing bastion x\r\n', { kind: 'running', last: 'preparing bastion x' }],
    ['fargate-connect: preparing\r\nfargate-connect: ready\r\n', { kind: 'ready' }],
    ['fargate-connect: FAILED no way to S3\r\n', { kind: 'failed', reason: 'no way to S3' }],
    ['fargate-connect: ready\r\nfargate-connect: FAILED late\r\n', { kind: 'failed', reason: 'late' }],
  ])('is parsed from %j', (text, verdict) => {
    expect(bootVerdict(text)).toEqual(verdict);
  });
});

const BASTION = {
  name: 'default',
  instanceId: 'i-1',
  installs: true,
  networkReason: 'private, through a NAT gateway',
};

describe('the fix', () => {
  const refusal = (by: string): string =>
    `agent refused: ${by} is not authorized to perform: ssm:UpdateInstanceInformation`;

  it('for an agent that was refused is to allow the action to its role', () => {
    const finding = bootFinding(BASTION, refusal('arn:aws:sts::111122223333:assumed-role/ops/i-1'));
    expect(finding).toMatchObject({
      id: 'agent-denied',
      severity: 'blocking',
      fixes: [[{ kind: 'allow-actions', principal: 'ops', actions: ['ssm:UpdateInstanceInformation'] }]],
    });
  });

  it('is empty if the role is not known, or the boot script failed for another reason', () => {
    expect(bootFinding(BASTION, refusal('somebody'))).toMatchObject({ id: 'agent-denied', fixes: [] });
    expect(bootFinding(BASTION, 'no way to S3')).toMatchObject({ id: 'boot-failed', fixes: [] });
  });

  it('for a role that EC2 may not assume is to change its trust policy', () => {
    expect(bootFinding(BASTION, 'agent refused: EC2 cannot assume the role ops')).toMatchObject({
      id: 'role-untrusted',
      evidence: { role: 'ops', of: 'launched', name: 'default' },
      fixes: [[{ kind: 'trust-service', role: 'ops', service: 'ec2.amazonaws.com' }]],
    });
  });

  it('is unknown for an agent that does not register for no visible reason', () => {
    expect(agentMissingFinding(BASTION, { kind: 'running', last: 'preparing' })).toMatchObject({
      severity: 'could-not-tell',
      evidence: { bootDone: false, bootLine: 'preparing' },
    });
  });
});
