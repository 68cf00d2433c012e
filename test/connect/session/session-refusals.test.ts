import { describe, expect, it } from 'vitest';

import { agentRefusal } from '../../../src/connect/session/session-refusals.ts';

const TASK = 'ecs:demo_t_r';
const denied = (action: string, role = 'ledger-task/1f0e'): string =>
  `User: arn:aws:sts::111122223333:assumed-role/${role} is not authorized to perform: ${action} on resource: x`;

/**
 * Messages of the official agent; the first three are quoted in its issue 272, in ecs-exec-checker 79, and in its
 * source.
 */
const CREATE = `
----------ERROR-------
Setting up data channel with id s-1 failed: failed to create websocket for datachannel with error: CreateDataChannel failed with no output or error: createDataChannel request failed: unexpected response from the service <AccessDeniedException>
  <Message>${denied('ssmmessages:CreateDataChannel')}</Message>
</AccessDeniedException>
`;
const OPEN =
  '\n----------ERROR-------\nSetting up data channel with id s-1 failed: failed to open datachannel with error: failed to connect data channel with error: websocket: bad handshake\n';
const BUCKET =
  "Couldn't start the session because we are unable to validate encryption on Amazon S3 bucket. Error: AccessDenied: Access Denied\n\tstatus code: 403, request id: A, host id: B";
const GROUP =
  "We couldn't start the session because encryption is not set up on the selected CloudWatch Logs log group. Either encrypt the log group or choose an option to enable logging without encryption.";
const DECRYPT = `\n----------ERROR-------\nEncountered error while initiating handshake. Fetching data key failed: Unable to retrieve data key, Error when decrypting data key AccessDeniedException: ${denied('kms:Decrypt')}\n\tstatus code: 400\n`;

describe('the permission that the role of the agent lacks', () => {
  it.each([
    [CREATE, 'ssmmessages:CreateDataChannel', 'ledger-task'],
    [OPEN, 'ssmmessages:OpenDataChannel', undefined],
    [BUCKET, 's3:GetEncryptionConfiguration', undefined],
    [DECRYPT, 'kms:Decrypt', 'ledger-task'],
  ])('%# is a permission error with action and policy', (output, action, role) => {
    expect(agentRefusal(output, TASK)).toMatchObject({
      code: 'agent-denied',
      exitStatus: 4,
      message: expect.stringContaining(`may not call ${action}`) as string,
      details: { action, role, target: TASK, agent: 'task' },
    });
  });

  it('is attributed to the role of the bastion for a bastion', () => {
    const output = CREATE.replace('ledger-task/1f0e', 'ops/i-1');
    expect(agentRefusal(output, 'i-1')).toMatchObject({
      message: "the agent was refused: the bastion's role ops may not call ssmmessages:CreateDataChannel",
      details: { agent: 'bastion' },
    });
  });

  it('is uncertain for a log group without encryption: the role may also be unable to see the group', () => {
    expect(agentRefusal(GROUP, TASK)).toMatchObject({
      code: 'session-log-unverified',
      role: 'transport',
      details: { action: 'logs:DescribeLogGroups', target: TASK },
    });
  });

  it.each([
    '',
    'Exit code 1',
    '\n----------ERROR-------\nUnable to start command: Failed to start pty: no such file or directory\n',
    `Encountered error while initiating handshake. KMSEncryption failed on client with status 2 error: ${denied('kms:GenerateDataKey')}`,
    "We couldn't start the session because encryption is not set up on the selected Amazon S3 bucket.",
  ])('is not derived from %j', (output) => {
    expect(agentRefusal(output, TASK)).toBeUndefined();
  });
});
