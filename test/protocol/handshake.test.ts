import { describe, expect, test } from 'vitest';
import { text } from '../../src/core/bytes.ts';
import { PAYLOAD_TYPE } from '../../src/protocol/agent-message.ts';
import type { DataChannel, DataChannelEvent } from '../../src/protocol/data-channel.ts';
import {
  acknowledged,
  agent,
  client,
  converse,
  counting,
  handshakeComplete,
  handshakeRequest,
  handshakeResponse,
  inputMessage,
  NOW,
  outputMessage,
  portHandshake,
  sent,
  streamOf,
} from '../support/channel.ts';
import { protocolErrorCode } from '../support/protocol-error-code.ts';

const kms = { sessionType: 'Standard_Stream' as const, kmsKeyId: 'key-1', challenge: 'Y2hhbGxlbmdl' };
const dataKey = { plaintext: counting(64), ciphertextBlob: counting(184) };

function responseOf(channel: DataChannel): unknown {
  const [response] = streamOf(sent(channel));
  expect(response?.payloadType).toBe(PAYLOAD_TYPE.handshakeResponse);
  return JSON.parse(text(response!.payload));
}

/** Both ends, each with its own data key. */
function shakeHands(
  near: DataChannel,
  far: DataChannel,
  keys: { readonly near: typeof dataKey; readonly far: typeof dataKey } = { near: dataKey, far: dataKey },
): ReturnType<typeof converse> {
  return converse(near, far, (event: DataChannelEvent, at) => {
    if (event.type === 'data-key-needed') at.provideDataKey(keys.near, NOW);
    if (event.type === 'data-key-offered') at.provideDataKey(keys.far, NOW);
  });
}

describe('the client answers', () => {
  test.each(['Standard_Stream', 'InteractiveCommands', 'NonInteractiveCommands', 'Port'])(
    'session type %s with success',
    (sessionType) => {
      const channel = client();
      channel.receive(handshakeRequest({ sessionType }), NOW);
      expect(responseOf(channel)).toEqual({
        ClientVersion: '1.2.707.0',
        ProcessedClientActions: [
          { ActionType: 'SessionType', ActionStatus: 1, ActionResult: null, Error: '' },
        ],
        Errors: null,
      });
      const [opened] = channel.receive(handshakeComplete(1, 'welcome'), NOW);
      expect(opened).toMatchObject({ type: 'opened', sessionType, customerMessage: 'welcome' });
    },
  );

  test('an unknown session type with status 2, and the session fails', () => {
    const channel = client();
    channel.receive(handshakeRequest({ sessionType: 'Telepathy' }), NOW);
    expect(responseOf(channel)).toMatchObject({
      ProcessedClientActions: [
        { ActionStatus: 2, Error: 'Failed to process action SessionType: Unknown session type Telepathy' },
      ],
      Errors: [expect.stringContaining('Unknown session type Telepathy')],
    });
    expect(protocolErrorCode(() => channel.receive(handshakeComplete(), NOW))).toBe('session-type-unknown');
  });

  test('an unknown action with status 3, in the order of the request', () => {
    const channel = client();
    channel.receive(handshakeRequest({ actions: [{ ActionType: 'Dance', ActionParameters: {} }] }), NOW);
    expect(responseOf(channel)).toMatchObject({
      ProcessedClientActions: [
        { ActionType: 'SessionType', ActionStatus: 1 },
        { ActionType: 'Dance', ActionStatus: 3, ActionResult: null, Error: 'Unsupported action Dance' },
      ],
    });
  });

  test('a repeated request with only another acknowledgement', () => {
    const channel = client();
    const request = handshakeRequest();
    channel.receive(request, NOW);
    channel.takeOutput();
    channel.receive(request, NOW);
    const messages = sent(channel);
    expect(acknowledged(messages)).toEqual([0]);
    expect(streamOf(messages)).toEqual([]);
  });

  test.each([
    ['not JSON', 'nonsense'],
    ['an array', '[]'],
    ['no actions', '{"AgentVersion":"3.3.987.0"}'],
    ['a session type action without one', '{"RequestedClientActions":[{"ActionType":"SessionType"}]}'],
    [
      'a KMS action without key',
      '{"RequestedClientActions":[{"ActionType":"KMSEncryption","ActionParameters":{}}]}',
    ],
    [
      '17 actions',
      JSON.stringify({ RequestedClientActions: Array.from({ length: 17 }, () => ({ ActionType: 'x' })) }),
    ],
  ])('a request that is %s with an error', (_, payload) => {
    const request = outputMessage({ payloadType: PAYLOAD_TYPE.handshakeRequest, payload });
    expect(protocolErrorCode(() => client().receive(request, NOW))).toBe('handshake-malformed');
  });

  test.each([
    ['a complete without request', [handshakeComplete(0)]],
    [
      'a challenge without data key',
      [handshakeRequest(), outputMessage({ seq: 1, payloadType: 8, payload: '{"Challenge":"AA=="}' })],
    ],
    [
      'a second request',
      [
        handshakeRequest(),
        outputMessage({ seq: 1, payloadType: 5, payload: '{"RequestedClientActions":[]}' }),
      ],
    ],
  ])('%s with an error', (_, messages) => {
    const channel = client();
    expect(
      protocolErrorCode(() => {
        for (const message of messages) channel.receive(message, NOW);
      }),
    ).toBe('handshake-out-of-order');
  });

  test('within handshakeTimeoutMs, or the session ends', () => {
    const channel = client({ limits: { handshakeTimeoutMs: 20_000 } });
    channel.receive(handshakeRequest(), NOW);
    expect(protocolErrorCode(() => channel.tick(NOW + 19_999))).toBeUndefined();
    expect(protocolErrorCode(() => channel.tick(NOW + 20_000))).toBe('handshake-timeout');
    const done = client();
    done.receive(handshakeRequest(), NOW);
    done.receive(handshakeComplete(), NOW);
    expect(protocolErrorCode(() => done.tick(NOW + 60_000))).toBeUndefined();
  });
});

