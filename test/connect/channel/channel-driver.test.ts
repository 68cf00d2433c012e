import { denied } from '../../support/denied.ts';
import { describe, expect, test } from 'vitest';

import { ChannelDriver } from '../../../src/connect/channel/channel-driver.ts';
import { access, transport } from '../../../src/core/errors.ts';
import { encodeAgentMessage } from '../../../src/protocol/agent-message.ts';
import { FakeGateway, refused, SESSION } from '../../support/fake-gateway.ts';

const PORT = { sessionType: 'Port', properties: { portNumber: '80', type: 'LocalPortForwarding' } } as const;

async function opened(gateway: FakeGateway, overrides = {}) {
  let output = '';
  const driver = new ChannelDriver(SESSION, 'ecs:demo_t_r', gateway.deps(overrides), {
    output: (bytes) => {
      output += Buffer.from(bytes).toString('latin1');
    },
  });
  const started = driver.start();
  started.catch(() => undefined);
  await gateway.clock.advance(1);
  return { driver, started, output: () => output };
}

async function shell(gateway: FakeGateway, overrides = {}) {
  const session = await opened(gateway, overrides);
  gateway.say('$ ');
  await gateway.clock.advance(1);
  await session.started;
  return session;
}

describe('opening', () => {
  test('sends one text frame with the signed token, and starts at the first output', async () => {
    const gateway = new FakeGateway();
    const { output } = await shell(gateway);
    expect(gateway.opens).toHaveLength(1);
    expect(gateway.opens[0]?.headers).toEqual({ authorization: 'signed' });
    const frame = JSON.parse(gateway.opens[0]?.text ?? '') as Record<string, string>;
    expect(Object.keys(frame)).toEqual([
      'MessageSchemaVersion',
      'RequestId',
      'TokenValue',
      'ClientId',
      'ClientVersion',
    ]);
    expect(frame).toMatchObject({ TokenValue: 'token-1', ClientVersion: '1.2.707.0' });
    expect(output()).toBe('$ ');
  });

  test('a handshake session opens after HandshakeComplete', async () => {
    const gateway = new FakeGateway({ handshake: PORT });
    const { started } = await opened(gateway);
    await gateway.clock.advance(10);
    expect(await started).toMatchObject({ sessionType: 'Port', mux: true, keepAlive: false });
  });

  test('ends with an error if the agent never sends anything, and terminates the session', async () => {
    const gateway = new FakeGateway();
    const { started } = await opened(gateway);
    await gateway.clock.advance(31_000);
    await expect(started).rejects.toMatchObject({ code: 'agent-silent', role: 'transport' });
    expect(gateway.terminated).toEqual([SESSION.sessionId]);
  });

  test('a network failure is retried with the same token, but a refusal is not', async () => {
    const flaky = new FakeGateway();
    flaky.openFailures = [new Error('ECONNRESET'), new Error('ECONNRESET')];
    const first = await opened(flaky);
    await flaky.clock.advance(2_000);
    flaky.say('$ ');
    await first.started;
    expect(flaky.resumes).toBe(0);

    const closed = new FakeGateway();
    closed.openFailures = [refused(403)];
    const second = await opened(closed);
    await expect(second.started).rejects.toMatchObject({ code: 'upgrade-refused' });
    expect(closed.opens).toHaveLength(0);
  });

  const page = (status: number): Error =>
    transport('not-aws', `gateway answered ${status}`, { details: { status, host: 'gateway' } });

  test.each([200, 302, 403, 511])(
    'status %d of a portal instead of the gateway fails at once',
    async (status) => {
      const gateway = new FakeGateway();
      gateway.openFailures = [page(status)];
      const { started } = await opened(gateway);
      await expect(started).rejects.toMatchObject({ code: 'not-aws' });
      expect(gateway.opens).toHaveLength(0);
    },
  );

  test('a page with status 502, which a load balancer of AWS can send too, is retried', async () => {
    const gateway = new FakeGateway();
    gateway.openFailures = [page(502), page(502)];
    const { started } = await opened(gateway);
    await gateway.clock.advance(2_000);
    gateway.say('$ ');
    await started;
    expect(gateway.opens).toHaveLength(1);
  });

  test.each([
    ['no WebSocket address', 'https://example.com/'],
    ['an address with a password', 'wss://user:password@example.com/'],
    ['an unencrypted address of another machine', 'ws://ssmmessages.eu-west-1.amazonaws.com/'],
    ['an unencrypted address that looks like loopback', 'ws://127.0.0.1.example.com/'],
  ])('%s gets neither signature nor token', async (_, streamUrl) => {
    const gateway = new FakeGateway();
    let signed = 0;
    const signer = { headers: () => Promise.resolve({ authorization: `signed ${++signed}` }) };
    const session = { ...SESSION, streamUrl };
    const driver = new ChannelDriver(session, 't', gateway.deps({ signer }), { output: () => undefined });
    await expect(driver.start()).rejects.toMatchObject({ code: 'stream-url-invalid' });
    expect([gateway.opens.length, signed]).toEqual([0, 0]);
    expect(gateway.terminated).toEqual([SESSION.sessionId]);
  });

  test.each(['ws://127.0.0.1:1/', 'ws://[::1]:1/', 'ws://localhost:1/'])(
    'an unencrypted address of this machine is used: %s',
    async (streamUrl) => {
      const gateway = new FakeGateway();
      const driver = new ChannelDriver({ ...SESSION, streamUrl }, 't', gateway.deps(), {
        output: () => undefined,
      });
      void driver.start().catch(() => undefined);
      await gateway.clock.advance(1);
      expect(gateway.opens).toHaveLength(1);
      await driver.terminate();
    },
  );

  test('a text of 900 KB at the end of a session is shortened', async () => {
    const gateway = new FakeGateway();
    const driver = new ChannelDriver(SESSION, 't', gateway.deps(), { output: () => undefined });
    void driver.start().catch(() => undefined);
    await gateway.clock.advance(1);
    gateway.say('$ ');
    await gateway.clock.advance(1);
    gateway.closeChannel('no '.repeat(300_000));
    const { output } = await driver.ended;
    expect(output).toMatch(/^no no no .*… \(900000 characters\)$/);
    expect(output.length).toBeLessThan(2_100);
  });

  test('the reason of the service is reported when it closes the channel before the session starts', async () => {
    const gateway = new FakeGateway();
    const { started } = await opened(gateway);
    gateway.closeChannel('Plugin with name InteractiveCommands not found.');
    await expect(started).rejects.toMatchObject({
      code: 'session-closed-early',
      message: 'Plugin with name InteractiveCommands not found',
    });
  });

  test('the token is in no report and in no error', async () => {
    const gateway = new FakeGateway();
    const { started } = await opened(gateway);
    gateway.onResume = () => Promise.resolve(undefined);
    gateway.drop();
    await gateway.clock.advance(1_000);
    const error = await started.catch((reason: unknown) => reason);
    expect(JSON.stringify([gateway.reports, error, String(error)])).not.toMatch(/token-\d/);
  });
});

