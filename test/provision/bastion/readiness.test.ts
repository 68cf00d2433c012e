import { describe, expect, it } from 'vitest';

import type { ToolEvent } from '../../../src/core/events.ts';
import type { Instance } from '../../../src/provision/ports/ec2.ts';
import type { Node } from '../../../src/provision/ports/nodes.ts';
import { bootDiagnosis } from '../../../src/diagnose/bastion/boot.ts';
import { type ReadinessOptions, waitUntilReady } from '../../../src/provision/bastion/readiness.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeAccount } from '../fake-account.ts';
import { NOW, sampleInstance } from '../sample-spec.ts';

const instance = (id: string, change: Partial<Instance> = {}): Instance => sampleInstance({ id, ...change });
const online = (instanceId: string): Node => ({
  instanceId,
  pingStatus: 'Online',
  agentVersion: '3.3.0.0',
  lastPingAt: NOW,
});

interface Scene {
  readonly instances: readonly Instance[];
  /** The managed nodes that exist after that many seconds. */
  readonly nodes: (seconds: number) => readonly Node[];
  readonly console?: (seconds: number) => string;
  readonly options?: Partial<ReadinessOptions>;
}

async function wait(scene: Scene) {
  const clock = new FakeClock(NOW);
  const account = new FakeAccount();
  const events: ToolEvent[] = [];
  for (const each of scene.instances) account.instanceMap.set(each.id, { ...each });
  const seconds = (): number => (clock.now() - NOW) / 1000;
  const ec2 = {
    ...account.ec2,
    consoleOutput: () => Promise.resolve((scene.console ?? (() => 'fargate-connect: ready\r\n'))(seconds())),
  };
  const work = waitUntilReady(
    {
      name: 'default',
      instanceId: scene.instances[0]?.id ?? '',
      installs: true,
      networkReason: 'private, through a NAT gateway',
      ...scene.options,
    },
    {
      ec2,
      nodes: { nodes: () => Promise.resolve(scene.nodes(seconds())) },
      diagnosis: bootDiagnosis,
      clock,
      report: (event) => events.push(event),
      signal: new AbortController().signal,
    },
  );
  const result = await clock.run(work).catch((error: unknown) => error);
  return { result, seconds: seconds(), events, account };
}

