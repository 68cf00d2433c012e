import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SocksClient } from 'socks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { MAX_DESTINATIONS } from '../../../src/connect/forward/proxy-forward.ts';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { createCertificateAuthority } from '../../../src/sandbox/world/certificates.ts';
import { listenOnLoopback } from '../../../src/sandbox/world/loopback.ts';
import { cli } from '../../support/cli-in-process.ts';
import { until } from '../../support/eventually.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { onPath, reportSkip } from '../../support/on-path.ts';
import { freePort, listens } from '../../support/real-servers.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/**
 * Programs as they are, which know nothing of the proxy but its address: curl, Chromium, and clients of clusters whose
 * nodes advertise their own names. None of those names is known on this machine.
 */

const sandbox = testSandbox();
const folder = mkdtempSync(join(tmpdir(), 'fc-proxy-clients-'));
const cleanUp: (() => unknown)[] = [];

interface Proxy {
  readonly host: string;
  readonly port: number;
}
let proxy: Proxy;

/**
 * A clock that runs faster: the pace of two hundred sessions takes eighty seconds of it. Deadlines must still hold for
 * programs on a busy machine.
 */
function faster(factor: number): Clock {
  const began = systemClock.now();
  return {
    now: () => began + (systemClock.now() - began) * factor,
    timer: (ms, fn) => systemClock.timer(ms / factor, fn),
  };
}

async function startProxy(factor = 4): Promise<Proxy> {
  const signals = new FakeSignals();
  let stderr = '';
  const ended = cli(['forward', 'orders-api', '--cluster', 'demo', '-D', '0', '--allow', '*.internal'], {
    env: sandbox().env,
    signals,
    clock: faster(factor),
    onStderr: (text) => {
      stderr = text;
    },
  });
  cleanUp.push(() => {
    signals.raise('SIGINT');
    return ended;
  });
  const ready = /listening on (127\.0\.0\.1):(\d+)/;
  await until(() => ready.test(stderr));
  const [, host = '', port] = ready.exec(stderr) ?? [];
  return { host, port: Number(port) };
}

beforeAll(async () => {
  proxy = await startProxy();
});
afterAll(async () => {
  for (const undo of cleanUp.toReversed()) await undo();
  rmSync(folder, { recursive: true, force: true });
});

let addresses = 0;
/** A host of the VPC with one name, and a program of this process on one of its ports. */
async function host(name: string, port: number, server: Server): Promise<void> {
  const loopback = await listenOnLoopback(server);
  const privateIp = `10.0.${77 + Math.floor(addresses / 200)}.${10 + (addresses++ % 200)}`;
  cleanUp.push(sandbox().addHost({ privateIp, names: [name], ports: { [port]: loopback } }), () =>
    server.close(),
  );
}

/** A connection through the proxy by a SOCKS5 client that is not ours. */
const dial = async (name: string, port: number, through = proxy): Promise<Socket> => {
  const { socket } = await SocksClient.createConnection({
    command: 'connect',
    proxy: { ...through, type: 5 },
    destination: { host: name, port },
    timeout: 60_000,
  });
  return socket.on('error', () => undefined);
};

/** Sends one line, and resolves with the first piece of the answer. */
async function ask(name: string, port: number, line: string, through = proxy): Promise<string> {
  const socket = await dial(name, port, through);
  try {
    socket.write(`${line}\r\n`);
    return await new Promise<string>((resolve, reject) => {
      socket.once('data', (bytes: Buffer) => resolve(bytes.toString()));
      socket.once('close', () => reject(new Error(`${name}:${port} closed without an answer`)));
    });
  } finally {
    socket.destroy();
  }
}

const starts = (): number => sandbox().calls.filter(({ action }) => action === 'StartSession').length;

interface Ran {
  readonly code: number;
  readonly stdout: string;
}

/** Proxy variables of the environment must not decide. */
const run = (program: string, args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], HOME: folder };
    execFile(program, args, { env, timeout: 120_000, maxBuffer: 1e8 }, (error, stdout) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout });
    });
  });