describe('the agent', () => {
  test('acknowledges and discards everything else until the handshake is done', () => {
    const channel = agent({ handshake: portHandshake });
    channel.takeOutput();
    const events = channel.receive(inputMessage({ seq: 0, payload: 'too early' }), NOW);
    expect(events).toMatchObject([{ type: 'ignored' }]);
    expect(acknowledged(sent(channel))).toEqual([0]);
    expect(channel.receive(handshakeResponse('1.2.707.0', 1), NOW)).toMatchObject([{ type: 'agent-opened' }]);
    const messages = sent(channel);
    expect(messages.map((message) => message.payloadType)).toEqual([0, PAYLOAD_TYPE.handshakeComplete]);
  });

  test('stops after 15 s with the message of the official agent', () => {
    const channel = agent({ handshake: portHandshake });
    expect(protocolErrorCode(() => channel.tick(NOW + 14_999))).toBeUndefined();
    expect(() => channel.tick(NOW + 15_000)).toThrow(
      'Handshake timed out. Please ensure that you have the latest version of the session manager plugin.',
    );
  });

  test.each([0, 2, 3])('fails on action status %i', (status) => {
    const channel = agent({ handshake: portHandshake });
    const response = inputMessage({
      payloadType: PAYLOAD_TYPE.handshakeResponse,
      payload: JSON.stringify({
        ClientVersion: '1.2.707.0',
        ProcessedClientActions: [
          { ActionType: 'SessionType', ActionStatus: status, ActionResult: null, Error: 'because' },
        ],
      }),
    });
    expect(() => channel.receive(response, NOW)).toThrow(
      'Encountered error while initiating handshake. because',
    );
    expect(channel.phase).toBe('closed');
  });

  test('rejects a response that cannot be read', () => {
    const response = inputMessage({ payloadType: PAYLOAD_TYPE.handshakeResponse, payload: '{}' });
    const channel = agent({ handshake: portHandshake });
    expect(protocolErrorCode(() => channel.receive(response, NOW))).toBe('handshake-malformed');
  });

  test('rejects a client that skips the requested encryption', () => {
    const channel = agent({ handshake: kms });
    expect(protocolErrorCode(() => channel.receive(handshakeResponse('1.2.707.0'), NOW))).toBe(
      'handshake-failed',
    );
  });

  test('reports the duration in nanoseconds, and its customer message', () => {
    const channel = agent({ handshake: { ...portHandshake, customerMessage: 'hello' } });
    channel.takeOutput();
    channel.receive(handshakeResponse('1.2.707.0'), NOW + 3);
    const [complete] = streamOf(sent(channel));
    expect(text(complete!.payload)).toBe('{"HandshakeTimeToComplete":3000000,"CustomerMessage":"hello"}');
  });
});

