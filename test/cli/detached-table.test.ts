import { expect, it } from 'vitest';
import type { ForwardState } from '../../src/app/supervisor/control-messages.ts';
import { detachedTable } from '../../src/cli/render/detached-forwards.ts';

const HOST = 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';
const FORWARD: ForwardState = {
  name: 'orders',
  identity: 'x',
  state: 'interrupted',
  pid: 1,
  since: 0,
  listeners: [
    {
      local: { host: '127.0.0.1', port: 15_432 },
      remote: { host: HOST, port: 5_432 },
      via: 'bastion',
      target: 'i-1',
      open: 0,
      sent: 0,
      received: 0,
    },
  ],
  reason: 'the bastion i-0123456789abcdef0 was interrupted by EC2, and no replacement could be launched yet',
  exitStatus: undefined,
  log: '/log',
};

it('cuts neither host nor reason at 80 columns', () => {
  const lines = detachedTable([FORWARD], { color: false, width: 80 }).trimEnd().split('\n');
  expect(lines.every((line) => line.length <= 80)).toBe(true);
  const text = lines.map((line) => line.trim()).join(' ');
  expect(text).toContain(`127.0.0.1:15432 → ${HOST}:5432`);
  expect(text).toContain(`orders: ${FORWARD.reason}`);
});

it('is one table where there is room, or no terminal', () => {
  const table = detachedTable([FORWARD], { color: false });
  expect(table.trimEnd().split('\n')).toHaveLength(2);
  expect(detachedTable([FORWARD], { color: false, width: 300 })).toBe(table);
});
