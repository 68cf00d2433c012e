import { describe, expect, test } from 'vitest';

import { openAwsAccount } from '../../../src/aws/open-account.ts';
import { ChannelDriver } from '../../../src/connect/channel/channel-driver.ts';
import { collect } from '../../../src/connect/target/discover.ts';
import { createOpenSocket } from '../../../src/connect/channel/message-socket.ts';
import {
  containerTarget,
  documentRequest,
  forwardRequest,
} from '../../../src/connect/session/session-documents.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { ToolError } from '../../../src/core/errors.ts';
import { DIRECT } from '../../support/direct-agents.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** Tests the adapters of connect/ports.ts through the real SDK against the sandbox. */

const sandbox = testSandbox();
const settings = () => ({ profile: undefined, region: undefined, endpointUrl: sandbox().endpoint });
const open = (env: Readonly<Record<string, string>> = sandbox().env) => openAwsAccount(settings(), env);
const thrown = async (work: Promise<unknown>): Promise<ToolError> =>
  work.then(
    () => expect.fail('it should have failed'),
    (error: unknown) => error as ToolError,
  );

const SERVICE = 'orders-api';

async function ordersTask() {
  const ecs = await (await open()).ecs();
  const [first] = await collect(ecs.taskArns('demo', { service: SERVICE, desiredStatus: 'RUNNING' }));
  const [task] = await ecs.describeTasks('demo', [first ?? '']);
  if (task === undefined) return expect.fail('the seed has a running task');
  return { ecs, task };
}

describe('EcsPort', () => {
  test('clusters, services and tasks are mapped with every field', async () => {
    const { ecs, task } = await ordersTask();
    expect(await collect(ecs.clusterNames())).toContain('demo');
    const [demo] = await ecs.describeClusters(['demo']);
    expect(demo).toMatchObject({ name: 'demo', status: 'ACTIVE' });
    expect(demo?.runningTasks).toBeGreaterThan(0);
    const names = await collect(ecs.serviceNames('demo'));
    expect(names).toContain(SERVICE);
    const [service] = await ecs.describeServices('demo', [SERVICE]);
    expect(service).toMatchObject({ name: SERVICE, execEnabled: true, publicIp: false });
    expect(service?.subnets.length).toBeGreaterThan(0);
    expect(task).toMatchObject({
      serviceName: SERVICE,
      lastStatus: 'RUNNING',
      execEnabled: true,
      clusterArn: demo?.arn,
      privateIp: expect.stringMatching(/^10\./) as string,
      subnetId: expect.stringMatching(/^subnet-/) as string,
    });
    expect(task.containers.map((each) => each.name)).toContain('app');
    expect(task.containers[0]).toMatchObject({ execAgent: { status: 'RUNNING' } });
    expect(task.arn.endsWith(task.id)).toBe(true);
  });

  test('names that do not exist are left out, and more names than one batch takes are looked up in several calls', async () => {
    const ecs = await (await open()).ecs();
    const names = [SERVICE, ...Array.from({ length: 24 }, (_, i) => `none-${i}`)];
    const before = sandbox().calls.length;
    expect((await ecs.describeServices('demo', names)).map((each) => each.name)).toEqual([SERVICE]);
    expect(
      sandbox()
        .calls.slice(before)
        .map((call) => call.action),
    ).toEqual(Array(3).fill('DescribeServices'));
    expect(await ecs.describeTasks('demo', ['0'.repeat(32)])).toEqual([]);
  });

  test('unknown clusters and services are errors with the code no-match', async () => {
    const ecs = await (await open()).ecs();
    expect(await thrown(collect(ecs.serviceNames('nope')))).toMatchObject({
      code: 'cluster-not-found',
      role: 'no-match',
    });
    expect(await thrown(collect(ecs.taskArns('nope', {})))).toMatchObject({ code: 'cluster-not-found' });
    expect(await thrown(collect(ecs.taskArns('demo', { service: 'nope' })))).toMatchObject({
      code: 'service-not-found',
      role: 'no-match',
    });
  });

  test('a task without ECS Exec has an error code of its own', async () => {
    const ecs = await (await open()).ecs();
    const [first = ''] = await collect(ecs.taskArns('demo', { service: 'legacy-admin' }));
    const error = await thrown(
      ecs.executeCommand({ cluster: 'demo', task: first, container: 'admin', command: 'sh' }),
    );
    expect(error).toMatchObject({ code: 'exec-not-enabled', role: 'failed' });
  });
});

