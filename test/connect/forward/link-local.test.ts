import { describe, expect, test } from 'vitest';

import { isLinkLocal, type LookUp, refuseLinkLocal } from '../../../src/connect/forward/link-local.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('isLinkLocal', () => {
  test.each([
    '169.254.170.2',
    '169.254.169.254',
    '169.254.170.2.',
    '169.254.43522',
    '0xa9.0xfe.0xaa.2',
    '0251.0376.0252.02',
    '0xa9feaa02',
    '2852039166',
    'fe80::1',
    'fd00:ec2::254',
    'FD00:0EC2:0:0:0:0:0:17',
    '::ffff:169.254.170.2',
    '::ffff:a9fe:aa02',
    '0:0:0:0:0:ffff:a9fe:a9fe',
    '::169.254.170.2',
    '64:ff9b::a9fe:aa02',
  ])('%s', (host) => expect(isLinkLocal(host)).toBe(true));

  test.each([
    '169.253.255.255',
    '169.255.0.0',
    '10.0.1.21',
    '::1',
    'fd00:ec3::1',
    'fec0::1',
    '::ffff:10.0.0.1',
    '169.254.170.2.example.com',
    'db.internal',
    'a_b',
    '-',
    '',
  ])('not %s', (host) => expect(isLinkLocal(host)).toBe(false));
});

describe('refuseLinkLocal', () => {
  const asked: string[] = [];
  const lookUp: LookUp = (name) => {
    asked.push(name);
    return name === 'none.example.com'
      ? Promise.reject(new Error('ENOTFOUND'))
      : Promise.resolve(name === 'evil.example.com' ? ['93.184.216.34', '169.254.170.2'] : ['10.0.0.1']);
  };
  const check = (host: string): Promise<void> => refuseLinkLocal(host, { clock: new FakeClock(), lookUp });

  test('an address', async () => {
    await expect(check('0xa9feaa02')).rejects.toMatchObject({
      code: 'link-local-refused',
      details: { host: '0xa9feaa02', address: undefined },
    });
  });

  test('a name of which one address is link-local', async () => {
    await expect(check('evil.example.com')).rejects.toMatchObject({
      code: 'link-local-refused',
      message: expect.stringContaining('evil.example.com is 169.254.170.2, which is a link-local address'),
    });
  });

  test('other names pass, also those that the local resolver does not know', async () => {
    await check('app.example.com');
    await check('none.example.com');
    expect(asked).toContain('none.example.com');
  });

  test('names of AWS and of the VPC are not sent to the local resolver', async () => {
    asked.length = 0;
    for (const host of [
      'orders.abc.eu-west-1.rds.amazonaws.com',
      'db.internal.',
      'api.local',
      'orders',
      '::1',
    ])
      await check(host);
    expect(asked).toEqual([]);
  });

  test('a resolver that does not answer delays a request by a second', async () => {
    const clock = new FakeClock();
    let isDone = false;
    const checked = refuseLinkLocal('slow.example.com', {
      clock,
      lookUp: () => new Promise(() => undefined),
    }).then(() => (isDone = true));
    await clock.advance(999);
    expect(isDone).toBe(false);
    await clock.advance(1);
    await checked;
  });
});
