import { describe, expect, it } from 'vitest';
import { AgentRole } from '../../../src/sandbox/agent/agent-role.ts';
import { SessionLog } from '../../../src/sandbox/agent/session-log.ts';
import type { SeedExecLogging } from '../../../src/sandbox/seed-shapes.ts';
import { logStore } from '../support/log-store.ts';

const LOGGING: SeedExecLogging = {
  cloudWatchLogGroupName: '/ecs/exec',
  cloudWatchEncryptionEnabled: true,
  s3BucketName: 'exec-logs',
  s3EncryptionEnabled: true,
  s3KeyPrefix: 'prod',
};
const SEALED = {
  logGroups: [{ name: '/ecs/exec', kmsKeyId: 'key' }],
  buckets: [{ name: 'exec-logs', isEncrypted: true }],
};

/** A session that prints one line, with a role that may do everything except `denied`. */
function session(
  denied?: string,
  over: { readonly logging?: Partial<SeedExecLogging>; readonly seed?: Partial<typeof SEALED> } = {},
) {
  const store = logStore({ ...SEALED, ...over.seed });
  const asked: string[] = [];
  const access = {
    refusalOf: (
      _role: string,
      _session: string,
      { action, resource }: { action: string; resource: string },
    ) => {
      asked.push(`${action} ${resource}`);
      return action === denied ? 'no' : undefined;
    },
  };
  const log = new SessionLog({
    logging: { ...LOGGING, ...over.logging },
    store,
    role: new AgentRole(access, 'task', 't'),
    sessionId: 'ecs-execute-command-1',
    region: 'eu-west-1',
    accountId: '111122223333',
  });
  const refusal = log.validate();
  log.record(Buffer.from('inside\r\n'));
  log.upload();
  return {
    refusal,
    asked,
    events: store.streams('/ecs/exec').get('ecs-execute-command-1'),
    object: store.objects('exec-logs').get('prod/ecs-execute-command-1.log'),
  };
}

describe('the transcript of a session', () => {
  it('is written to the log group and the bucket, and needs exactly these permissions', () => {
    const { refusal, events, object, asked } = session();
    expect([refusal, events, object]).toEqual([undefined, 'inside\r\n', 'inside\r\n']);
    const group = 'arn:aws:logs:eu-west-1:111122223333:log-group:';
    const stream = `${group}/ecs/exec:log-stream:ecs-execute-command-1`;
    expect([...new Set(asked)]).toEqual([
      `logs:DescribeLogGroups ${group}:log-stream:`,
      's3:GetEncryptionConfiguration arn:aws:s3:::exec-logs',
      's3:PutObject arn:aws:s3:::exec-logs/prod/ecs-execute-command-1.log',
      `logs:CreateLogStream ${stream}`,
      `logs:PutLogEvents ${stream}`,
    ]);
  });

  it.each([
    ['logs:CreateLogStream', undefined, 'inside\r\n'],
    ['logs:PutLogEvents', '', 'inside\r\n'],
    ['s3:PutObject', 'inside\r\n', undefined],
  ])('is missing there without %s, although the session runs', (denied, events, object) => {
    expect(session(denied)).toMatchObject({ refusal: undefined, events, object });
  });

  it('a log group that the role may not describe is treated like one without a key', () => {
    expect(session('logs:DescribeLogGroups').refusal).toMatch(
      /^We couldn't start the session because encryption is not set up on the selected CloudWatch Logs log group\./,
    );
    const unchecked = session('logs:DescribeLogGroups', { logging: { cloudWatchEncryptionEnabled: false } });
    expect(unchecked).toMatchObject({ refusal: undefined, events: undefined });
  });

  it('a bucket whose encryption the role may not read prevents the session', () => {
    expect(session('s3:GetEncryptionConfiguration').refusal).toBe(
      "Couldn't start the session because we are unable to validate encryption on Amazon S3 bucket. Error: AccessDenied: Access Denied\n\tstatus code: 403",
    );
    const unchecked = session('s3:GetEncryptionConfiguration', { logging: { s3EncryptionEnabled: false } });
    expect(unchecked).toMatchObject({ refusal: undefined, object: 'inside\r\n' });
  });

  it.each([
    ['a group without a key', { logGroups: [{ name: '/ecs/exec', kmsKeyId: undefined }] }, /log group/],
    [
      'a bucket that is not encrypted',
      { buckets: [{ name: 'exec-logs', isEncrypted: false }] },
      /Amazon S3 bucket\./,
    ],
    ['a bucket that does not exist', { buckets: [] }, /NoSuchBucket/],
  ])('%s prevents the session if encryption is required', (_, seed, text) => {
    expect(session(undefined, { seed: seed as Partial<typeof SEALED> }).refusal).toMatch(text);
  });
});