describe('data', () => {
  test('input is sent in order, and at once when there is room in the window', async () => {
    const gateway = new FakeGateway();
    const { driver } = await shell(gateway);
    expect(driver.send(Buffer.from('ls'))).toBe(true);
    expect(driver.send(Buffer.from('\r'))).toBe(true);
    await gateway.clock.advance(5);
    expect(gateway.input).toBe('ls\r');
  });

  test('input that arrives before the session starts is sent when it starts', async () => {
    const gateway = new FakeGateway();
    const { driver } = await opened(gateway);
    expect(driver.send(Buffer.from('early'))).toBe(false);
    gateway.say('$ ');
    await gateway.clock.advance(5);
    expect(gateway.input).toBe('early');
  });

  test('a full window pauses the source, and acknowledgements resume it', async () => {
    const gateway = new FakeGateway();
    let rooms = 0;
    const driver = new ChannelDriver(SESSION, 't', gateway.deps(), {
      output: () => undefined,
      room: () => rooms++,
    });
    const started = driver.start();
    await gateway.clock.advance(1);
    gateway.say('$ ');
    await started;
    const megabyte = Buffer.alloc(1024 * 1024, 'x');
    expect(driver.send(megabyte)).toBe(false);
    expect(driver.queuedBytes).toBeGreaterThan(0);
    await gateway.clock.advance(2_000);
    expect(rooms).toBe(1);
    expect(driver.queuedBytes).toBe(0);
    expect(gateway.input).toHaveLength(megabyte.byteLength);
  });

  test('a slow consumer pauses reading from the socket', async () => {
    const gateway = new FakeGateway();
    const { driver, output } = await shell(gateway);
    driver.pauseOutput();
    gateway.say('held');
    await gateway.clock.advance(5);
    expect(output()).toBe('$ ');
    driver.resumeOutput();
    await gateway.clock.advance(5);
    expect(output()).toBe('$ held');
  });

  test('many malformed frames end the session with an error code', async () => {
    const gateway = new FakeGateway();
    const { driver } = await shell(gateway);
    for (let i = 0; i < 1_001; i++) gateway.deliver(Buffer.from('nonsense'));
    await expect(driver.ended).rejects.toMatchObject({ code: 'malformed-messages', role: 'transport' });
  });

  test('unknown messages are ignored and reported to --debug only', async () => {
    const gateway = new FakeGateway();
    const lines: string[] = [];
    const { driver, output } = await shell(gateway, { debug: (line: string) => lines.push(line) });
    gateway.deliver(
      encodeAgentMessage({
        messageType: 'agent_job',
        messageId: gateway.uuid(),
        createdDate: gateway.clock.now(),
        sequenceNumber: 0,
        flags: 0,
        payloadType: 0,
        payload: Buffer.from('{}'),
      }),
    );
    gateway.say('on');
    await gateway.clock.advance(5);
    expect(output()).toBe('$ on');
    expect(lines.join()).toContain('agent_job');
    await driver.terminate();
  });
});