describe('waiting for a bastion', () => {
  it('ends when the agent is online and the boot script is done', async () => {
    const { result, seconds } = await wait({
      instances: [instance('i-1')],
      nodes: (at) => (at >= 20 ? [online('i-1')] : []),
      console: (at) => (at >= 25 ? 'fargate-connect: ready\r\n' : 'fargate-connect: installing\r\n'),
    });
    expect(result).toMatchObject({ id: 'i-1' });
    expect(seconds).toBe(25);
  });

  it('stops at once when the boot script failed', async () => {
    const { result, seconds } = await wait({
      instances: [instance('i-1')],
      nodes: () => [],
      console: (at) =>
        at >= 5
          ? 'fargate-connect: FAILED download of https://x failed: is S3 reachable from this subnet?\r\n'
          : '',
    });
    expect(result).toMatchObject({
      code: 'boot-failed',
      details: { reason: expect.stringContaining('is S3 reachable from this subnet?') as string },
    });
    expect(seconds).toBe(5);
  });

  const refused = (user: string, action: string): string =>
    `fargate-connect: FAILED agent refused: ${user}not authorized to perform: ${action}\r\n`;

  it.each([
    [
      'with the message of AWS',
      refused('User: arn:aws:sts::1:assumed-role/ops/i-1 is ', 'ssm:UpdateInstanceInformation'),
      'ops may not call ssm:UpdateInstanceInformation',
    ],
    [
      'with our message',
      refused('', 'ssmmessages:OpenControlChannel'),
      'given may not call ssmmessages:OpenControlChannel',
    ],
  ])('an agent that IAM refused is a permission error, %s', async (_, console, message) => {
    const { result } = await wait({
      instances: [instance('i-1')],
      nodes: () => [],
      console: () => console,
      options: { role: 'given' },
    });
    expect(result).toMatchObject({
      code: 'agent-denied',
      exitStatus: 4,
      message: expect.stringContaining(message) as string,
      details: { agent: 'bastion' },
    });
  });

  it('a role that EC2 may not assume is reported as an error of its trust policy', async () => {
    const { result } = await wait({
      instances: [instance('i-1')],
      nodes: () => [],
      console: () => 'fargate-connect: FAILED agent refused: EC2 cannot assume the role ops\r\n',
    });
    expect(result).toMatchObject({
      code: 'role-untrusted',
      exitStatus: 4,
      message: expect.stringContaining('sts:AssumeRole for role ops') as string,
      details: { role: 'ops', of: 'launched' },
    });
  });

  it('an agent that is online without a control channel is detected, for tunnels too', async () => {
    const { result } = await wait({
      instances: [instance('i-1')],
      nodes: () => [online('i-1')],
      console: (at) => (at >= 20 ? refused('', 'ssmmessages:CreateControlChannel') : ''),
      options: { installs: false, boots: true },
    });
    expect(result).toMatchObject({
      code: 'agent-denied',
      details: { agent: 'bastion-tunnel-only' },
    });
  });

  it('stops after five minutes and reports what is known', async () => {
    const { result, seconds } = await wait({
      instances: [instance('i-1')],
      nodes: () => [],
      console: () => 'fargate-connect: installing session-manager-plugin\r\n',
    });
    expect(result).toMatchObject({
      code: 'agent-not-online',
      details: { bootDone: false, bootLine: 'installing session-manager-plugin' },
    });
    expect(seconds).toBeLessThanOrEqual(300);
  });

  it('keeps the reason of EC2 for an instance that ended for another cause', async () => {
    const stateReason = 'Client.InternalError';
    const stateMessage = 'Client.InternalError: Client error on launch';
    const { result } = await wait({
      instances: [instance('i-1', { state: 'terminated', stateReason, stateMessage })],
      nodes: () => [],
    });
    expect(result).toMatchObject({
      code: 'instance-ended',
      message: 'instance i-1 is terminated: Client.InternalError: Client error on launch',
      details: { reason: stateReason, message: stateMessage },
    });
  });

  it('reports that EC2 reclaimed the spot instance', async () => {
    const { result } = await wait({
      instances: [instance('i-1', { state: 'terminated', stateReason: 'Server.SpotInstanceTermination' })],
      nodes: () => [],
    });
    expect(result).toMatchObject({
      code: 'instance-ended',
      message: expect.stringContaining('interrupted the spot instance') as unknown,
    });
  });

  it('keeps the older of two instances and terminates the other', async () => {
    const { result, account, events } = await wait({
      instances: [instance('i-2', { launchedAt: NOW + 50 }), instance('i-1')],
      nodes: () => [online('i-1')],
    });
    expect(result).toMatchObject({ id: 'i-1' });
    expect(account.instanceMap.get('i-2')?.state).toBe('terminated');
    expect(events).toContainEqual(expect.objectContaining({ code: 'second-bastion-ended' }));
  });

  it('accepts an agent although the console stays empty, and reports that', async () => {
    const { result, events, seconds } = await wait({
      instances: [instance('i-1')],
      nodes: () => [online('i-1')],
      console: () => '',
    });
    expect(result).toMatchObject({ id: 'i-1' });
    expect(seconds).toBeLessThanOrEqual(91);
    expect(events).toContainEqual(expect.objectContaining({ code: 'boot-unknown', level: 'warning' }));
  });

  it.each([
    ['is reported, however long it takes', 'fargate-connect: FAILED no time left for: download x\r\n', 200],
    ['is not treated as finished', '', 300],
  ])('a boot script that fails long after the agent came online %s', async (_, late, at) => {
    const { result, seconds } = await wait({
      instances: [instance('i-1')],
      nodes: () => [online('i-1')],
      console: (now) => `fargate-connect: installing session-manager-plugin\r\n${now >= 200 ? late : ''}`,
    });
    expect(result).toMatchObject({
      code: 'boot-failed',
      message: expect.stringMatching(/no time left for: download|its last line is: installing/) as string,
    });
    expect(seconds).toBe(at);
  });

  it('does not read the console of a bastion that installs nothing', async () => {
    const { result, seconds } = await wait({
      instances: [instance('i-1')],
      nodes: () => [online('i-1')],
      console: () => '',
      options: { installs: false },
    });
    expect(result).toMatchObject({ id: 'i-1' });
    expect(seconds).toBe(0);
  });
});
