import { describe, expect, it } from 'vitest';

import {
  inOrderOfUse,
  isUsedBy,
  type OfferedDatabase,
} from '../../../src/connect/database/database-choice.ts';
import type { Database } from '../../../src/connect/ports.ts';

const database = (id: string): Database =>
  ({
    id,
    endpoints: [{ role: 'instance', id: undefined, host: `${id}.abc.rds.amazonaws.com`, port: 5432 }],
    secretArn: `arn:aws:secretsmanager:eu-west-1:111122223333:secret:${id}-AbCdEf`,
  }) as unknown as Database;

const offered = (id: string, over: Partial<OfferedDatabase> = {}): OfferedDatabase => ({
  database: database(id),
  isUsed: false,
  reach: 'admitted',
  missing: undefined,
  ...over,
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
