import { expect, test } from 'vitest';

import { ChannelDriver } from '../../../src/connect/channel/channel-driver.ts';
import { access } from '../../../src/core/errors.ts';
import { encodePublication } from '../../../src/protocol/channel-closed.ts';
import { FakeGateway, SESSION } from '../../support/fake-gateway.ts';

/** Suspended laptops, agents that restart, peers that do not respond, with a clock that the test controls. */

const HOUR = 3_600_000;

async function shell(gateway: FakeGateway) {
  let output = '';
  const driver = new ChannelDriver(SESSION, 'i-1', gateway.deps(), {
    output: (bytes) => {
      output += Buffer.from(bytes).toString();
    },
  });
  const started = driver.start();
  await gateway.clock.advance(1);
  gateway.say('$ ');
  await gateway.clock.advance(1);
  await started;
  return { driver, output: () => output };
}

test('after eight hours of suspension the next ping detects the dead connection, and the session is resumed', async () => {
  const gateway = new FakeGateway();
  const { driver, output } = await shell(gateway);
  await gateway.clock.advance(5_000);
  gateway.clock.sleep(8 * HOUR);
  // The gateway has dropped the socket, and no packet says so.
  gateway.isSilent = true;
  await gateway.clock.advance(29_000);
  expect(gateway.states()).toEqual([]);
  gateway.onResume = ((answer) => () => {
    gateway.isSilent = false;
    return answer();
  })(gateway.onResume);
  await gateway.clock.advance(2_000);
  expect(gateway.states()).toEqual(['interrupted', 'resumed']);
  expect(gateway.reports[0]).toMatchObject({ reason: 'no answer to a ping within 10s' });
  driver.send(Buffer.from('good morning'));
  gateway.say('and to you');
  await gateway.clock.advance(10);
  expect(gateway.input).toBe('good morning');
  expect(output()).toBe('$ and to you');
});

test('hours of suspension during an outage do not count against its time limit', async () => {
  const gateway = new FakeGateway();
  const { driver } = await shell(gateway);
  let state = 'running';
  driver.ended.catch(() => {
    state = 'ended';
  });
  const answer = gateway.onResume;
  gateway.onResume = () => Promise.reject(new Error('getaddrinfo ENOTFOUND'));
  gateway.drop();
  await gateway.clock.advance(2 * 60_000);
  gateway.clock.sleep(8 * HOUR);
  // The laptop is awake, but the network needs a minute.
  await gateway.clock.advance(60_000);
  expect(state).toBe('running');
  gateway.onResume = answer;
  await gateway.clock.advance(11_000);
  expect(gateway.states()).toEqual(['interrupted', 'resumed']);
});

test('credentials that expired during a suspension may be renewed after it', async () => {
  const gateway = new FakeGateway();
  await shell(gateway);
  const answer = gateway.onResume;
  gateway.onResume = () => Promise.reject(access('credentials-expired', 'the credentials have expired'));
  gateway.drop();
  await gateway.clock.advance(1_000);
  gateway.clock.sleep(8 * HOUR);
  await gateway.clock.advance(45_000);
  gateway.onResume = answer;
  await gateway.clock.advance(11_000);
  expect(gateway.states()).toEqual(['interrupted', 'resumed']);
});

test('a session that ended during a suspension is reported as ended at once', async () => {
  const gateway = new FakeGateway();
  const { driver } = await shell(gateway);
  gateway.clock.sleep(8 * HOUR);
  gateway.onResume = () => Promise.resolve(undefined);
  gateway.drop();
  await gateway.clock.advance(10);
  await expect(driver.ended).rejects.toMatchObject({ code: 'session-over' });
});

test('an agent that is disconnected for half an hour loses no data: pause_publication pauses the client, and no timeout expires', async () => {
  const gateway = new FakeGateway();
  const { driver } = await shell(gateway);
  const publish = (kind: 'start_publication' | 'pause_publication'): void =>
    gateway.deliver(encodePublication(kind, { messageId: gateway.uuid(), createdDate: gateway.clock.now() }));
  const receive = gateway.agent.receive.bind(gateway.agent);
  gateway.agent.receive = () => [];
  publish('pause_publication');
  driver.send(Buffer.from('kept'));
  await gateway.clock.advance(HOUR / 2);
  gateway.agent.receive = receive;
  gateway.agent.reconnected(gateway.clock.now());
  publish('start_publication');
  await gateway.clock.advance(1_000);
  expect(gateway.input).toBe('kept');
  expect(gateway.states().slice(0, 1)).toEqual(['interrupted']);
  expect(gateway.states().at(-1)).toBe('resumed');
});

test('a peer that acknowledges nothing for five minutes ends the session with an error code', async () => {
  const gateway = new FakeGateway();
  const { driver } = await shell(gateway);
  gateway.agent.receive = () => [];
  driver.send(Buffer.from('anybody there'));
  const ended = expect(driver.ended).rejects.toMatchObject({ code: 'peer-silent', role: 'transport' });
  await gateway.clock.advance(6 * 60_000);
  await ended;
  expect(gateway.states()).toContain('interrupted');
});
