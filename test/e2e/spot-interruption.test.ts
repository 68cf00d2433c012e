import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import type pg from 'pg';
import { afterEach, expect, it } from 'vitest';

import { cli, CliProcess } from '../support/cli-process.ts';
import { ordersDatabase } from '../support/orders-database.ts';
import { sandboxClients } from '../support/sandbox-clients.ts';
import { testSandbox } from '../support/test-sandbox.ts';

/**
 * Runs the whole tool in processes of its own, in real time: a spot interruption notice, a replacement before the
 * instance ends, and the same local port. The test ends the instance when it has seen both, because a notice of fixed
 * length would be too short on a busy machine.
 */

const sandbox = testSandbox({ timing: { spotNoticeMs: 3_600_000 } });
const HOST = 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';
let forward: CliProcess | undefined;

afterEach(async () => {
  forward?.kill('SIGKILL');
  await forward?.finished;
});

interface Said {
  readonly type: string;
  readonly code?: string;
  readonly message: string;
  readonly details: { readonly instanceId: string; readonly replaces: string };
}

it('a forward survives the interruption of its spot instance', async () => {
  const env = sandbox().env;
  const before = sandbox().snapshot();
  const up = await cli(['up', '--cluster', 'demo', '--db', 'orders-db', '--yes', '--json'], { env });
  expect([up.status, up.stderr]).toEqual([0, up.stderr]);
  const { instanceId } = JSON.parse(up.stdout) as { instanceId: string };

  forward = new CliProcess(['forward', '-L', `0:${HOST}:5432`, '--via', 'bastion', '--json'], { env });
  const [line] = await forward.until('stdout', /\{.*"forward-ready".*\}\n/);
  const { port } = (JSON.parse(line) as { local: { port: number } }).local;
  const open = await ordersDatabase(port);
  const answer = async (client: pg.Client): Promise<unknown> =>
    (await client.query('SELECT count(*)::int AS orders FROM orders')).rows[0] as unknown;
  const reset = new Promise((resolve) => open.once('end', resolve));

  expect(sandbox().faults.interruptSpotInstance(instanceId)).toBe(true);
  await forward.until('stderr', /EC2 interrupts bastion i-\w+ within two minutes: a replacement is launched/);
  const [note] = await forward.until('stderr', /\{[^\n]*"bastion-replaced"[^\n]*\}/);
  const { details } = JSON.parse(note) as Said;
  expect(details.replaces).toBe(instanceId);
  expect(details.instanceId).not.toBe(instanceId);
  await forward.until('stderr', /"replaced"/);
  // During the notice, new connections use the replacement, and open ones continue until the old instance ends.
  const next = await ordersDatabase(port);
  expect(await Promise.all([answer(open), answer(next)])).toEqual([{ orders: 420 }, { orders: 420 }]);
  await sandboxClients(env).ec2.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }));
  await reset;
  expect(await answer(next)).toEqual({ orders: 420 });
  await next.end();
  forward.kill('SIGINT');
  expect(await forward.finished).toMatchObject({ status: 0 });

  expect(await cli(['down', '--yes'], { env })).toMatchObject({ status: 0 });
  expect(sandbox().snapshot()).toBe(before);
});
