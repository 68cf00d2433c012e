import { afterEach, expect, test } from 'vitest';
import { type Lab, startLab } from '../support/gateway-lab.ts';
import { RawClient } from '../support/raw-client.ts';

let lab: Lab;
let client: RawClient | undefined;

afterEach(async () => {
  client?.close();
  await lab.close();
});

async function open(
  of: { context?: Record<string, string>; acknowledgeChallenge?: boolean } = {},
): Promise<RawClient> {
  const access = lab.start(
    { type: 'InteractiveCommands', command: `/bin/sh -c 'echo secret; read line; echo "got $line"'` },
    { kmsKeyId: lab.kms.defaultKeyArn },
  );
  const opened = await RawClient.open(access);
  client = opened;
  const needed = await opened.event('data-key-needed');
  expect(needed.kmsKeyId).toBe(lab.kms.defaultKeyArn);
  const key = lab.kms.operations['GenerateDataKey']?.run(
    {
      KeyId: needed.kmsKeyId,
      NumberOfBytes: 64,
      EncryptionContext: {
        'aws:ssm:SessionId': access.sessionId,
        'aws:ssm:TargetId': lab.machine.target,
        ...(of.acknowledgeChallenge === true ? { 'aws:ssm:RandomChallenge': needed.challenge } : {}),
        ...of.context,
      },
    },
    {
      service: 'kms',
      action: 'GenerateDataKey',
      principal: { arn: '', userId: '', accountId: '' },
      region: '',
      requestId: '',
    },
  ) as { Plaintext: Uint8Array; CiphertextBlob: Uint8Array };
  opened.act((channel, now) =>
    channel.provideDataKey(
      {
        plaintext: key.Plaintext,
        ciphertextBlob: key.CiphertextBlob,
        acknowledgeChallenge: of.acknowledgeChallenge === true,
      },
      now,
    ),
  );
  return opened;
}

test.each([false, true])(
  'a session is encrypted; challenge in the encryption context: %s',
  async (acknowledgeChallenge) => {
    lab = await startLab();
    const opened = await open({ acknowledgeChallenge });
    expect(await opened.event('opened')).toMatchObject({
      customerMessage: 'This session is encrypted using AWS KMS.',
    });
    await opened.untilOutput('secret');
    opened.send('hello\r');
    await opened.event('closed');
    expect(opened.stdout).toContain('got hello');
    expect(opened.frames.some((frame) => frame.includes('secret'))).toBe(false);
  },
);

test('an agent that requires the challenge rejects a key without it', async () => {
  lab = await startLab({ agentChallenge: 'demanded' });
  const opened = await open();
  expect((await opened.event('closed')).output).toContain('did not acknowledge the random challenge');
});

test('an old agent sends no challenge', async () => {
  lab = await startLab({ agentChallenge: 'absent' });
  const opened = await open();
  expect(await opened.event('data-key-needed')).toMatchObject({ challenge: undefined });
  await opened.event('opened');
});

test('a key that was created for another session fails the handshake', async () => {
  lab = await startLab();
  const opened = await open({ context: { 'aws:ssm:SessionId': 'another' } });
  expect((await opened.event('closed')).output).toMatch(
    /^\n----------ERROR-------\nEncountered error while initiating handshake\. Fetching data key failed: /,
  );
});

test('a machine whose role may not decrypt fails the handshake', async () => {
  lab = await startLab({
    access: {
      refusalOf: (_role, _session, { action }) => (action === 'kms:Decrypt' ? 'User: x may not' : undefined),
    },
  });
  const opened = await open();
  expect((await opened.event('closed')).output).toContain('AccessDeniedException');
});

test('a client that refuses the key fails the handshake with its reason', async () => {
  lab = await startLab();
  const access = lab.start({ type: 'Standard_Stream' }, { kmsKeyId: lab.kms.defaultKeyArn });
  const opened = await RawClient.open(access);
  client = opened;
  await opened.event('data-key-needed');
  opened.act((channel, now) => channel.refuseDataKey('no credentials', now));
  expect((await opened.event('closed')).output).toContain('no credentials');
});

test('port sessions are never encrypted', async () => {
  lab = await startLab();
  client = await RawClient.open(
    lab.start(
      { type: 'Port', properties: { portNumber: '8080', type: 'LocalPortForwarding' } },
      { kmsKeyId: lab.kms.defaultKeyArn },
    ),
  );
  expect(await client.event('opened')).toMatchObject({ sessionType: 'Port', mux: true, customerMessage: '' });
});
