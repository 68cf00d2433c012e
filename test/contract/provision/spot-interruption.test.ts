import { afterEach, describe, expect, it } from 'vitest';

import { eventually } from '../../support/eventually.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { ordersDatabase } from '../../support/orders-database.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { shippedDocument } from '../../support/grants.ts';

/** A forward through a spot bastion that EC2 interrupts, from the interruption to SQL through another instance. */

/**
 * The notice is too short to prepare a replacement, so there is a gap. test/e2e/spot-interruption.test.ts has the other
 * case.
 */
const sandbox = testSandbox({ randomSeed: 11, timing: { spotNoticeMs: 50 } });
const HOST = 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });

afterEach(async () => {
  sandbox().faults.clear();
  await run('down', '--all', '--yes', '--force');
});

async function up(...args: readonly string[]): Promise<string> {
  const outcome = await run('up', '--cluster', 'demo', '--db', 'orders-db', '--yes', '--json', ...args);
  expect([outcome.status, outcome.stderr]).toEqual([0, outcome.stderr]);
  return (JSON.parse(outcome.stdout) as { instanceId: string }).instanceId;
}

interface Talk {
  readonly type: string;
  readonly code?: string;
  readonly state?: string;
  readonly step?: string;
  readonly message?: string;
  readonly details?: Readonly<Record<string, string>>;
}

/** A forward that runs in the background; a test can wait for its output. */
async function forwarding(
  options: { readonly env?: Readonly<Record<string, string>>; readonly args?: readonly string[] } = {},
) {
  const signals = new FakeSignals();
  let stdout = '';
  let stderr = '';
  const done = cli(
    ['forward', '-L', `0:${HOST}:5432`, '--via', 'bastion', '--json', ...(options.args ?? [])],
    {
      env: options.env ?? sandbox().env,
      signals,
      onStdout: (text) => {
        stdout = text;
      },
      onStderr: (text) => {
        stderr = text;
      },
    },
  );
  const over = done.then((outcome) => {
    throw new Error(`over: ${outcome.status} ${outcome.stderr}`);
  });
  over.catch(() => undefined);
  const talk = (): readonly Talk[] =>
    `${stdout}${stderr}`
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Talk);
  const said = (match: (event: Talk) => boolean): Promise<Talk> =>
    Promise.race([eventually(() => talk().find(match)), over]);
  const ready = (await said((event) => event.type === 'forward-ready')) as Talk & {
    readonly local: { readonly port: number };
    readonly target: string;
  };
  return {
    ready,
    port: ready.local.port,
    talk,
    said,
    note: (code: string) => said((event) => event.code === code),
    stop: async () => {
      signals.raise('SIGINT');
      return done;
    },
  };
}

async function countOrders(port: number): Promise<unknown> {
  const connection = await ordersDatabase(port);
  const answer = await connection.query('SELECT count(*)::int AS orders FROM orders');
  await connection.end();
  return answer.rows[0] as unknown;
}

const launches = (since: number): number =>
  sandbox()
    .calls.slice(since)
    .filter((call) => call.action === 'CreateFleet').length;

