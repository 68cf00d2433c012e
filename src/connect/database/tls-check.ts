import { connect as connectSocket, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type Clock, withDeadline } from '../../core/clock.ts';
import { transport } from '../../core/errors.ts';
import { tlsFailure } from '../../core/tls-failures.ts';
import type { Family } from './engines.ts';

/**
 * Connects to a database through the local end of a forward as a client would, as far as TLS, and verifies that the
 * certificate is valid, is signed by one of `ca` and names the real host.
 */

const ANSWER_DEADLINE_MS = 30_000;

export interface TlsCheck {
  readonly family: Family;
  /** The name that the certificate must have. */
  readonly host: string;
  readonly port: number;
  readonly local: { readonly host: string; readonly port: number };
  /** PEM. */
  readonly ca: string;
}

/**
 * Resolves when the handshake has succeeded. Throws `tls-untrusted`, `tls-out-of-date`, `tls-wrong-host`, `tls-failed`;
 * `database-without-tls` if the server offers no TLS; `database-silent` if it closes the connection without an answer
 * or gives none in time.
 */
export async function checkTls(check: TlsCheck, clock: Clock): Promise<void> {
  const raw = connectSocket({ host: check.local.host, port: check.local.port });
  const closed = new Promise<never>((_, reject) => {
    const silent = (): void => reject(noAnswer(check, 'closed the connection without an answer'));
    raw.once('error', silent);
    raw.once('close', silent);
  });
  closed.catch(() => undefined);
  try {
    await withDeadline(
      clock,
      ANSWER_DEADLINE_MS,
      Promise.race([negotiate(raw, check).then(() => handshake(raw, check)), closed]),
      () => noAnswer(check, 'gave no answer'),
    );
  } finally {
    raw.destroy();
  }
}

const noAnswer = ({ host, port }: TlsCheck, what: string): Error =>
  transport('database-silent', `${host}:${port} ${what}`, { details: { host, port } });

function handshake(raw: Socket, check: TlsCheck): Promise<void> {
  const { host, ca } = check;
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls({ socket: raw, servername: host, ca, minVersion: 'TLSv1.2' }, () => {
      socket.end();
      resolve();
    });
    // What is no error of TLS is one of the connection, such as a reset.
    socket.once('error', (error) =>
      reject(tlsFailure(error, host) ?? noAnswer(check, `ended the connection (${error.message})`)),
    );
  });
}

/** Until the point where the TLS handshake begins; the engines differ in how a client asks for it. */
async function negotiate(raw: Socket, check: TlsCheck): Promise<void> {
  if (check.family === 'postgres') {
    raw.write(POSTGRES_SSL_REQUEST);
    const answer = await bytesOf(raw, 1);
    if (answer[0] !== 0x53) throw withoutTls(check);
  }
  if (check.family === 'mysql') {
    const header = await bytesOf(raw, 4);
    const length = header.readUIntLE(0, 3);
    if (length > MAX_GREETING_BYTES) throw noAnswer(check, 'sent no greeting of MySQL');
    const greeting = await bytesOf(raw, length);
    if (!offersTls(greeting)) throw withoutTls(check);
    raw.write(mysqlSslRequest());
  }
}

const withoutTls = ({ host, port }: TlsCheck): Error =>
  transport('database-without-tls', `${host}:${port} offers no TLS`, { details: { host, port } });

/** Length 8 and the code of SSLRequest (PostgreSQL, "Message Formats"). */
const POSTGRES_SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** CLIENT_PROTOCOL_41, CLIENT_SSL and CLIENT_SECURE_CONNECTION (MySQL, "Capabilities Flags"). */
const CLIENT_PROTOCOL_41 = 0x0200;
const CLIENT_SSL = 0x0800;
const CLIENT_SECURE_CONNECTION = 0x8000;
const UTF8MB4 = 45;
/** A greeting has about a hundred bytes. */
const MAX_GREETING_BYTES = 4096;

/**
 * The capabilities in the initial handshake of protocol 10: after the version, a zero byte, thread id, eight bytes of
 * the nonce and a filler.
 */
function offersTls(greeting: Buffer): boolean {
  const versionEnd = greeting.indexOf(0, 1);
  const at = versionEnd + 1 + 4 + 8 + 1;
  if (greeting[0] !== 10 || versionEnd === -1 || greeting.length < at + 2) return false;
  return (greeting.readUInt16LE(at) & CLIENT_SSL) !== 0;
}

function mysqlSslRequest(): Buffer {
  const packet = Buffer.alloc(36);
  packet.writeUIntLE(32, 0, 3);
  packet[3] = 1;
  packet.writeUInt32LE(CLIENT_PROTOCOL_41 | CLIENT_SSL | CLIENT_SECURE_CONNECTION, 4);
  packet.writeUInt32LE(0x0100_0000, 8);
  packet[12] = UTF8MB4;
  return packet;
}

/** Exactly that many bytes; what follows them stays in the socket. */
function bytesOf(socket: Socket, count: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const take = (): void => {
      const bytes = socket.read(count) as Buffer | null;
      if (bytes === null) {
        socket.once('readable', take);
        return;
      }
      resolve(bytes);
    };
    take();
  });
}