describe('KMS encryption', () => {
  test('is set up with and without the random challenge', () => {
    for (const challenge of ['Y2hhbGxlbmdl', undefined]) {
      const near = client();
      const far = agent({
        handshake: {
          sessionType: 'Standard_Stream',
          kmsKeyId: 'key-1',
          ...(challenge === undefined ? {} : { challenge }),
        },
      });
      const events = shakeHands(near, far);
      expect(events.a).toContainEqual({ type: 'data-key-needed', kmsKeyId: 'key-1', challenge });
      expect(events.b).toContainEqual(
        expect.objectContaining({ type: 'data-key-offered', challengeAcknowledged: false }),
      );
      expect([near.phase, far.phase]).toEqual(['open', 'open']);
    }
  });

  test('the client sends only the acknowledgement until it has the data key', () => {
    const channel = client();
    channel.receive(
      handshakeRequest({ actions: [{ ActionType: 'KMSEncryption', ActionParameters: { KMSKeyId: 'k' } }] }),
      NOW,
    );
    expect(streamOf(sent(channel))).toEqual([]);
    channel.provideDataKey({ ...dataKey, acknowledgeChallenge: true }, NOW);
    expect(responseOf(channel)).toMatchObject({
      ProcessedClientActions: [
        { ActionType: 'SessionType', ActionStatus: 1 },
        {
          ActionType: 'KMSEncryption',
          ActionStatus: 1,
          ActionResult: {
            KMSCipherTextKey: expect.any(String),
            KMSCipherTextHash: null,
            ChallengeAcknowledgement: true,
          },
        },
      ],
    });
  });

  test('the member for the challenge is absent without a challenge', () => {
    const channel = client();
    channel.receive(
      handshakeRequest({ actions: [{ ActionType: 'KMSEncryption', ActionParameters: { KMSKeyId: 'k' } }] }),
      NOW,
    );
    channel.takeOutput();
    channel.provideDataKey(dataKey, NOW);
    expect(JSON.stringify(responseOf(channel))).not.toContain('ChallengeAcknowledgement');
  });

  test('a client that gets no key sends the reason, and the agent fails with it', () => {
    const near = client();
    const far = agent({ handshake: kms });
    const shake = (): unknown =>
      converse(near, far, (event, at) => {
        if (event.type === 'data-key-needed') at.refuseDataKey('AccessDeniedException', NOW);
      });
    expect(shake).toThrow('Failed to process action KMSEncryption: AccessDeniedException');
  });

  test('an agent that cannot decrypt the key fails at its next tick', () => {
    const near = client();
    const far = agent({ handshake: kms });
    converse(near, far, (event, at) => {
      if (event.type === 'data-key-needed') at.provideDataKey(dataKey, NOW);
      if (event.type === 'data-key-offered') at.refuseDataKey('AccessDeniedException', NOW);
    });
    expect(far.nextTimeout()).toBeLessThanOrEqual(NOW);
    expect(protocolErrorCode(() => far.tick(NOW))).toBe('handshake-failed');
  });

  test('two ends with different keys never open the session', () => {
    const near = client();
    const far = agent({ handshake: kms });
    const other = { ...dataKey, plaintext: new Uint8Array(64) };
    expect(protocolErrorCode(() => shakeHands(near, far, { near: dataKey, far: other }))).toBe(
      'decryption-failed',
    );
  });

  test('a wrong response to the challenge is not acknowledged, and the handshake times out', () => {
    const near = client();
    const far = agent({ handshake: kms });
    for (const message of far.takeOutput()) near.receive(message, NOW);
    near.provideDataKey(dataKey, NOW);
    for (const message of near.takeOutput()) far.receive(message, NOW);
    far.provideDataKey(dataKey, NOW + 10_000);
    far.takeOutput();
    const wrong = inputMessage({
      seq: 1,
      payloadType: PAYLOAD_TYPE.encChallengeResponse,
      payload: '{"Challenge":"AAAA"}',
    });
    expect(far.receive(wrong, NOW + 10_000)).toMatchObject([{ type: 'ignored' }]);
    expect(far.takeOutput()).toEqual([]);
    expect(protocolErrorCode(() => far.tick(NOW + 24_999))).toBeUndefined();
    expect(protocolErrorCode(() => far.tick(NOW + 25_000))).toBe('handshake-timeout');
  });

  test('unencrypted output in an encrypted session ends it', () => {
    const near = client();
    shakeHands(near, agent({ handshake: kms }));
    expect(
      protocolErrorCode(() => near.receive(outputMessage({ seq: 3, payload: 'in the clear' }), NOW)),
    ).toBe('decryption-failed');
  });

  test('unencrypted input in an encrypted session ends it', () => {
    const far = agent({ handshake: kms });
    shakeHands(client(), far);
    expect(protocolErrorCode(() => far.receive(inputMessage({ seq: 2, payload: 'in the clear' }), NOW))).toBe(
      'decryption-failed',
    );
  });

  test('a data key of the wrong length is rejected', () => {
    const channel = client();
    channel.receive(
      handshakeRequest({ actions: [{ ActionType: 'KMSEncryption', ActionParameters: { KMSKeyId: 'k' } }] }),
      NOW,
    );
    expect(
      protocolErrorCode(() => channel.provideDataKey({ ...dataKey, plaintext: counting(32) }, NOW)),
    ).toBe('data-key-length');
  });

  test('the agent increments its nonces, little-endian, from a random start', () => {
    const near = client();
    const far = agent({ handshake: kms, randomBytes: (length) => new Uint8Array(length).fill(0xff) });
    shakeHands(near, far);
    far.takeOutput();
    const nonces = [0, 1, 2].map(() => {
      far.send(counting(1), NOW);
      return Buffer.from(sent(far)[0]!.payload.subarray(0, 12)).toString('hex');
    });
    // The challenge used the first nonce, all ones; these are the next three.
    expect(nonces).toEqual(['00'.repeat(12), `01${'00'.repeat(11)}`, `02${'00'.repeat(11)}`]);
  });
});