describe('three hosts with certificates of their own', () => {
  const SITES = ['shop.internal', 'login.internal', 'assets.internal'] as const;
  const pins: string[] = [];
  const ca = join(folder, 'ca.pem');

  beforeAll(async () => {
    const authority = createCertificateAuthority('An authority of the company', Date.now());
    writeFileSync(ca, authority.certificate);
    const site = async (name: string, certifiedFor = name): Promise<void> => {
      const { certificate, key } = authority.issue({ names: [certifiedFor], now: Date.now() });
      const spki = createPublicKey(
        new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'pem' }),
      );
      pins.push(
        createHash('sha256')
          .update(spki.export({ type: 'spki', format: 'der' }))
          .digest('base64'),
      );
      const server = createTlsServer({ cert: certificate, key }, (request, response) => {
        const asked = `${request.headers.host ?? ''}${request.url ?? ''}`;
        const next: Readonly<Record<string, string>> = {
          'shop.internal/': 'https://login.internal/?back=1',
          'login.internal/?back=1': 'https://assets.internal/page',
        };
        const location = next[asked];
        if (location !== undefined) response.writeHead(302, { location }).end();
        else if (asked.endsWith('/page'))
          response
            .writeHead(200, { 'content-type': 'text/html' })
            .end('<p id="p">arrived at the page</p><script src="https://shop.internal/script.js"></script>');
        else if (asked.endsWith('/script.js'))
          response
            .writeHead(200, { 'content-type': 'text/javascript' })
            .end('document.getElementById("p").textContent += ", and the script ran at " + location.host');
        else response.writeHead(404).end(asked);
      });
      await host(name, 443, server);
    };
    for (const name of SITES) await site(name);
    await site('impostor.internal', 'other.internal');
  });

  const curl = onPath('curl');
  if (curl === undefined) reportSkip('TLS through forward -D with curl', 'curl is not on PATH');
  test.runIf(curl !== undefined)(
    'curl follows redirects over them, over SOCKS5 and over CONNECT',
    async () => {
      const before = starts();
      const flags = ['-sS', '--noproxy', '', '-L', '--max-time', '100', '--cacert', ca];
      for (const scheme of ['socks5h', 'http']) {
        const way = ['--proxy', `${scheme}://${proxy.host}:${proxy.port}`];
        const page = await run(curl ?? '', [...flags, ...way, 'https://shop.internal/']);
        expect(page).toMatchObject({
          code: 0,
          stdout: expect.stringContaining('arrived at the page') as string,
        });
        // 60 = CURLE_PEER_FAILED_VERIFICATION: the name in the certificate is compared with the one that was typed.
        expect((await run(curl ?? '', [...flags, ...way, 'https://impostor.internal/'])).code).toBe(60);
      }
      expect(starts() - before).toBe(SITES.length + 1);
    },
  );

  const chromium = onPath('chromium') ?? onPath('google-chrome');
  if (chromium === undefined)
    reportSkip('forward -D with Chromium', 'chromium is not on PATH (apt-get install chromium)');
  test.runIf(chromium !== undefined)(
    'Chromium does too, with the file that the proxy serves for browsers, and runs a script of a third host',
    async () => {
      const { stdout } = await run(chromium ?? '', [
        '--headless=new',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        `--user-data-dir=${join(folder, 'chromium')}`,
        `--proxy-pac-url=http://${proxy.host}:${proxy.port}/proxy.pac`,
        // Only these keys are accepted: Chromium has no other way to trust an authority for one start.
        `--ignore-certificate-errors-spki-list=${pins.slice(0, SITES.length).join(',')}`,
        '--timeout=60000',
        '--dump-dom',
        'https://shop.internal/',
      ]);
      expect(stdout).toContain('arrived at the page, and the script ran at assets.internal');
    },
  );
});

test('a cluster of brokers that advertise their names (as Kafka does) is reached by these names', async () => {
  const BROKERS = ['b-1.kafka.internal', 'b-2.kafka.internal', 'b-3.kafka.internal'];
  for (const name of BROKERS)
    await host(
      name,
      9092,
      createServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', (line) => {
          const [word = '', value = ''] = line.toString().trim().split(' ');
          socket.write(
            word === 'METADATA' ? BROKERS.map((each) => `${each}:9092`).join(',') : `${name} has ${value}`,
          );
        });
      }),
    );
  const before = starts();
  const advertised = (await ask('b-1.kafka.internal', 9092, 'METADATA')).split(',');
  expect(advertised).toHaveLength(3);
  const answers = await Promise.all(
    advertised.map((broker, index) => {
      const [name = '', port] = broker.split(':');
      return ask(name, Number(port), `PRODUCE record-${index}`);
    }),
  );
  expect(answers).toEqual(BROKERS.map((name, index) => `${name} has record-${index}`));
  expect(starts() - before).toBe(BROKERS.length);
});

const redis = onPath('redis-server');
if (redis === undefined || onPath('redis-cli') === undefined)
  reportSkip('forward -D with a cluster of Redis', 'redis-server is not installed');
