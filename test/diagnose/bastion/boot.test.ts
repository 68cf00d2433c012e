import { describe, expect, it } from 'vitest';

import { agentMissingFinding, bootFinding, bootVerdict } from '../../../src/diagnose/bastion/boot.ts';

describe('the verdict of the boot script', () => {
  it.each([
    ['', { kind: 'running', last: undefined }],
    ['[ 1.2] cloud-init\r\n', { kind: 'running', last: undefined }],
    ['fargate-connect: preparing bastion x\r\n', { kind: 'running', last: 'preparing bastion x' }],
    ['fargate-connect: preparing\r\nfargate-connect: ready\r\n', { kind: 'ready' }],
    ['fargate-connect: FAILED no way to S3\r\n', { kind: 'failed', reason: 'no way to S3' }],
    ['fargate-connect: ready\r\nfargate-connect: FAILED late\r\n', { kind: 'failed', reason: 'late' }],
  ])('%j', (text, verdict) => {
    expect(bootVerdict(text)).toEqual(verdict);
  });
});

const BASTION = {
  name: 'default',
  instanceId: 'i-1',
  installs: true,
  networkReason: 'private, through a NAT gateway',
};

describe('what cures it', () => {
  const refusal = (by: string): string =>
    `agent refused: ${by} is not authorized to perform: ssm:UpdateInstanceInformation`;

  it('an agent that is refused: the action, allowed to its role', () => {
    const finding = bootFinding(BASTION, refusal('arn:aws:sts::111122223333:assumed-role/ops/i-1'));
    expect(finding).toMatchObject({
      id: 'agent-denied',
      severity: 'blocking',
      fixes: [[{ kind: 'allow-actions', principal: 'ops', actions: ['ssm:UpdateInstanceInformation'] }]],
    });
  });

  it('nothing where the role is not known, or the boot script failed otherwise', () => {
    expect(bootFinding(BASTION, refusal('somebody'))).toMatchObject({ id: 'agent-denied', fixes: [] });
    expect(bootFinding(BASTION, 'no way to S3')).toMatchObject({ id: 'boot-failed', fixes: [] });
  });

  it('a role that EC2 may not assume: the trust', () => {
    expect(bootFinding(BASTION, 'agent refused: EC2 cannot assume the role ops')).toMatchObject({
      id: 'role-untrusted',
      evidence: { role: 'ops', of: 'launched', name: 'default' },
      fixes: [[{ kind: 'trust-service', role: 'ops', service: 'ec2.amazonaws.com' }]],
    });
  });

  it('an agent that stays away for a reason that nothing shows is one that could not be told', () => {
    expect(agentMissingFinding(BASTION, { kind: 'running', last: 'preparing' })).toMatchObject({
      severity: 'could-not-tell',
      evidence: { bootDone: false, bootLine: 'preparing' },
    });
  });
});