describe('resuming', () => {
  test('a closed socket is resumed with the new address and token, and no data is lost or duplicated', async () => {
    const gateway = new FakeGateway();
    const { driver, output } = await shell(gateway);
    driver.send(Buffer.from('before '));
    gateway.drop();
    driver.send(Buffer.from('during '));
    gateway.say('answer');
    await gateway.clock.advance(500);
    driver.send(Buffer.from('after'));
    await gateway.clock.advance(500);
    expect(gateway.opens).toHaveLength(2);
    expect(gateway.opens[1]?.url).toContain('cell-number=1');
    const [first, second] = gateway.opens.map(
      (open) => JSON.parse(open.text ?? '') as Record<string, string>,
    );
    expect(second?.['TokenValue']).toBe('token-2');
    expect(second?.['ClientId']).toBe(first?.['ClientId']);
    expect(second?.['RequestId']).not.toBe(first?.['RequestId']);
    expect(gateway.input).toBe('before during after');
    expect(output()).toBe('$ answer');
    expect(gateway.states()).toEqual(['interrupted', 'resumed']);
  });

  test('the session resumes within a second of the cut', async () => {
    const gateway = new FakeGateway();
    await shell(gateway);
    gateway.drop();
    await gateway.clock.advance(50);
    expect(gateway.isConnected).toBe(true);
  });

  test('ResumeSession without a token means that the session is over', async () => {
    const gateway = new FakeGateway();
    const { driver } = await shell(gateway);
    gateway.onResume = () => Promise.resolve(undefined);
    gateway.drop();
    await gateway.clock.advance(100);
    await expect(driver.ended).rejects.toMatchObject({ code: 'session-over' });
    expect(gateway.resumes).toBe(1);
  });

  test('a session survives network failures for as long as the service keeps it', async () => {
    const gateway = new FakeGateway();
    const { driver } = await shell(gateway);
    const answer = gateway.onResume;
    gateway.onResume = () => Promise.reject(new Error('getaddrinfo ENOTFOUND'));
    gateway.drop();
    await gateway.clock.advance(10 * 60_000);
    expect(gateway.resumes).toBeGreaterThan(50);
    gateway.onResume = answer;
    await gateway.clock.advance(11_000);
    expect(gateway.states()).toEqual(['interrupted', 'resumed']);
    driver.send(Buffer.from('alive'));
    await gateway.clock.advance(10);
    expect(gateway.input).toBe('alive');
  });

  test('a session does not survive longer network failures', async () => {
    const gateway = new FakeGateway();
    const { driver } = await shell(gateway);
    gateway.onResume = () => Promise.reject(new Error('getaddrinfo ENOTFOUND'));
    gateway.drop();
    await gateway.clock.advance(21 * 60_000);
    await expect(driver.ended).rejects.toMatchObject({ code: 'session-lost' });
  });

  test('a refused resume is repeated with fresh credentials for two minutes, and then fails with the reason', async () => {
    const gateway = new FakeGateway();
    const { driver } = await shell(gateway);
    gateway.onResume = () => Promise.reject(access('credentials-expired', 'the credentials have expired'));
    gateway.drop();
    await gateway.clock.advance(60_000);
    const tries = gateway.resumes;
    expect(tries).toBeGreaterThan(5);
    await gateway.clock.advance(80_000);
    await expect(driver.ended).rejects.toMatchObject({
      code: 'resume-refused',
      message: expect.stringContaining('expired') as string,
    });
  });

  test('a resume that IAM denies ends the session at once with a permission error', async () => {
    const gateway = new FakeGateway();
    const { driver } = await shell(gateway);
    gateway.onResume = () =>
      Promise.reject(denied('ssm:ResumeSession', 'not allowed to call ssm:ResumeSession: no policy'));
    gateway.drop();
    await gateway.clock.advance(100);
    await expect(driver.ended).rejects.toMatchObject({
      code: 'resume-denied',
      exitStatus: 4,
      message: expect.stringMatching(
        /cannot be resumed, so the session and what ran in it are lost: .*ssm:ResumeSession/,
      ) as string,
      details: { action: 'ssm:ResumeSession' },
    });
    expect(gateway.resumes).toBe(1);
  });

  test('credentials that are refreshed in time save the session', async () => {
    const gateway = new FakeGateway();
    await shell(gateway);
    const answer = gateway.onResume;
    gateway.onResume = () => Promise.reject(access('credentials-expired', 'the credentials have expired'));
    gateway.drop();
    await gateway.clock.advance(90_000);
    gateway.onResume = answer;
    await gateway.clock.advance(15_000);
    expect(gateway.states()).toEqual(['interrupted', 'resumed']);
  });

  test('a gateway that answers no ping is considered dead after ten seconds', async () => {
    const gateway = new FakeGateway();
    await shell(gateway);
    await gateway.clock.advance(60_000);
    expect(gateway.pings).toBe(3);
    expect(gateway.states()).toEqual([]);
    gateway.isSilent = true;
    await gateway.clock.advance(15_000 + 9_000);
    expect(gateway.states()).toEqual([]);
    await gateway.clock.advance(2_000);
    expect(gateway.states()[0]).toBe('interrupted');
  });

  test('an agent that stops acknowledging is detected although the gateway still answers', async () => {
    const gateway = new FakeGateway();
    const { driver } = await shell(gateway);
    const deaf = gateway.agent.receive.bind(gateway.agent);
    gateway.agent.receive = () => [];
    driver.send(Buffer.from('anybody there'));
    await gateway.clock.advance(21_000);
    expect(gateway.reports).toContainEqual(
      expect.objectContaining({ state: 'interrupted', reason: expect.stringContaining('agent') as string }),
    );
    gateway.agent.receive = deaf;
    await gateway.clock.advance(2_000);
    expect(gateway.states()).toEqual(['interrupted', 'resumed']);
    expect(gateway.input).toBe('anybody there');
  });

  test('connections that close immediately after opening are retried with growing delays', async () => {
    const gateway = new FakeGateway();
    await shell(gateway);
    for (let second = 0; second < 300; second++) {
      gateway.drop();
      await gateway.clock.advance(1_000);
    }
    expect(gateway.resumes).toBeGreaterThan(20);
    expect(gateway.resumes).toBeLessThan(60);
  });
});

