import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import type { AwsAccount } from '../../../src/aws/account.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { Database } from '../../../src/connect/ports.ts';
import { GROUP } from '../../../src/sandbox/world/seed-network.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { until } from '../../support/eventually.ts';
import { onPath, reportSkip } from '../../support/on-path.ts';
import { freePort, listens } from '../../support/real-servers.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** Servers with several nodes from Debian, each at an address of its own in the VPC of the sandbox. */

const sandbox = testSandbox();
/** Addresses that exist in the VPC, whose security group admits this port from the whole VPC. */
const ADDRESSES = ['10.0.201.10', '10.0.201.30', '10.0.202.31'];
const PORT = 5432;

const cleanUp: (() => void)[] = [];
afterAll(() => cleanUp.forEach((undo) => undo()));

/** Starts one program for each address, and lets it answer there. Resolves with the ports of 127.0.0.1. */
async function nodes(start: (port: number, address: string) => ChildProcess): Promise<readonly number[]> {
  const ports: number[] = [];
  for (const address of ADDRESSES) {
    const port = await freePort();
    const child = start(port, address);
    cleanUp.push(() => child.kill('SIGKILL'), sandbox().listen(address, PORT, port));
    await until(listens(port));
    ports.push(port);
  }
  return ports;
}

const described = (over: Partial<Database>): Database => ({
  id: 'sharded',
  arn: 'arn:aws:elasticache:eu-west-1:111122223333:replicationgroup:sharded',
  service: 'elasticache',
  kind: 'replication-group',
  engine: 'redis',
  status: 'available',
  endpoints: [
    { role: 'configuration', id: undefined, host: ADDRESSES[0] ?? '', port: PORT },
    ...ADDRESSES.map((host, index) => ({ role: 'node' as const, id: `node-${index}`, host, port: PORT })),
  ],
  databaseName: undefined,
  masterUsername: undefined,
  vpcId: undefined,
  securityGroups: [GROUP.ordersDb],
  iamAuthentication: false,
  publiclyAccessible: false,
  ipv6: false,
  tls: 'none',
  resourceId: undefined,
  secretArn: undefined,
  isSharded: true,
  ...over,
});

/** `db` for a description that the sandbox does not have: it has no cluster with several servers. */
const dbOf = (database: Database, ...args: readonly string[]): Promise<CliOutcome> =>
  cli(['db', database.id, '--cluster', 'demo', '--service', 'orders-api', ...args], {
    env: { ...sandbox().env, PATH: process.env['PATH'] ?? '' },
    clock: systemClock,
    account: (real: AwsAccount) => ({
      ...real,
      databases: async () => ({
        ...(await real.databases()),
        elastiCaches: () => Promise.resolve([database]),
      }),
    }),
  });

/** Follows the address map that db gives to programs as NODES: writes and reads one key on each node. */
const CLIENT = `
const { createConnection } = require('node:net');
const map = new Map(process.env.FARGATE_CONNECT_NODES.split(',').map((pair) => pair.split('=')));
const ask = (address, ...words) => new Promise((resolve, reject) => {
  const [host, port] = map.get(address).split(':');
  const socket = createConnection({ host, port: Number(port) }, () => socket.write(words.join(' ') + '\\r\\n'));
  socket.once('data', (bytes) => { resolve(bytes.toString()); socket.destroy(); });
  socket.once('error', reject);
});
(async () => {
  const used = new Set();
  const [first] = map.keys();
  for (let n = 0; n < 40; n++) {
    let at = first;
    for (;;) {
      const answer = await ask(at, 'SET', 'key' + n, 'value' + n);
      const moved = /^-MOVED \\d+ (\\S+)\\r/.exec(answer);
      if (moved === null) { if (answer !== '+OK\\r\\n') throw new Error(answer); break; }
      at = moved[1];
    }
    used.add(at);
    if (!(await ask(at, 'GET', 'key' + n)).includes('value' + n)) throw new Error('lost key' + n);
  }
  console.log([...used].sort().join(' '));
})();`;