describe('SsmPort', () => {
  test('a missing session document of ours is created, and a missing one of AWS does not exist in this region', async () => {
    const ssm = await (await open()).ssm();
    const { task } = await ordersTask();
    const target = containerTarget('demo', task.id, task.containers[0]?.runtimeId ?? '');
    for (const name of ['nope', 'AWS-Nope'])
      expect(await thrown(ssm.startSession(documentRequest(target, name)))).toMatchObject({
        code: 'session-document-missing',
        message: expect.stringContaining(name) as string,
        details: { documentName: name },
      });
  });

  test('a session is started and terminated', async () => {
    const account = await open();
    const { task } = await ordersTask();
    const [container] = task.containers;
    const target = containerTarget('demo', task.id, container?.runtimeId ?? '');
    const ssm = await account.ssm();
    const session = await ssm.startSession(forwardRequest(target, { host: undefined, port: 80 }));
    expect(session.streamUrl).toMatch(/^ws/);
    expect((await ssm.activeSessions(target)).map((each) => each.sessionId)).toContain(session.sessionId);
    const resumed = await ssm.resumeSession(session.sessionId);
    expect(resumed).toMatchObject({ sessionId: session.sessionId });
    await ssm.terminateSession(session.sessionId);
    expect(await ssm.resumeSession(session.sessionId)).toBeUndefined();
    await ssm.terminateSession('nobody-00000000000000000');
  });

  test('a target without an agent has an error code of its own', async () => {
    const ssm = await (await open()).ssm();
    expect(await thrown(ssm.startSession({ target: 'i-0123456789abcdef0' }))).toMatchObject({
      code: 'target-not-connected',
      role: 'failed',
    });
  });
});

describe('DatabasesPort', () => {
  test('instances are mapped with endpoint, engine and network', async () => {
    const databases = await (await (await open()).databases()).databases();
    expect(databases.map((each) => each.id)).toEqual(databases.map((each) => each.id).toSorted());
    expect(databases.find((each) => each.id === 'orders-db')).toMatchObject({
      kind: 'instance',
      engine: 'postgres',
      databaseName: 'orders',
      iamAuthentication: true,
      endpoints: [{ role: 'instance', port: 5432, host: expect.stringContaining('orders-db') as string }],
    });
  });
});

describe('KmsPort', () => {
  test('a data key has 64 bytes, and an unknown key is an error that names the action', async () => {
    const kms = await (await open()).kms();
    const key = await kms.generateDataKey('alias/session-manager', { a: 'b' });
    expect(key.plaintext.byteLength).toBe(64);
    expect(key.ciphertextBlob.byteLength).toBeGreaterThan(0);
    expect(await thrown(kms.generateDataKey('alias/none', {}))).toMatchObject({
      role: 'failed',
      details: { action: 'kms:GenerateDataKey', awsError: 'NotFoundException' },
    });
  });
});

describe('permission', () => {
  test('a denial names the action, and an invalid access key is reported as refused and not as missing', async () => {
    const env = sandbox().createPrincipal({ userName: 'nobody', policies: [] });
    const ecs = await (await open(env)).ecs();
    expect(await thrown(collect(ecs.clusterNames()))).toMatchObject({
      code: 'access-denied',
      message: expect.stringContaining('ecs:ListClusters') as string,
    });
    const wrong = await (await open({ ...env, AWS_SECRET_ACCESS_KEY: 'wrong' })).ecs();
    expect(await thrown(collect(wrong.clusterNames()))).toMatchObject({
      code: 'credentials-refused',
      role: 'access',
    });
  });
});

describe('the data channel', () => {
  async function shell(env: Readonly<Record<string, string>> = sandbox().env) {
    const { ecs, task } = await ordersTask();
    const account = await open(env);
    const session = await ecs.executeCommand({
      cluster: 'demo',
      task: task.arn,
      container: 'app',
      command: 'sh',
    });
    const reports: string[] = [];
    let output = '';
    const driver = new ChannelDriver(
      session,
      containerTarget('demo', task.id, task.containers[0]?.runtimeId ?? ''),
      {
        ssm: await account.ssm(),
        kms: () => account.kms(),
        signer: await account.signer(),
        openSocket: createOpenSocket(DIRECT, systemClock),
        clock: systemClock,
        random: {
          number: () => 0.5,
          bytes: (length) => new Uint8Array(length),
          uuid: () => crypto.randomUUID(),
        },
        report: (event) => {
          if (event.type === 'session-state') reports.push(event.state);
        },
      },
      {
        output: (bytes) => {
          output += Buffer.from(bytes).toString();
        },
      },
    );
    await driver.start();
    const saw = async (text: string): Promise<void> => {
      await expect.poll(() => output, { timeout: 120_000, interval: 5 }).toContain(text);
    };
    return { driver, saw, reports };
  }

  test('a signed upgrade opens a shell, which runs to its end', async () => {
    const { driver, saw } = await shell();
    driver.send(Buffer.from('echo $((6*7))\r'));
    await saw('42');
    driver.send(Buffer.from('exit\r'));
    expect(await driver.ended).toEqual({ output: '' });
  });

  test('an upgrade with an invalid signature fails with the status of the gateway', async () => {
    const error = await thrown(shell({ ...sandbox().env, AWS_SECRET_ACCESS_KEY: 'wrong' }));
    expect(error).toMatchObject({ code: 'upgrade-refused', details: { status: 403 } });
  });
});
