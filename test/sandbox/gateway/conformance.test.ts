import { afterEach, expect, test } from 'vitest';
import { type Lab, startLab } from '../support/gateway-lab.ts';
import { RawClient } from '../support/raw-client.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { clientConfig } from '../support/client-config.ts';
import { DescribeTasksCommand, ECSClient, ListTasksCommand } from '@aws-sdk/client-ecs';
import { SSMClient, StartSessionCommand } from '@aws-sdk/client-ssm';

/** The items of the interoperability checklist that concern an emulator. */

const sandbox = testSandbox();
let lab: Lab | undefined;
afterEach(async () => {
  await lab?.close();
  lab = undefined;
});

test('conformance 4: the gateway answers the opening text frame only with start_publication or pause_publication', async () => {
  lab = await startLab();
  const client = await RawClient.open(
    lab.start({ type: 'Port', properties: { portNumber: '80', type: 'LocalPortForwarding' } }),
  );
  await client.event('opened');
  const types = client.frames.map((frame) =>
    frame
      .subarray(4, 36)
      .toString('latin1')
      .replace(/[\0 ]+$/, ''),
  );
  expect(types.filter((type) => !/^(start|pause)_publication$/.test(type))[0]).toBe('output_stream_data');
  client.close();
});

test('conformance 45: each session has a new id', async () => {
  const ecs = new ECSClient(clientConfig(sandbox().env));
  const ssm = new SSMClient(clientConfig(sandbox().env));
  const { taskArns } = await ecs.send(new ListTasksCommand({ cluster: 'demo', serviceName: 'orders-api' }));
  const task = taskArns?.[0] ?? '';
  const { tasks } = await ecs.send(new DescribeTasksCommand({ cluster: 'demo', tasks: [task] }));
  const Target = `ecs:demo_${task.split('/').at(-1)}_${tasks?.[0]?.containers?.[0]?.runtimeId}`;
  const ids = await Promise.all(
    Array.from({ length: 20 }, async () => (await ssm.send(new StartSessionCommand({ Target }))).SessionId),
  );
  expect(new Set(ids).size).toBe(20);
});

test('conformance 46: after HandshakeComplete of a mux session the agent sends nothing until the client opens the first stream', async () => {
  lab = await startLab();
  const client = await RawClient.open(
    lab.start({ type: 'Port', properties: { portNumber: '80', type: 'LocalPortForwarding' } }),
  );
  await client.event('opened');
  const before = client.frames.length;
  // A round trip through the same socket: every message that the agent sent before would arrive before the pong.
  for (let i = 0; i < 3; i++) await client.ping();
  expect(client.frames.length).toBe(before);
  client.close();
});
