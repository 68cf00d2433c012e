import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket, createSecureContext } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { checkTls } from '../../../src/connect/database/tls-check.ts';
import type { Family } from '../../../src/connect/database/engines.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { createCertificateAuthority } from '../../../src/sandbox/world/certificates.ts';

/** A private authority that names hosts as RDS does. */

const HOST = 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';
const now = Date.now();
const authority = createCertificateAuthority('Amazon RDS eu-west-1 Root CA', now);
const stranger = createCertificateAuthority('Someone else', now);

const CERTIFICATES = {
  good: authority.issue({ names: [HOST, 'orders-db.example'], now }),
  'other name': authority.issue({ names: [HOST.replace('orders', 'billing')], now }),
  expired: authority.issue({ names: [HOST], now, days: -1 }),
  'other authority': stranger.issue({ names: [HOST], now }),
};
type Which = keyof typeof CERTIFICATES | 'no TLS';

const GREETING = (capabilities: number): Buffer => {
  const body = Buffer.concat([
    Buffer.from([10]),
    Buffer.from('8.4.0\0'),
    Buffer.alloc(4 + 8 + 1),
    Buffer.from([capabilities & 0xff, capabilities >> 8]),
    Buffer.alloc(30),
  ]);
  return Buffer.concat([Buffer.from([body.length, 0, 0, 0]), body]);
};

/** Answers as a server of that family does until TLS begins. */
function serve(family: Family, which: Which): Server {
  const pair = which === 'no TLS' ? undefined : CERTIFICATES[which];
  const options = pair === undefined ? {} : { cert: pair.certificate, key: pair.key };
  if (family === 'redis' && pair !== undefined)
    return createTlsServer(options, (socket) => socket.on('error', () => undefined));
  const secureContext = createSecureContext(options);
  return createTcpServer((socket: Socket) => {
    socket.on('error', () => undefined);
    const upgrade = (): void => {
      new TLSSocket(socket, { isServer: true, secureContext }).on('error', () => undefined);
    };
    if (family === 'mysql') socket.write(GREETING(pair === undefined ? 0x0200 : 0x0a00));
    // The handshake may arrive together with the request for it, and stays in the socket then.
    socket.once('readable', () => {
      const bytes = (socket.read(family === 'mysql' ? 36 : 8) ?? socket.read()) as Buffer | null;
      if (bytes === null) return;
      if (family === 'postgres') {
        expect(bytes.toString('hex')).toBe('0000000804d2162f');
        socket.write(pair === undefined ? 'N' : 'S');
      }
      if (family === 'mysql') {
        expect(bytes.readUInt32LE(4) & 0x0800).toBe(0x0800);
      }
      if (pair !== undefined) upgrade();
      else if (family === 'redis') socket.end('-ERR Protocol error\r\n');
    });
  });
}

const servers: Server[] = [];
afterAll(() => servers.forEach((server) => server.close()));

async function check(family: Family, which: Which, host = HOST): Promise<string> {
  const server = serve(family, which);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return checkTls(
    { family, host, port: 5432, local: { host: '127.0.0.1', port }, ca: authority.certificate },
    systemClock,
  ).then(
    () => 'verified',
    (error: unknown) => String(Reflect.get(error as object, 'code')),
  );
}

describe.each<Family>(['postgres', 'mysql', 'redis'])('the certificate of a %s server', (family) => {
  it.each<[Which, string]>([
    ['good', 'verified'],
    ['other name', 'tls-wrong-host'],
    ['expired', 'tls-out-of-date'],
    ['other authority', 'tls-untrusted'],
    ['no TLS', family === 'redis' ? 'tls-failed' : 'database-without-tls'],
  ])('that is of kind "%s": %s', async (which, verdict) => {
    expect(await check(family, which)).toBe(verdict);
  });

  it('names each alternative host', async () => {
    expect(await check(family, 'good', 'orders-db.example')).toBe('verified');
  });
});

describe('a server that does not answer', () => {
  let port = 0;
  beforeAll(async () => {
    const server = createTcpServer((socket) => socket.destroy());
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  });

  it('is called silent', async () => {
    const local = { host: '127.0.0.1', port };
    const ca = authority.certificate;
    await expect(
      checkTls({ family: 'postgres', host: HOST, port: 5432, local, ca }, systemClock),
    ).rejects.toMatchObject({ code: 'database-silent' });
  });

  it('is called silent where TLS begins with the first byte too', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.resetAndDestroy());
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const local = {
      host: '127.0.0.1',
      port: typeof address === 'object' && address !== null ? address.port : 0,
    };
    await expect(
      checkTls({ family: 'redis', host: HOST, port: 6379, local, ca: authority.certificate }, systemClock),
    ).rejects.toMatchObject({ code: 'database-silent' });
  });

  it('is not allowed to send an endless greeting', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(Buffer.from([0xff, 0xff, 0xff, 0]));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const local = {
      host: '127.0.0.1',
      port: typeof address === 'object' && address !== null ? address.port : 0,
    };
    await expect(
      checkTls({ family: 'mysql', host: HOST, port: 3306, local, ca: authority.certificate }, systemClock),
    ).rejects.toMatchObject({ code: 'database-silent' });
  });
});