describe('the end', () => {
  test('channel_closed ends the session with the message of the service', async () => {
    const gateway = new FakeGateway();
    const { driver } = await shell(gateway);
    gateway.closeChannel('idle timeout');
    expect(await driver.ended).toEqual({ output: 'idle timeout' });
  });

  test('terminate sends the flag, calls TerminateSession, and resolves with `ended`', async () => {
    const gateway = new FakeGateway({ handshake: PORT });
    const { driver, started } = await opened(gateway);
    await gateway.clock.advance(10);
    await started;
    await gateway.clock.run(driver.terminate());
    expect(gateway.agentEvents).toContainEqual({ type: 'flag', flag: 'TerminateSession' });
    expect(gateway.terminated).toEqual([SESSION.sessionId]);
    expect(await driver.ended).toEqual({ output: '' });
    expect(gateway.clock.pendingTimers).toBe(0);
  });

  test('a TerminateSession that hangs or fails delays nothing', async () => {
    const gateway = new FakeGateway();
    const hanging = {
      resumeSession: () => Promise.resolve(undefined),
      terminateSession: () => new Promise<void>(() => undefined),
    };
    const { driver } = await shell(gateway, { ssm: hanging });
    await gateway.clock.run(driver.terminate());
    const failing = new FakeGateway();
    const refusing = {
      resumeSession: () => Promise.resolve(undefined),
      terminateSession: () => Promise.reject(new Error('denied')),
    };
    const second = await shell(failing, { ssm: refusing });
    await failing.clock.run(second.driver.terminate());
  });

  const denying = {
    resumeSession: () => Promise.resolve(undefined),
    terminateSession: () =>
      Promise.reject(denied('ssm:TerminateSession', 'not allowed to call ssm:TerminateSession: no policy')),
  };

  test('a TerminateSession that IAM denies leaves a shell open, and is reported with the session id', async () => {
    const gateway = new FakeGateway();
    const { driver } = await shell(gateway, { ssm: denying });
    expect(await gateway.clock.run(driver.terminate())).toMatchObject({
      code: 'session-not-ended',
      exitStatus: 4,
      message: expect.stringContaining(SESSION.sessionId) as string,
      details: { sessionId: SESSION.sessionId, action: 'ssm:TerminateSession' },
    });
    expect(gateway.clock.pendingTimers).toBe(0);
  });

  test('a session that the agent ends is not terminated, and its last messages are acknowledged', async () => {
    const gateway = new FakeGateway({ handshake: PORT });
    gateway.onAgentEvent = (event) => {
      if (event.type !== 'flag') return;
      gateway.agent.send(Buffer.from('bye'), gateway.clock.now());
      gateway.flush();
      gateway.closeChannel();
    };
    const { driver, started } = await opened(gateway, { ssm: denying });
    await gateway.clock.advance(10);
    await started;
    expect(await gateway.clock.run(driver.terminate())).toBeUndefined();
    expect(gateway.agent.unackedBytes).toBe(0);
    expect(gateway.clock.pendingTimers).toBe(0);
  });

  test('a session that could not be reached is reported too, because only TerminateSession would have ended it', async () => {
    const gateway = new FakeGateway({ handshake: PORT });
    const { driver, started } = await opened(gateway, { ssm: denying });
    await gateway.clock.advance(10);
    await started;
    gateway.isSilent = true;
    expect(await gateway.clock.run(driver.terminate())).toMatchObject({ code: 'session-not-ended' });
  });

  test('no timer is left after a shell', async () => {
    const gateway = new FakeGateway();
    const { driver } = await shell(gateway);
    driver.send(Buffer.from('exit\r'));
    await gateway.clock.advance(10);
    gateway.closeChannel();
    await driver.ended;
    await gateway.clock.advance(5);
    expect(gateway.clock.pendingTimers).toBe(0);
  });
});

