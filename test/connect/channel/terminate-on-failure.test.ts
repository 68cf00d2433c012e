import { describe, expect, test } from 'vitest';
import { ChannelDriver } from '../../../src/connect/channel/channel-driver.ts';
import type { ChannelDeps } from '../../../src/connect/channel/channel-deps.ts';
import { denied } from '../../support/denied.ts';
import { FakeGateway, refused, SESSION } from '../../support/fake-gateway.ts';

/**
 * A session that fails would stay open in the account until its idle limit. On every path the process therefore waits
 * for the answer to TerminateSession, and no longer than three seconds.
 */

const ENCRYPTED = { handshake: { sessionType: 'Standard_Stream', kmsKeyId: 'key' } } as const;

interface Path {
  readonly name: string;
  readonly gateway?: ConstructorParameters<typeof FakeGateway>[0];
  readonly deps?: Partial<ChannelDeps>;
  readonly streamUrl?: string;
  /** What goes wrong before the session opens. */
  readonly before?: (gateway: FakeGateway) => void;
  /** What goes wrong once it is open. */
  readonly after?: (gateway: FakeGateway) => void;
  /** How much time passes until the failure is noticed. */
  readonly ms?: number;
}

const PATHS: readonly Path[] = [
  { name: 'its address is not usable', streamUrl: 'ws://example.com/' },
  { name: 'the gateway refuses it', before: (gateway) => gateway.openFailures.push(refused(403)) },
  {
    name: 'the request cannot be signed',
    deps: { signer: { headers: () => Promise.reject(denied('sts:AssumeRole')) } },
  },
  { name: 'the agent sends nothing', ms: 30_000 },
  {
    name: 'its key is denied',
    gateway: ENCRYPTED,
    deps: { kms: () => Promise.reject(denied('kms:GenerateDataKey')) },
  },
  {
    name: 'the messages are malformed',
    after: (gateway) => {
      for (let i = 0; i < 1_001; i++) gateway.deliver(Buffer.from('nonsense'));
    },
  },
  {
    name: 'it cannot be resumed',
    after: (gateway) => {
      gateway.onResume = () => Promise.reject(denied('ssm:ResumeSession'));
      gateway.drop();
    },
  },
  {
    name: 'it is over when it is resumed',
    after: (gateway) => {
      gateway.onResume = () => Promise.resolve(undefined);
      gateway.drop();
    },
  },
];

async function failing(path: Path) {
  const gateway = new FakeGateway(path.gateway);
  path.before?.(gateway);
  let answer: () => void = () => undefined;
  gateway.onTerminate = () =>
    new Promise((resolve) => {
      answer = resolve;
    });
  const session = { ...SESSION, streamUrl: path.streamUrl ?? SESSION.streamUrl };
  const driver = new ChannelDriver(session, 'ecs:demo_t_r', gateway.deps(path.deps), {
    output: () => undefined,
  });
  const started = driver.start();
  started.catch(() => undefined);
  await gateway.clock.advance(20);
  if (path.after !== undefined) {
    gateway.say('$ ');
    await gateway.clock.advance(20);
    await started;
    path.after(gateway);
  }
  await gateway.clock.advance((path.ms ?? 0) + 20);
  await expect(driver.ended).rejects.toBeInstanceOf(Error);
  let isDone = false;
  const done = driver.terminate().then(() => {
    isDone = true;
  });
  return { gateway, answer: () => answer(), done, isDone: () => isDone };
}

describe('a session that fails because', () => {
  test.each(PATHS.map((path) => [path.name, path] as const))('%s', async (_, path) => {
    const answered = await failing(path);
    await answered.gateway.clock.advance(2_000);
    expect(answered.gateway.terminated).toEqual([SESSION.sessionId]);
    expect(answered.isDone()).toBe(false);
    answered.answer();
    await answered.done;

    const unanswered = await failing(path);
    await unanswered.gateway.clock.advance(3_000);
    expect(unanswered.isDone()).toBe(true);
  });
});