test.runIf(redis !== undefined && onPath('redis-cli') !== undefined)(
  'a real Redis cluster redirects to the names of its nodes, and a client follows them through the proxy',
  async () => {
    const NODES = ['node-1.redis.internal', 'node-2.redis.internal', 'node-3.redis.internal'];
    const ports: number[] = [];
    for (const [index, name] of NODES.entries()) {
      const [port, bus] = [await freePort(), await freePort()];
      const child: ChildProcess = spawn(
        redis ?? '',
        Object.entries({
          port: String(port),
          'cluster-port': String(bus),
          bind: '127.0.0.1',
          'cluster-enabled': 'yes',
          'cluster-config-file': join(folder, `nodes-${index}.conf`),
          'cluster-announce-hostname': name,
          'cluster-preferred-endpoint-type': 'hostname',
          'cluster-announce-ip': '127.0.0.1',
          save: '',
          dir: folder,
        }).flatMap(([setting, value]) => [`--${setting}`, value]),
        { stdio: 'ignore' },
      );
      cleanUp.push(() => child.kill('SIGKILL'));
      await until(listens(port));
      ports.push(port);
      cleanUp.push(
        // Redis advertises the port on which it listens.
        sandbox().addHost({ privateIp: `10.0.90.${10 + index}`, names: [name], ports: { [port]: port } }),
      );
    }
    const admin = (...args: readonly string[]): string =>
      execFileSync('redis-cli', args, { encoding: 'utf8', timeout: 60_000 });
    const nodes = ports.map((port) => `127.0.0.1:${port}`);
    admin('--cluster', 'create', ...nodes, '--cluster-replicas', '0', '--cluster-yes');
    await until(() =>
      ports.every((port) => admin('-p', String(port), 'cluster', 'info').includes('cluster_state:ok')),
    );
    // The names travel between the nodes with the next messages of their bus.
    await until(() =>
      ports.every((port) =>
        NODES.every((name) => admin('-p', String(port), 'cluster', 'slots').includes(name)),
      ),
    );

    const used = new Set<string>();
    for (let n = 0; n < 30; n++) {
      let at = `${NODES[0]}:${ports[0]}`;
      for (let hops = 0; ; hops++) {
        const [name = '', port] = at.split(':');
        const answer = await ask(name, Number(port), `SET key${n} value${n}`);
        const moved = /^-MOVED \d+ (\S+)\r/.exec(answer);
        if (moved === null) {
          expect(answer).toBe('+OK\r\n');
          break;
        }
        at = moved[1] ?? '';
        expect(hops).toBeLessThan(3);
      }
      used.add(at.split(':')[0] ?? '');
    }
    expect([...used].toSorted()).toEqual(NODES);
  },
);

test('two hundred hosts through one proxy: a session for each, and never more than its bound at a time', async () => {
  const HOSTS = 200;
  const WORKERS = 4;
  const names = Array.from({ length: HOSTS }, (_, index) => `host-${index}.many.internal`);
  for (const name of names)
    await host(
      name,
      8443,
      createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => socket.end(`this is ${name}`));
      }),
    );
  const many = await startProxy(8);
  const before = starts();
  const openBefore = openSessions();
  const answers: string[] = [];
  let most = 0;
  const next = names.entries();
  const worker = async (): Promise<void> => {
    for (const [, name] of next) {
      answers.push(await ask(name, 8443, 'hello', many));
      most = Math.max(most, openSessions() - openBefore);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
  expect(answers.toSorted()).toEqual(names.map((name) => `this is ${name}`).toSorted());
  expect(starts() - before).toBe(HOSTS);
  // A session that was closed for a new one may still be ending.
  expect(most).toBeGreaterThan(MAX_DESTINATIONS / 2);
  expect(most).toBeLessThanOrEqual(MAX_DESTINATIONS + WORKERS);
});

/** Sessions that were started and not yet terminated by this person. */
const openSessions = (): number =>
  starts() - sandbox().calls.filter(({ action }) => action === 'TerminateSession').length;

describe('programs that are no clients', () => {
  beforeAll(() =>
    host(
      'echo.internal',
      8443,
      createServer((socket) => socket.on('error', () => undefined).pipe(socket)),
    ),
  );

  const raw = (bytes: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(proxy.port, proxy.host, () => socket.write(Buffer.from(bytes, 'latin1')));
      let received = '';
      socket.on('data', (part: Buffer) => (received += part.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(received));
    });

  test.each([
    ['garbage', '\x16\x03\x01\x00\xa5\x01\x00\x00', /^$/],
    ['SOCKS4', '\x04\x01\x00\x50\x7f\x00\x00\x01\x00', /^\x00\x5b/],
    ['BIND', '\x05\x01\x00\x05\x02\x00\x01', /^\x05\x00\x05\x07/],
    [
      'a name of 255 bytes that is none',
      `\x05\x01\x00\x05\x01\x00\x03\xff${'\x00'.repeat(257)}`,
      /^\x05\x00\x05\x01/,
    ],
    ['a head that never ends', `CONNECT a:1 HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`, /^HTTP\/1\.1 431 /],
    ['a web request', 'GET http://admin.internal/ HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 405 /],
  ])('%s is answered and closed, and starts no session', async (_, bytes, answer) => {
    const before = starts();
    expect(await raw(bytes)).toMatch(answer);
    expect(starts()).toBe(before);
  });

  test('three hundred half requests are reset at their deadline, and the proxy goes on', async () => {
    const half = Array.from({ length: 300 }, (_, index) => raw(index % 2 === 0 ? '\x05' : 'CONNECT host'));
    await Promise.all(half);
    expect(await ask('echo.internal', 8443, 'hello')).toBe('hello\r\n');
  });
});