describe('Redis in cluster mode', () => {
  const isSkipped = onPath('redis-server') === undefined || onPath('redis-cli') === undefined;
  if (isSkipped) reportSkip('db with a cluster of Redis', 'redis-server is not installed');
  it.skipIf(isSkipped)(
    'has a local port for each node, and a client that follows the address map reaches all of them',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'redis-cluster-'));
      cleanUp.push(() => rmSync(folder, { recursive: true, force: true }));
      const buses = await Promise.all(ADDRESSES.map(() => freePort()));
      const ports = await nodes((port, address) => {
        const file = join(folder, `${address}.conf`);
        const bus = buses[ADDRESSES.indexOf(address)] ?? 0;
        const settings = [
          `port ${port}`,
          'bind 127.0.0.1',
          'cluster-enabled yes',
          `cluster-config-file ${address}.nodes`,
          `cluster-port ${bus}`,
          // Clients are sent to the address in the VPC, as ElastiCache sends them.
          `cluster-announce-port ${PORT}`,
          `cluster-announce-bus-port ${bus}`,
          `cluster-announce-hostname ${address}`,
          'cluster-preferred-endpoint-type hostname',
          'save ""',
          `dir ${folder}`,
        ];
        writeFileSync(file, `${settings.join('\n')}\n`);
        return spawn('redis-server', [file], { stdio: 'ignore' });
      });
      const redis = (port: number, ...words: readonly string[]): string =>
        execFileSync('redis-cli', ['-p', String(port), ...words], { encoding: 'utf8' });
      const SLOTS = ['0 5460', '5461 10922', '10923 16383'];
      ports.forEach((port, index) => {
        redis(port, 'CLUSTER', 'ADDSLOTSRANGE', ...(SLOTS[index] ?? '').split(' '));
        const [first = 0] = ports;
        if (index > 0) redis(port, 'CLUSTER', 'MEET', '127.0.0.1', String(first), String(buses[0]));
      });
      await until(() => ports.every((port) => redis(port, 'CLUSTER', 'INFO').includes('cluster_state:ok')));
      await until(() =>
        ports.every((port) => ADDRESSES.every((each) => redis(port, 'CLUSTER', 'NODES').includes(each))),
      );
      const { status, stdout, stderr } = await dbOf(described({}), '--', process.execPath, '-e', CLIENT);
      expect([status, stdout.trim(), stderr]).toEqual([
        0,
        ADDRESSES.map((address) => `${address}:${PORT}`)
          .sort()
          .join(' '),
        stderr,
      ]);
    },
    120_000,
  );
});

describe('Memcached with several nodes', () => {
  const isSkipped = onPath('memcached') === undefined;
  if (isSkipped) reportSkip('db with Memcached', 'memcached is not installed');
  it.skipIf(isSkipped)(
    'has a local port for each node',
    async () => {
      await nodes((port) =>
        spawn('memcached', ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-u', 'nobody'], {
          stdio: 'ignore',
        }),
      );
      const client = `
const { createConnection } = require('node:net');
Promise.all(process.env.FARGATE_CONNECT_NODES.split(',').map((pair, n) => new Promise((resolve, reject) => {
  const [host, port] = pair.split('=')[1].split(':');
  const socket = createConnection({ host, port: Number(port) }, () => socket.write('set k 0 0 1\\r\\n' + n + '\\r\\nget k\\r\\nquit\\r\\n'));
  let text = '';
  socket.on('data', (bytes) => { text += bytes; }).on('close', () => resolve(text.replaceAll('\\r\\n', ' ').trim())).on('error', reject);
}))).then((answers) => console.log(answers.join('|')));`;
      const database = described({ engine: 'memcached', kind: 'cluster' });
      const { status, stdout, stderr } = await dbOf(database, '--', process.execPath, '-e', client);
      expect([status, stdout.trim(), stderr]).toEqual([
        0,
        ADDRESSES.map((_, n) => `STORED VALUE k 0 1 ${n} END`).join('|'),
        stderr,
      ]);
    },
    120_000,
  );
});
