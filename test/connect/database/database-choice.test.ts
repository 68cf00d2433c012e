import { describe, expect, it } from 'vitest';

import {
  inOrderOfUse,
  isUsedBy,
  type OfferedDatabase,
} from '../../../src/connect/database/database-choice.ts';
import { databaseEntries } from '../../../src/connect/target/picker.ts';
import type { Database } from '../../../src/connect/ports.ts';

const database = (id: string): Database =>
  ({
    id,
    engine: 'postgres',
    status: 'available',
    endpoints: [{ role: 'instance', id: undefined, host: `${id}.abc.rds.amazonaws.com`, port: 5432 }],
    secretArn: `arn:aws:secretsmanager:eu-west-1:111122223333:secret:${id}-AbCdEf`,
  }) as unknown as Database;

const offered = (id: string, over: Partial<OfferedDatabase> = {}): OfferedDatabase => ({
  database: database(id),
  isUsed: false,
  reach: 'admitted',
  from: 'orders-api',
  missing: undefined,
  ...over,
});

it('shows why a database cannot be chosen', () => {
  const creating = offered('creating');
  const entries = databaseEntries([
    offered('used', { isUsed: true }),
    offered('refused', { reach: 'refused', missing: 'no rule for port 5432 from sg-1' }),
    { ...creating, database: { ...creating.database, status: 'creating', endpoints: [] } },
  ]);
  expect(entries.map(({ name, description, disabled }) => [name, description, disabled])).toEqual([
    ['used', 'postgres, available, used by the service', undefined],
    ['refused', 'postgres, available', 'no rule for port 5432 from sg-1'],
    ['creating', 'postgres, creating', 'creating, no endpoint yet'],
  ]);
});

it('offers what the service uses first, what it reaches next, what it does not reach last', () => {
  const order = inOrderOfUse([
    offered('refused', { reach: 'refused', isUsed: true }),
    offered('unknown', { reach: 'unknown' }),
    offered('b-reached'),
    offered('a-reached'),
    offered('used', { isUsed: true, reach: 'unknown' }),
  ]);
  expect(order.map((each) => each.database.id)).toEqual([
    'used',
    'a-reached',
    'b-reached',
    'unknown',
    'refused',
  ]);
});

describe('isUsedBy', () => {
  it.each([
    ['the host in a URL', 'postgresql://u:p@orders.abc.rds.amazonaws.com:5432/orders', true],
    ['the host alone', 'orders.abc.rds.amazonaws.com', true],
    ['another host that ends alike', 'postgresql://u@my-orders.abc.rds.amazonaws.com/x', false],
    ['another host that begins alike', 'orders.abc.rds.amazonaws.com.example', false],
    ['its secret', 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:orders-AbCdEf:password::', true],
    ['another secret', 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:billing-AbCdEf', false],
  ])('%s', (_, text, used) => {
    expect(isUsedBy(database('orders'), ['production', text])).toBe(used);
  });
});