describe('a forward through a bastion that EC2 interrupts', () => {
  it('continues through a replacement, on the same local port, and down leaves nothing', async () => {
    const before = sandbox().snapshot();
    const lost = await up('--ttl', '2h');
    const lease = await leaseOf('default');
    const { ready, port, note, said, talk, stop } = await forwarding();
    expect(ready.target).toBe(lost);
    expect(await countOrders(port)).toEqual({ orders: 420 });
    const open = await ordersDatabase(port);
    const reset = new Promise((resolve) => open.once('end', resolve));

    expect(sandbox().faults.interruptSpotInstance(lost)).toBe(true);
    expect((await note('bastion-interrupted')).message).toBe(
      `EC2 interrupts bastion ${lost} within two minutes: a replacement is launched`,
    );
    await said((event) => event.type === 'session-state' && event.state === 'interrupted');
    await reset;
    // A connection that arrives in the gap is accepted, and answered later.
    expect(await countOrders(port)).toEqual({ orders: 420 });
    await said((event) => event.state === 'replaced');

    const replaced = await note('bastion-replaced');
    expect(replaced.details).toMatchObject({ replaces: lost, name: 'default' });
    expect(replaced.details?.['instanceId']).not.toBe(lost);
    expect(await leaseOf('default')).toBe(lease);
    expect(talk().filter((event) => event.code === 'bastion-interrupted')).toHaveLength(1);
    expect((await stop()).status).toBe(0);
    expect((await run('down', '--yes')).status).toBe(0);
    expect(sandbox().snapshot()).toBe(before);
  }, 60_000);

  it('launches nothing with --no-replace, and continues when another up launches a bastion', async () => {
    const lost = await up();
    const { port, note, said, stop } = await forwarding({ args: ['--no-replace'] });
    const seen = sandbox().calls.length;
    sandbox().faults.interruptSpotInstance(lost);
    expect((await note('bastion-interrupted')).message).toContain('connections through it end with it');
    await said((event) => event.state === 'interrupted');
    expect(launches(seen)).toBe(0);
    await up();
    await said((event) => event.state === 'replaced');
    expect(await countOrders(port)).toEqual({ orders: 420 });
    expect((await stop()).status).toBe(0);
  }, 60_000);

  it('without permission to launch says so, and waits for another bastion with that name', async () => {
    const lost = await up();
    const env = sandbox().createPrincipal({
      userName: 'forwards-only',
      policies: [shippedDocument('forward-bastion', { bastion: '*' })],
    });
    const { port, note, said, stop } = await forwarding({ env });
    sandbox().faults.interruptSpotInstance(lost);
    const denied = await note('replacement-denied');
    expect(denied.message).toMatch(/not allowed to call ec2:\w+.*waiting for another bastion default/);
    await said((event) => event.state === 'interrupted');
    await up();
    await said((event) => event.state === 'replaced');
    expect(await countOrders(port)).toEqual({ orders: 420 });
    expect((await stop()).status).toBe(0);
  }, 60_000);

  it('shares one replacement with other forwards', async () => {
    const lost = await up();
    const two = await Promise.all([forwarding(), forwarding()]);
    const seen = sandbox().calls.length;
    sandbox().faults.interruptSpotInstance(lost);
    const ids = await Promise.all(
      two.map(async ({ note, said, port }) => {
        await said((event) => event.state === 'replaced');
        expect(await countOrders(port)).toEqual({ orders: 420 });
        return (await note('bastion-replaced')).details?.['instanceId'];
      }),
    );
    expect(new Set(ids).size).toBe(1);
    expect(launches(seen)).toBeGreaterThan(0);
    for (const { stop } of two) expect((await stop()).status).toBe(0);
    const { bastions } = JSON.parse((await run('status', '--json')).stdout) as { bastions: unknown[] };
    expect(bastions).toHaveLength(1);
  }, 60_000);

  it('names the pools that have no capacity, tries again, and launches no on-demand instance', async () => {
    const lost = await up();
    const { port, note, said, stop } = await forwarding();
    sandbox().faults.market.refuse({}, 'InsufficientInstanceCapacity');
    sandbox().faults.interruptSpotInstance(lost);
    const refused = await note('pool-refused');
    expect(refused.message).toMatch(
      /^t4g\.micro in subnet-\w+ \(eu-west-1.\): InsufficientInstanceCapacity$/,
    );
    sandbox().faults.clear();
    await said((event) => event.state === 'replaced');
    expect(await countOrders(port)).toEqual({ orders: 420 });
    expect((await stop()).status).toBe(0);
    const { bastions } = JSON.parse((await run('status', '--json')).stdout) as {
      bastions: { market: string }[];
    };
    expect(bastions.map((bastion) => bastion.market)).toEqual(['spot']);
  }, 60_000);

  it('does not replace a bastion that a user terminated', async () => {
    const lost = await up();
    const { note, stop } = await forwarding();
    const seen = sandbox().calls.length;
    await run('down', '--yes', '--force');
    expect((await note('bastion-ended')).message).toContain(`bastion ${lost} has ended`);
    expect(launches(seen)).toBe(0);
    expect((await stop()).status).toBe(0);
  }, 60_000);

  it('leaves only resources that down removes if Ctrl-C is pressed while the replacement starts', async () => {
    const before = sandbox().snapshot();
    const lost = await up();
    const { said, stop } = await forwarding();
    sandbox().faults.interruptSpotInstance(lost);
    await said((event) => event.type === 'step-started' && event.step === 'replacement');
    const outcome = await stop();
    expect([outcome.status, outcome.stderr.includes('"unfinished"')]).toEqual([0, true]);
    expect((await run('down', '--yes', '--force')).status).toBe(0);
    expect(sandbox().snapshot()).toBe(before);
  }, 60_000);
});

async function leaseOf(name: string): Promise<string | undefined> {
  const { bastions } = JSON.parse((await run('status', '--json')).stdout) as {
    bastions: { name: string; state: string; expiresAt: string }[];
  };
  return bastions.find((bastion) => bastion.name === name && bastion.state === 'running')?.expiresAt;
}
