import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, it } from 'vitest';
import type { NetworkPolicy } from '../../../src/sandbox/contracts.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { createWorld } from '../../../src/sandbox/world/world.ts';

const seed = defaultSeed();

it('removes the files of a killed sandbox, and no others', async () => {
  const dead = spawn('true');
  await once(dead, 'exit');
  const abandoned = join(tmpdir(), `fargate-connect-instance-${dead.pid}-test01`);
  const live = join(tmpdir(), `fargate-connect-instance-${process.pid}-test02`);
  for (const directory of [abandoned, live]) mkdirSync(directory);
  const world = createWorld({ seed, policy: { allows: () => true }, hostPath: '' });
  await world.close();
  expect(existsSync(abandoned)).toBe(false);
  expect(existsSync(live)).toBe(true);
  rmSync(live, { recursive: true });
});

it("lets a bastion reach a database only as the database's security group allows", async () => {
  // Only the VPC's own group of the orders database admits every client.
  const policy: NetworkPolicy = {
    allows: (_, to, port) => port === 5432 && to.securityGroupIds.includes('sg-0a0000000000db001'),
  };
  const world = createWorld({ seed, policy, hostPath: '', blockedTimeoutMs: 10 });
  try {
    const from = { privateIp: '10.0.1.200', securityGroupIds: [] };
    const [orders, billing] = seed.databases;
    await expect(world.network.connect(billing!.host, 5432, from)).rejects.toMatchObject({
      kind: 'timed-out',
    });
    const socket = await world.network.connect(orders!.host, 5432, from);
    const client = new Client({
      user: 'orders',
      database: 'orders',
      password: orders!.masterPassword,
      // The client calls connect on its stream; this stream is already connected.
      stream: () => Object.assign(socket, { connect: () => queueMicrotask(() => socket.emit('connect')) }),
    });
    await client.connect();
    const { rows } = await client.query("SELECT count(*)::int AS stuck FROM orders WHERE status = 'stuck'");
    expect(rows).toEqual([{ stuck: 60 }]);
    await client.end();
  } finally {
    await world.close();
  }
});
