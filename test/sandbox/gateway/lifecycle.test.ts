import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { afterEach, expect, test } from 'vitest';
import { AwsError } from '../../../src/sandbox/contracts.ts';
import type { SessionAccess } from '../../../src/sandbox/gateway/session-plan.ts';
import { decodeAgentMessage } from '../../../src/protocol/agent-message.ts';
import { type Lab, OWNER, startLab } from '../support/gateway-lab.ts';
import { RawClient } from '../support/raw-client.ts';

let lab: Lab;
const clients: RawClient[] = [];

const connect = async (access: SessionAccess): Promise<RawClient> => {
  const client = await RawClient.open(access);
  clients.push(client);
  return client;
};

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await lab.close();
});

/** Returns the close code of a socket that sends `first` (or nothing) after the upgrade. */
async function closeCodeAfter(url: string, first?: string | Uint8Array): Promise<number> {
  const ws = new WebSocket(url);
  ws.on('error', () => undefined);
  return new Promise((resolve) => {
    ws.once('open', () => {
      if (first !== undefined) ws.send(first);
    });
    ws.once('close', resolve);
    ws.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
  });
}

const opening = (of: Record<string, unknown>): string =>
  JSON.stringify({ MessageSchemaVersion: '1.0', RequestId: randomUUID(), ...of });

test('the first frame must be a well-formed OpenDataChannelInput with the token of the session', async () => {
  lab = await startLab();
  const { streamUrl, tokenValue } = lab.start({ type: 'Standard_Stream' });
  expect(await closeCodeAfter(streamUrl, opening({ TokenValue: 'wrong' }))).toBe(1008);
  expect(await closeCodeAfter(streamUrl, opening({}))).toBe(1008);
  expect(await closeCodeAfter(streamUrl, '{')).toBe(1008);
  expect(await closeCodeAfter(streamUrl, Buffer.from(opening({ TokenValue: tokenValue })))).toBe(1008);
  expect(await closeCodeAfter(streamUrl, opening({ TokenValue: tokenValue, X: 'x'.repeat(20_000) }))).toBe(
    1008,
  );
  expect(await closeCodeAfter(streamUrl, 'x'.repeat(2_000_000))).toBe(1009);
});

test.each([
  ['ssmmessages:CreateDataChannel', /CreateDataChannel failed .* <Message>User: task may not<\/Message>/],
  ['ssmmessages:OpenDataChannel', /failed to open datachannel with error: .* websocket: bad handshake/],
])('an agent whose role lacks %s ends the session with the reason', async (denied, text) => {
  const asked: unknown[] = [];
  lab = await startLab({
    access: {
      refusalOf: (role, session, { action, resource }) => {
        asked.push([role, session, resource]);
        return action === denied ? 'User: task may not' : undefined;
      },
    },
  });
  const client = await connect(lab.start({ type: 'Standard_Stream' }));
  const { output } = await client.event('closed');
  expect(output).toMatch(/^\n----------ERROR-------\nSetting up data channel with id developer-0+1 failed: /);
  expect(output).toMatch(text);
  expect(asked[0]).toEqual([
    'task-role',
    '1f0e9d8c7b6a45948372615049382716',
    'arn:aws:ssmmessages:eu-west-1:111122223333:*',
  ]);
});

test('a client without ClientId and ClientVersion is accepted', async () => {
  lab = await startLab();
  const { streamUrl, tokenValue } = lab.start({ type: 'Standard_Stream' });
  const ws = new WebSocket(streamUrl);
  const first = new Promise<Buffer>((resolve) => ws.once('message', resolve));
  await new Promise((resolve) => ws.once('open', resolve));
  ws.send(opening({ TokenValue: tokenValue }));
  expect(decodeAgentMessage(await first).messageType).toBe('start_publication');
  ws.terminate();
});

test('an upgrade that never opens its data channel is closed', async () => {
  lab = await startLab({ timing: { openDataChannelMs: 30 } });
  expect(await closeCodeAfter(lab.start({ type: 'Standard_Stream' }).streamUrl)).toBe(1008);
});

test('unknown paths, unknown sessions and other roles are rejected at the upgrade', async () => {
  lab = await startLab();
  const { streamUrl } = lab.start({ type: 'Standard_Stream' });
  const base = `ws://127.0.0.1:${lab.port}`;
  expect(await closeCodeAfter(`${base}/v1/control-channel/i-1?role=publish_subscribe`)).toBe(404);
  expect(await closeCodeAfter(`${base}/v1/data-channel/nobody-1?role=publish_subscribe`)).toBe(404);
  expect(await closeCodeAfter(streamUrl.replace('publish_subscribe', 'subscribe'))).toBe(400);
  expect(await closeCodeAfter(`${base}/v1/data-channel/%zz?role=publish_subscribe`)).toBe(404);
});

