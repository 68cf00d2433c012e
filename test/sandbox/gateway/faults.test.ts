import { afterEach, expect, test } from 'vitest';
import { parseGatewayFaults, isGatewayFault } from '../../../src/sandbox/gateway/faults.ts';
import { type Lab, startLab } from '../support/gateway-lab.ts';
import { RawClient } from '../support/raw-client.ts';

let lab: Lab | undefined;
const clients: RawClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await lab?.close();
  lab = undefined;
});

/** A seeded, repeatable generator. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const counting = (count: number) =>
  ({
    type: 'InteractiveCommands',
    command: `/bin/sh -c 'i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo n$i; done'`,
  }) as const;
const counted = (count: number): string => Array.from({ length: count }, (_, i) => `n${i + 1}\r\n`).join('');

async function start(faults: readonly string[], of: Parameters<typeof startLab>[0] = {}): Promise<Lab> {
  lab = await startLab({ faults, random: seeded(7), ...of });
  return lab;
}

async function connect(of: Lab, plan: Parameters<Lab['start']>[0]): Promise<RawClient> {
  const client = await RawClient.open(of.start(plan));
  clients.push(client);
  return client;
}

test.each([
  'drop=0.05',
  'duplicate=0.3',
  'reorder=0.3',
  'delay=20ms',
  'drop=0.05,duplicate=0.1,reorder=0.1,delay=5ms',
  'slow-agent=5ms',
])('with %s every byte arrives once and in order', async (fault) => {
  // Small messages, so that the faults affect many of them.
  const client = await connect(await start([fault], { agentPayloadSize: 16 }), counting(200));
  await client.event('closed');
  expect(client.stdout).toBe(counted(200));
  expect(client.frames.length).toBeGreaterThan(60);
});

test('cut-client=after:… cuts once, and close-1000 closes with that code; the client resumes after both', async () => {
  const of = await start(['cut-client=after:2000'], { agentPayloadSize: 16 });
  const access = of.start(counting(300));
  const client = await RawClient.open(access);
  clients.push(client);
  await client.until(() => client.closeCode !== undefined, 'the cut');
  expect(client.closeCode).toBe(1006);
  of.gateway.faults.set('close-1000=every:20000');
  for (;;) {
    const resumed = of.gateway.sessions.resume(access.sessionId);
    if (resumed === undefined) throw new Error('unknown session');
    if (resumed === 'over') break;
    await client.connect(resumed);
    await client.until(() => client.closeCode !== undefined, 'the next close');
    expect(client.closeCode).toBe(1000);
    if (client.events.some((event) => event.type === 'closed')) break;
  }
  expect(client.stdout).toBe(counted(300));
});

test('a cut after a given time happens at that time', async () => {
  const client = await connect(await start(['cut-client=after:50ms']), { type: 'Standard_Stream' });
  await client.until(() => client.closeCode !== undefined, 'the cut', 2000);
});

test('silent: the socket stays open, nothing arrives and pings are not answered', async () => {
  const of = await start([]);
  const client = await connect(of, { type: 'Standard_Stream' });
  await client.event('opened');
  await client.ping();
  of.gateway.faults.set('silent');
  const before = client.frames.length;
  client.send('echo heard\r');
  const answered = await Promise.race([
    client.ping().then(() => true),
    new Promise<false>((resolve) => setTimeout(() => resolve(false), 300)),
  ]);
  expect([answered, client.frames.length, client.closeCode]).toEqual([false, before, undefined]);
  of.gateway.faults.set();
  await client.untilOutput('heard\r\n');
});

test('refuse-resume works in its three forms', async () => {
  const of = await start(['refuse-resume']);
  const { sessionId } = of.start({ type: 'Standard_Stream' });
  const resume = () => of.gateway.sessions.resume(sessionId);
  expect(resume).toThrow(expect.objectContaining({ code: 'AccessDeniedException', status: 403 }) as Error);
  of.gateway.faults.set('refuse-resume=expired');
  expect(resume).toThrow(expect.objectContaining({ code: 'ExpiredTokenException' }) as Error);
  of.gateway.faults.set('refuse-resume=no-token');
  expect(resume()).toBe('over');
  of.gateway.faults.set();
  expect(resume()).toMatchObject({ sessionId });
});

test.each([
  'drop',
  'drop=2',
  'drop=x',
  'delay=20',
  'cut-client=65536',
  'cut-client=every:0',
  'close-1000=after:',
  'refuse-resume=404',
  'silent=yes',
  'slow-agent=fast',
  'explode',
])('the spec %s is a usage error that names it', (spec) => {
  expect(() => parseGatewayFaults([spec])).toThrow(
    expect.objectContaining({
      code: 'bad-fault',
      role: 'usage',
      message: expect.stringContaining(spec),
    }) as Error,
  );
});

test('fault specifications can be combined, and the name of another fault is not accepted', () => {
  expect(parseGatewayFaults(['drop=0.05, delay=1.5s', 'cut-agent=every:2s'])).toMatchObject({
    drop: 0.05,
    delayMs: 1500,
    cutAgent: { repeat: true, unit: 'ms', amount: 2000 },
  });
  expect([isGatewayFault('silent'), isGatewayFault('throttle=ec2')]).toEqual([true, false]);
});
