import pg from 'pg';

/** A connection to orders-db at the local end of a forward. A reset of the connection causes no uncaught error. */
export async function ordersDatabase(port: number): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'orders',
    password: 'orders-sandbox-only',
    database: 'orders',
    connectionTimeoutMillis: 110_000,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
