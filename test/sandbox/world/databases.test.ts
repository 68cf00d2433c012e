import { connect } from 'node:net';
import { Client, type ClientConfig } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SeedDatabase } from '../../../src/sandbox/seed-shapes.ts';
import { createDatabases, type Databases } from '../../../src/sandbox/world/databases.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { until } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const seed = defaultSeed();
const orders = seed.databases.find((item) => item.id === 'orders-db')!;
const ordersOnly = { databases: [orders] };

let databases: Databases;
let port: number;
const clock = new FakeClock();
const clients: Client[] = [];

beforeAll(async () => {
  databases = createDatabases(ordersOnly, {
    clock,
    verifyToken: (database: SeedDatabase, token, username) =>
      database.id === 'orders-db' && username === 'orders_app' && token.endsWith('good'),
  });
  port = await databases.port('orders-db');
  await databases.warmUp('orders-db');
}, 120_000);
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end().catch(() => undefined);
});
afterAll(() => databases.close());

async function client(options: Partial<ClientConfig> = {}): Promise<Client> {
  const created = new Client({
    host: '127.0.0.1',
    port,
    user: 'orders',
    database: 'orders',
    password: orders.masterPassword,
    ...options,
  });
  created.on('error', () => undefined);
  await created.connect();
  clients.push(created);
  return created;
}