describe('encryption', () => {
  const handshake = {
    sessionType: 'Standard_Stream',
    kmsKeyId: 'alias/sessions',
    challenge: 'Y2hhbGxlbmdl',
  } as const;
  const dataKey = {
    plaintext: new Uint8Array(64).map((_, i) => i),
    ciphertextBlob: new Uint8Array([1, 2, 3]),
  };

  test('requests a data key from KMS for the session, target and challenge', async () => {
    const gateway = new FakeGateway({ handshake });
    gateway.onAgentEvent = (event) => {
      if (event.type === 'data-key-offered') gateway.agent.provideDataKey(dataKey, gateway.clock.now());
    };
    const asked: unknown[] = [];
    const { started, output } = await opened(gateway, {
      kms: () =>
        Promise.resolve({
          generateDataKey: (keyId: string, context: unknown) => {
            asked.push(keyId, context);
            return Promise.resolve(dataKey);
          },
        }),
    });
    await gateway.clock.advance(20);
    await started;
    gateway.say('secret');
    await gateway.clock.advance(5);
    expect(output()).toBe('secret');
    expect(asked).toEqual([
      'alias/sessions',
      {
        'aws:ssm:SessionId': SESSION.sessionId,
        'aws:ssm:TargetId': 'ecs:demo_t_r',
        'aws:ssm:RandomChallenge': 'Y2hhbGxlbmdl',
      },
    ]);
  });

  test('uses a context without a challenge if the agent sends none', async () => {
    const { challenge: _, ...plain } = handshake;
    const gateway = new FakeGateway({ handshake: plain });
    let acknowledged: boolean | undefined;
    gateway.onAgentEvent = (event) => {
      if (event.type !== 'data-key-offered') return;
      acknowledged = event.challengeAcknowledged;
      gateway.agent.provideDataKey(dataKey, gateway.clock.now());
    };
    const asked: unknown[] = [];
    const { started, output } = await opened(gateway, {
      kms: () =>
        Promise.resolve({
          generateDataKey: (_keyId: string, context: unknown) => {
            asked.push(context);
            return Promise.resolve(dataKey);
          },
        }),
    });
    await gateway.clock.advance(20);
    await started;
    gateway.say('secret');
    await gateway.clock.advance(5);
    expect(output()).toBe('secret');
    expect(acknowledged).toBe(false);
    expect(asked).toEqual([{ 'aws:ssm:SessionId': SESSION.sessionId, 'aws:ssm:TargetId': 'ecs:demo_t_r' }]);
  });

  test('a denied key ends the session with that denial, not with a timeout', async () => {
    const gateway = new FakeGateway({ handshake });
    const { started } = await opened(gateway, {
      kms: () => Promise.reject(denied('kms:GenerateDataKey')),
    });
    await gateway.clock.advance(20);
    await expect(started).rejects.toMatchObject({ code: 'access-denied' });
  });
});
