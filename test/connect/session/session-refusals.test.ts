import { describe, expect, it } from 'vitest';

import { agentRefusal } from '../../../src/connect/session/session-refusals.ts';

const TASK = 'ecs:demo_t_r';
const denied = (action: string, role = 'ledger-task/1f0e'): string =>
  `User: arn:aws:sts::111122223333:assumed-role/${role} is not authorized to perform: ${action} on resource: x`;

/** As the official agent words them; the first three are quoted in its issues 272, in ecs-exec-checker 79, and in its source. */
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

describe('what the agent’s role lacked', () => {
  it.each([
    [CREATE, 'ssmmessages:CreateDataChannel', 'ledger-task'],
    [OPEN, 'ssmmessages:OpenDataChannel', undefined],
    [BUCKET, 's3:GetEncryptionConfiguration', undefined],
    [DECRYPT, 'kms:Decrypt', 'ledger-task'],
  ])('%# is an error of permission with action and policy', (output, action, role) => {
    expect(agentRefusal(output, TASK)).toMatchObject({
      code: 'agent-denied',
      exitStatus: 4,
      message: expect.stringContaining(`may not call ${action}`) as string,
      details: { action, role, target: TASK, agent: 'task' },
    });
  });

  it('of a bastion is a matter of its own role', () => {
    const output = CREATE.replace('ledger-task/1f0e', 'ops/i-1');
    expect(agentRefusal(output, 'i-1')).toMatchObject({
      message: "the agent was refused: the bastion's role ops may not call ssmmessages:CreateDataChannel",
      details: { agent: 'bastion' },
    });
  });

  it('a log group without encryption may be one that the role cannot see: both are said', () => {
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
  ])('%j says nothing of it', (output) => {
    expect(agentRefusal(output, TASK)).toBeUndefined();
  });
});