test('an invalid signature and a missing ssmmessages:OpenDataChannel are rejected with 403', async () => {
  lab = await startLab({
    verifyUpgrade: () => {
      throw new AwsError('InvalidSignatureException', 'no', 403);
    },
  });
  expect(await closeCodeAfter(lab.start({ type: 'Standard_Stream' }).streamUrl)).toBe(403);
  await lab.close();
  const demanded: unknown[] = [];
  lab = await startLab({
    verifyUpgrade: () => OWNER,
    access: {
      demand: (_principal, _region, checks) => {
        demanded.push(...checks.map((check) => [check.action, check.resource]));
        throw new AwsError('AccessDeniedException', 'not authorized', 400);
      },
    },
  });
  const access = lab.start({ type: 'Standard_Stream' });
  expect(await closeCodeAfter(access.streamUrl)).toBe(403);
  expect(demanded).toEqual([
    ['ssmmessages:OpenDataChannel', `arn:aws:ssm:eu-west-1:111122223333:session/${access.sessionId}`],
  ]);
});

test('after a cut the session resumes with a new token and another cell; no message is lost or duplicated', async () => {
  lab = await startLab();
  const access = lab.start({
    type: 'InteractiveCommands',
    command: `/bin/sh -c 'i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo n$i; sleep 0.01; done'`,
  });
  const client = await connect(access);
  await client.untilOutput('n10\r\n');
  client.cut();
  await client.until(() => client.closeCode !== undefined, 'close');
  await client.until(() => lab.gateway.sessions.find(access.sessionId)?.status === 'Disconnected', 'status');
  const resumed = lab.gateway.sessions.resume(access.sessionId);
  if (resumed === undefined || resumed === 'over') throw new Error('not resumable');
  expect(resumed.tokenValue).not.toBe(access.tokenValue);
  expect(resumed.streamUrl).not.toBe(access.streamUrl);
  expect(new URL(resumed.streamUrl).pathname).toBe(new URL(access.streamUrl).pathname);
  expect(await closeCodeAfter(access.streamUrl, opening({ TokenValue: access.tokenValue }))).toBe(1008);
  await client.connect(resumed);
  await client.event('closed');
  expect(client.stdout).toBe(Array.from({ length: 60 }, (_, i) => `n${i + 1}\r\n`).join(''));
});

test('the agent reconnects by itself after a cut, and the client is paused meanwhile', async () => {
  lab = await startLab({ faults: ['cut-agent=every:4096'] });
  const client = await connect(
    lab.start({
      type: 'InteractiveCommands',
      command: `/bin/sh -c 'i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo n$i; sleep 0.002; done'`,
    }),
  );
  await client.event('closed');
  expect(client.stdout).toBe(Array.from({ length: 100 }, (_, i) => `n${i + 1}\r\n`).join(''));
  const types = client.events.map((event) => event.type);
  expect(types).toContain('paused');
  expect(types).toContain('resumed');
});

test('a second client socket replaces the first', async () => {
  lab = await startLab();
  const access = lab.start({ type: 'Standard_Stream' });
  const first = await connect(access);
  await first.event('opened');
  const second = await connect(access);
  await first.until(() => first.closeCode !== undefined, 'close of the first');
  expect(second.closeCode).toBeUndefined();
});

test('TerminateSession closes both sides, and the session cannot be resumed afterwards', async () => {
  lab = await startLab();
  const access = lab.start({ type: 'Standard_Stream' });
  const client = await connect(access);
  await client.event('opened');
  expect(lab.gateway.sessions.terminate(access.sessionId)).toBe(true);
  expect(await client.event('closed')).toMatchObject({ output: '' });
  await client.until(() => client.closeCode === 1000, 'close 1000');
  expect(lab.gateway.sessions.resume(access.sessionId)).toBe('over');
  expect(lab.gateway.sessions.resume('developer-0')).toBeUndefined();
  expect(lab.gateway.sessions.terminate('developer-0')).toBe(false);
});

test('channel_closed has the 112-byte header and names the target and the session', async () => {
  lab = await startLab();
  const access = lab.start({ type: 'Standard_Stream' });
  const client = await connect(access);
  await client.event('opened');
  lab.gateway.sessions.endTarget(lab.machine.target, 'Task stopped');
  await client.event('closed');
  const frame = client.frames.at(-1);
  expect(frame?.readUInt32BE(0)).toBe(112);
  expect(JSON.parse(frame?.subarray(116).toString() ?? '')).toMatchObject({
    MessageType: 'channel_closed',
    DestinationId: lab.machine.target,
    SessionId: access.sessionId,
    Output: 'Task stopped',
  });
});

test('a client that connects after the end gets the reason', async () => {
  lab = await startLab();
  const access = lab.start({ type: 'Port', properties: { portNumber: '0' } });
  lab.gateway.sessions.endTarget(lab.machine.target, 'Task stopped');
  const client = await connect(access);
  expect(await client.event('closed')).toMatchObject({ output: 'Task stopped' });
});

test('a session that is idle or too old is ended, and traffic keeps an idle one alive', async () => {
  lab = await startLab({ timing: { sessionIdleMs: 250, sessionMaxMs: 700 } });
  const idle = await connect(lab.start({ type: 'InteractiveCommands', command: 'sleep 60' }));
  const busy = await connect(
    lab.start({ type: 'InteractiveCommands', command: `/bin/sh -c 'while :; do echo x; sleep 0.05; done'` }),
  );
  expect((await idle.event('closed')).output).toContain('idle');
  expect(busy.events.some((event) => event.type === 'closed')).toBe(false);
  expect((await busy.event('closed')).output).toContain('maximum duration');
});