describe('the database of the sandbox', () => {
  it('is PostgreSQL with the tables of the seed, owned by its master user', async () => {
    const { rows } = await (
      await client()
    ).query(
      `SELECT current_user, current_database(), (SELECT count(*)::int FROM orders) AS orders,
              split_part(version(), ' ', 1) AS engine`,
    );
    expect(rows).toEqual([
      { current_user: 'orders', current_database: 'orders', orders: 420, engine: 'PostgreSQL' },
    ]);
  });

  it('serves several clients at the same time, each inside its own batch', async () => {
    const all = await Promise.all(Array.from({ length: 12 }, () => client()));
    const answers = await Promise.all(
      all.flatMap((one, i) =>
        Array.from({ length: 5 }, async (_, j) => {
          const { rows } = await one.query({
            name: 'same-name-everywhere',
            text: 'SELECT $1::int AS who, count(*)::int AS n FROM orders WHERE id <= $2',
            values: [i, j * 10],
          });
          return rows[0] as { who: number; n: number };
        }),
      ),
    );
    expect(answers).toEqual(
      Array.from({ length: 60 }, (_, k) => ({ who: Math.floor(k / 5), n: (k % 5) * 10 })),
    );
  });

  it('reserves the engine for a client that is inside a transaction', async () => {
    const [a, b] = [await client(), await client()];
    await a.query('BEGIN');
    await a.query("INSERT INTO customers VALUES (90, 'T', 't@example.com', 'X', now())");
    const order: string[] = [];
    const other = b.query('SELECT count(*)::int AS n FROM customers').then(({ rows }) => {
      order.push('b');
      return rows[0] as unknown;
    });
    await a.query('SELECT 1');
    await a.query('ROLLBACK').then(() => order.push('a'));
    expect(await other).toEqual({ n: 5 });
    expect(order).toEqual(['a', 'b']);
  });

  it('rolls back the open transaction of a client that disconnects', async () => {
    const [a, b] = [await client(), await client()];
    await a.query('BEGIN');
    await a.query('DELETE FROM orders WHERE id > 10');
    await a.end();
    expect((await b.query('SELECT count(*)::int AS n FROM orders')).rows).toEqual([{ n: 420 }]);
  });

  it('ends a transaction that is idle while others wait', async () => {
    const [a, b] = [await client(), await client()];
    const ended = new Promise<Error>((resolve) => a.once('error', resolve));
    await a.query('BEGIN');
    const other = b.query('SELECT 1 AS one');
    await until(() => clock.pendingTimers > 0);
    await clock.advance(30_000);
    expect((await other).rows).toEqual([{ one: 1 }]);
    expect(await ended).toMatchObject({ code: '25P03' });
  });

  it('continues after an error inside a transaction', async () => {
    const a = await client();
    await a.query('BEGIN');
    await expect(a.query('SELECT 1 / 0')).rejects.toMatchObject({ code: '22012' });
    await expect(a.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await a.query('ROLLBACK');
    expect((await a.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('copies in and out', async () => {
    const wire = await RawClient.login(port, orders.masterPassword ?? '');
    wire.query('CREATE TABLE copied (a int, b text)');
    await wire.until('Z');
    wire.query('COPY copied FROM STDIN');
    await wire.until('G');
    wire.send('d', '1\tone\n');
    wire.send('d', '2\ttwo\n');
    wire.send('c', '');
    expect(await wire.until('Z')).toContain('COPY 2');
    wire.query('COPY copied TO STDOUT');
    expect(await wire.until('Z')).toContain('2\ttwo');
    wire.query('COPY nosuch FROM STDIN');
    await wire.until('G');
    wire.send('c', '');
    expect(await wire.until('Z')).toContain('42P01');
    wire.query('DROP TABLE copied');
    await wire.until('Z');
    wire.close();
  });
});

describe('session state of a client', () => {
  it('is discarded when the last client disconnects: settings, prepared statements, temporary tables', async () => {
    const a = await client();
    await a.query("SET statement_timeout = '7s'");
    await a.query('CREATE TEMP TABLE mine (n int)');
    await a.end();
    const b = await client();
    expect((await b.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '0' }]);
    await expect(b.query('SELECT * FROM mine')).rejects.toMatchObject({ code: '42P01' });
    expect((await b.query('SELECT count(*)::int AS n FROM pg_prepared_statements')).rows).toEqual([{ n: 0 }]);
  });

  it('is discarded for its prepared statements while other clients stay connected', async () => {
    const [a, b] = [await client(), await client()];
    await a.query({ name: 'kept', text: 'SELECT 1' });
    await b.query({ name: 'left', text: 'SELECT 2' });
    await b.end();
    const { rows } = await a.query('SELECT name FROM pg_prepared_statements');
    expect(rows.map((row: { name: string }) => row.name.replace(/^s\d+_/, ''))).toEqual(['kept']);
  });
});

describe('login', () => {
  it.each([
    ['a wrong password', { password: 'wrong' }, '28P01'],
    ['another user', { user: 'postgres' }, '28P01'],
    ['another database', { database: 'billing' }, '3D000'],
    ['a bad IAM token', { user: 'orders_app', password: 'orders-db:5432/?Action=connect&bad' }, '28000'],
    ['a password of a user that has only tokens', { user: 'orders_app' }, '28000'],
    ['a token of a user that has a password', { password: 'orders-db:5432/?Action=connect&good' }, '28P01'],
  ])('refuses %s', async (_, options, code) => {
    await expect(client(options)).rejects.toMatchObject({ code });
  });

  it('accepts an IAM token that the account confirms', async () => {
    const one = await client({ user: 'orders_app', password: 'orders-db:5432/?Action=connect&good' });
    expect((await one.query('SELECT count(*)::int AS n FROM orders')).rows).toEqual([{ n: 420 }]);
  });

  it('rejects clients beyond the connection limit', async () => {
    const tight = createDatabases(ordersOnly, { maxConnections: 1 });
    const raw = connect(await tight.port('orders-db'), '127.0.0.1');
    const second = connect(await tight.port('orders-db'), '127.0.0.1');
    const text = await new Promise<string>((resolve) =>
      second.once('data', (data) => resolve(data.toString())),
    );
    expect(text).toContain('53300');
    raw.destroy();
    second.destroy();
    await tight.close();
  });

  it.each([
    ['a startup packet over the limit', Buffer.from([0x7f, 0, 0, 0, 0, 3, 0, 0]), '08P01'],
    ['an unknown protocol', Buffer.from([0, 0, 0, 8, 0, 9, 0, 0]), '0A000'],
  ])('ends a connection with %s', async (_, bytes, code) => {
    const socket = connect(port, '127.0.0.1');
    socket.write(bytes);
    const text = await new Promise<string>((resolve) =>
      socket.once('data', (data) => resolve(data.toString())),
    );
    expect(text).toContain(code);
    socket.destroy();
  });

  it('ends a session whose message is longer than the limit', async () => {
    const wire = await RawClient.login(port, orders.masterPassword ?? '');
    wire.raw(Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff]));
    expect(await wire.until('E')).toContain('08P01');
  });
});

describe('an engine that does not respond', () => {
  it('is replaced by a new one after the statement timeout', async () => {
    const own = new FakeClock();
    const small = createDatabases(
      { databases: [{ ...orders, sql: 'CREATE TABLE t (n int); INSERT INTO t VALUES (1)' }] },
      { clock: own, statementTimeoutMs: 1000 },
    );
    const address = await small.port('orders-db');
    const config = {
      host: '127.0.0.1',
      port: address,
      user: 'orders',
      database: 'orders',
      password: orders.masterPassword,
    };
    const a = new Client(config);
    a.on('error', () => undefined);
    await a.connect();
    await a.query('INSERT INTO t VALUES (2)');
    const stuck = a.query('SELECT pg_sleep(3600)').catch((error: unknown) => error);
    await until(() => own.pendingTimers > 0);
    await own.advance(1000);
    expect(await stuck).toMatchObject({ code: '57P02' });
    const b = new Client(config);
    await b.connect();
    expect((await b.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 1 }]);
    await b.end();
    await small.close();
  }, 120_000);
});

/** A client that speaks the protocol directly, for messages that `pg` would hide. */
class RawClient {
  #text = '';
  #types = '';
  #buffer = Buffer.alloc(0);
  #wake: () => void = () => undefined;
  readonly #socket;
  constructor(at: number) {
    this.#socket = connect(at, '127.0.0.1');
    this.#socket.on('data', (data) => {
      this.#buffer = Buffer.concat([this.#buffer, data]);
      while (this.#buffer.length >= 5 && this.#buffer.length > this.#buffer.readInt32BE(1)) {
        const length = this.#buffer.readInt32BE(1) + 1;
        this.#types += String.fromCharCode(this.#buffer[0]!);
        this.#text += this.#buffer.toString('latin1', 5, length);
        this.#buffer = this.#buffer.subarray(length);
      }
      this.#wake();
    });
    this.#socket.on('error', () => undefined);
  }
  static async login(at: number, password: string): Promise<RawClient> {
    const one = new RawClient(at);
    const body = Buffer.from('user\0orders\0database\0orders\0\0');
    const head = Buffer.alloc(8);
    head.writeInt32BE(body.length + 8, 0);
    head.writeInt32BE(196608, 4);
    one.raw(Buffer.concat([head, body]));
    await one.until('R');
    one.send('p', `${password}\0`);
    await one.until('Z');
    return one;
  }
  raw(bytes: Buffer): void {
    this.#socket.write(bytes);
  }
  send(type: string, body: string): void {
    const bytes = Buffer.alloc(5 + Buffer.byteLength(body));
    bytes.write(type);
    bytes.writeInt32BE(bytes.length - 1, 1);
    bytes.write(body, 5);
    this.raw(bytes);
  }
  query(sql: string): void {
    this.send('Q', `${sql}\0`);
  }
  /** Waits for a message of this type and returns the text of all messages since the last wait. */
  async until(type: string): Promise<string> {
    while (!this.#types.includes(type)) await new Promise<void>((resolve) => (this.#wake = resolve));
    const text = this.#text;
    this.#types = '';
    this.#text = '';
    return text;
  }
  close(): void {
    this.#socket.destroy();
  }
}
