import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { cli } from '../../support/cli-in-process.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/**
 * `exec`, `cp` and `logs` while connections are cut at random bytes: everything arrives once, or an error says that it
 * did not. `CUT_ROUNDS=200` runs as many rounds of each; the seed is fixed.
 */

const ROUNDS = Number(process.env['CUT_ROUNDS'] ?? 6);
vi.setConfig({ testTimeout: Math.max(180_000, ROUNDS * 15_000) });

const sandbox = testSandbox({ randomSeed: 11 });
const APP = ['--cluster', 'demo', '--container', 'app'] as const;

/** Numbers from 0 to 1, the same in each run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const bytesOf = (length: number, random: () => number): Buffer =>
  Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
/** Equally likely for each order of magnitude. */
const between = (least: number, most: number, random: () => number): number =>
  Math.floor(least * (most / least) ** random());

let here: string;
beforeAll(() => {
  here = mkdtempSync(join(tmpdir(), 'fargate-connect-cuts-'));
});
afterAll(() => rmSync(here, { recursive: true, force: true }));

it('exec: every byte of stdout arrives once while the connection of the client is cut', async () => {
  const random = seeded(1);
  const expected = Array.from({ length: 20_000 }, (_, at) => `${at + 1}\n`).join('');
  let resumed = 0;
  for (let round = 0; round < ROUNDS; round++) {
    sandbox().faults.sessions.set(`cut-client=after:${between(500, 120_000, random)}`);
    const outcome = await cli(['exec', 'orders-api', ...APP, '--', 'seq', '1', '20000'], {
      env: sandbox().env,
      clock: systemClock,
    });
    sandbox().faults.sessions.set();
    expect({ round, status: outcome.status, stderr: outcome.stderr }).toMatchObject({ round, status: 0 });
    expect(outcome.stdout === expected, `round ${round}`).toBe(true);
    resumed += outcome.stderr.split('resumed').length - 1;
  }
  expect(resumed).toBeGreaterThan(0);
});

it('exec: every byte of stdin arrives once while the connection of the agent is cut, and the agent handles messages twice', async () => {
  const random = seeded(4);
  const content = bytesOf(1_500_000, random);
  let intact = 0;
  for (let round = 0; round < ROUNDS; round++) {
    sandbox().faults.sessions.set(`cut-agent=after:${between(20_000, 1_500_000, random)}`);
    const outcome = await cli(['exec', 'orders-api', ...APP, '--', 'sha256sum'], {
      env: sandbox().env,
      clock: systemClock,
      stdin: content,
    });
    expect({ round, status: outcome.status, stderr: outcome.stderr }).toMatchObject({ round, status: 0 });
    if (outcome.stdout.startsWith(digest(content))) intact++;
  }
  process.stderr.write(`stdin of exec, agent cut: tried ${ROUNDS}, intact ${intact}\n`);
  expect(intact).toBe(ROUNDS);
  expect(sandbox().sessionTraffic().repeatedInput).toBeGreaterThan(0);
});

it('cp: every byte arrives in both directions while both connections are cut', async () => {
  const random = seeded(2);
  for (let round = 0; round < ROUNDS; round++) {
    const content = bytesOf(between(10_000, 200_000, random), random);
    writeFileSync(join(here, 'sent'), content);
    const fault = round % 4 === 3 ? 'cut-agent' : 'cut-client';
    sandbox().faults.sessions.set(`${fault}=after:${between(500, 200_000, random)}`);
    // Every session is cut after so many bytes, so a session that replaces another one would be cut there again.
    const onStderr = (text: string): void => {
      if (text.includes('a new session continues')) sandbox().faults.sessions.set();
    };
    const run = (...args: readonly string[]) =>
      cli(['cp', ...APP, ...args], { env: sandbox().env, clock: systemClock, onStderr });
    const sent = await run(join(here, 'sent'), 'orders-api:copied');
    const got = await run('orders-api:copied', join(here, 'got'));
    sandbox().faults.sessions.set();
    expect([sent.status, got.status], `round ${round}, ${fault}: ${sent.stderr}${got.stderr}`).toEqual([
      0, 0,
    ]);
    expect(digest(readFileSync(join(here, 'got'))), `round ${round}`).toBe(digest(content));
  }
});

it('logs: no line is lost or doubled while connections to CloudWatch Logs are cut', async () => {
  const random = seeded(3);
  const { logs } = sandbox();
  const group = logs.createGroup('/ecs/orders-api');
  const tasks = ['1f0e9d8c7b6a45948372615049382716', '2a3b4c5d6e7f48091a2b3c4d5e6f7081'];
  const start = Date.now() - 60_000;
  const lines = Array.from({ length: 400 }, (_, at) => `cut ${at} ${'x'.repeat(at % 90)}`);
  for (const [at, message] of lines.entries())
    logs.put(logs.createStream(group, `ecs/app/${tasks[at % 2] ?? ''}`), [
      // Several events have the same time.
      { timestamp: start + Math.floor(at / 5), message },
    ]);
  const proxy = await cuttingProxy(sandbox().endpoint, random);
  try {
    for (let round = 0; round < ROUNDS; round++) {
      proxy.arm(1 + Math.floor(random() * 3));
      const outcome = await cli(
        [
          'logs',
          '--cluster',
          'demo',
          '--service',
          'orders-api',
          '--since',
          '10m',
          '--json',
          '--grep',
          '^cut ',
        ],
        { env: { ...sandbox().env, AWS_ENDPOINT_URL: proxy.url } },
      );
      expect({ round, status: outcome.status, stderr: outcome.stderr }).toMatchObject({ round, status: 0 });
      const found = outcome.stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as { readonly message: string }).message);
      expect(found.toSorted(), `round ${round}`).toEqual(lines.toSorted());
    }
    expect(proxy.cuts()).toBeGreaterThanOrEqual(ROUNDS);
  } finally {
    proxy.close();
  }
});

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

interface CuttingProxy {
  readonly url: string;
  /** The next so many connections are cut, each at a random byte of its answers or of its requests. */
  arm(connections: number): void;
  cuts(): number;
  close(): void;
}

async function cuttingProxy(endpoint: string, random: () => number): Promise<CuttingProxy> {
  const { hostname, port } = new URL(endpoint);
  let armed = 0;
  let cuts = 0;
  const server: Server = createServer((client) => {
    const service = connect(Number(port), hostname);
    const end = (): void => {
      client.destroy();
      service.destroy();
    };
    for (const socket of [client, service]) socket.on('error', end).on('close', end);
    const isCut = armed > 0;
    if (isCut) armed--;
    const cutsRequest = random() < 0.25;
    let left = isCut ? between(1, 40_000, random) : Number.POSITIVE_INFINITY;
    const forward = (from: typeof client, to: typeof client, counts: boolean): void => {
      from.on('data', (bytes: Buffer) => {
        if (counts && bytes.byteLength >= left) {
          cuts++;
          to.write(bytes.subarray(0, left), end);
          left = Number.POSITIVE_INFINITY;
          return;
        }
        if (counts) left -= bytes.byteLength;
        to.write(bytes);
      });
    };
    forward(client, service, cutsRequest);
    forward(service, client, !cutsRequest);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${own}`,
    arm: (connections) => {
      armed = connections;
    },
    cuts: () => cuts,
    close: () => server.close(),
  };
}
