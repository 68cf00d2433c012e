import { describe, expect, it } from 'vitest';

import {
  DERIVED_PORTS,
  derivedPort,
  identityOf,
  sharesPort,
} from '../../../src/connect/database/local-port.ts';
import type { Database } from '../../../src/connect/ports.ts';

const database = (id: string, region = 'eu-west-1', account = '111122223333'): Database => ({
  id,
  arn: `arn:aws:rds:${region}:${account}:db:${id}`,
  service: 'rds',
  kind: 'cluster',
  engine: 'aurora-postgresql',
  status: 'available',
  endpoints: [
    { role: 'writer', id: undefined, host: `${id}.example`, port: 5432 },
    { role: 'reader', id: undefined, host: `${id}.ro.example`, port: 5432 },
    { role: 'custom', id: `${id}-reports`, host: `${id}.custom.example`, port: 5432 },
  ],
  databaseName: undefined,
  masterUsername: undefined,
  vpcId: undefined,
  securityGroups: [],
  iamAuthentication: false,
  publiclyAccessible: false,
  ipv6: false,
  tls: 'offered',
  resourceId: undefined,
  secretArn: undefined,
  isSharded: false,
});
const port = (each: Database, at = 0): number => {
  const endpoint = each.endpoints[at];
  if (endpoint === undefined) throw new Error('no endpoint');
  return derivedPort(identityOf(each, endpoint));
};

describe('the local port of a database', () => {
  // A saved connection of another program names these ports: changing the derivation breaks it.
  it('never changes between versions', () => {
    expect(port(database('orders-db'))).toBe(KNOWN);
  });

  it('differs between accounts, regions, ids and endpoints', () => {
    const ports = [
      port(database('orders-db')),
      port(database('orders-db', 'us-east-1')),
      port(database('orders-db', 'eu-west-1', '444455556666')),
      port(database('billing-db')),
      port(database('orders-db'), 1),
      port(database('orders-db'), 2),
    ];
    expect(new Set(ports).size).toBe(ports.length);
  });

  it('lies in the range below the ports of outgoing connections', () => {
    for (let n = 0; n < 2000; n++) {
      const value = derivedPort(`arn:${n}`);
      expect(value).toBeGreaterThanOrEqual(DERIVED_PORTS.first);
      expect(value).toBeLessThanOrEqual(DERIVED_PORTS.last);
    }
  });

  it('that another database of the account has too is found', () => {
    const orders = database('orders-db');
    const [endpoint] = orders.endpoints;
    if (endpoint === undefined) throw new Error('no endpoint');
    const wanted = port(orders);
    let n = 0;
    while (port(database(`other-${n}`)) !== wanted) n++;
    const twin = database(`other-${n}`);
    expect(sharesPort(orders, endpoint, [orders, database('billing-db')])).toBeUndefined();
    expect(sharesPort(orders, endpoint, [orders, twin])?.database.id).toBe(twin.id);
  });
});

const KNOWN = 23_400;
