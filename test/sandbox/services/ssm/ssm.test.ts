import { DescribeTasksCommand, ECSClient, ListTasksCommand } from '@aws-sdk/client-ecs';
import {
  CreateDocumentCommand,
  DeleteDocumentCommand,
  DescribeDocumentCommand,
  DescribeSessionsCommand,
  GetConnectionStatusCommand,
  GetDocumentCommand,
  GetParameterCommand,
  GetParametersCommand,
  ResumeSessionCommand,
  SSMClient,
  StartSessionCommand,
  type StartSessionCommandInput,
  TerminateSessionCommand,
  UpdateDocumentCommand,
} from '@aws-sdk/client-ssm';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { testSandbox } from '../../../support/test-sandbox.ts';
import { clientConfig } from '../../support/client-config.ts';
import { RawClient } from '../../support/raw-client.ts';

const sandbox = testSandbox();
const ssm = (env = sandbox().env): SSMClient => new SSMClient(clientConfig(env));
const clients: RawClient[] = [];
let target = '';
let taskArn = '';

beforeAll(async () => {
  const ecs = new ECSClient(clientConfig(sandbox().env));
  const { taskArns } = await ecs.send(new ListTasksCommand({ cluster: 'demo', serviceName: 'orders-api' }));
  taskArn = taskArns?.[0] ?? '';
  const { tasks } = await ecs.send(new DescribeTasksCommand({ cluster: 'demo', tasks: [taskArn] }));
  target = `ecs:demo_${taskArn.split('/').at(-1)}_${tasks?.[0]?.containers?.[0]?.runtimeId}`;
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

async function start(input: Partial<StartSessionCommandInput> = {}, env = sandbox().env) {
  const { SessionId, StreamUrl, TokenValue } = await ssm(env).send(
    new StartSessionCommand({ Target: target, ...input }),
  );
  return { sessionId: SessionId ?? '', streamUrl: StreamUrl ?? '', tokenValue: TokenValue ?? '' };
}

async function connect(access: Awaited<ReturnType<typeof start>>): Promise<RawClient> {
  const client = await RawClient.open(access);
  clients.push(client);
  return client;
}

test('the default shell and the documents of AWS use their parameters as AWS does', async () => {
  const shell = await connect(await start());
  expect(await shell.event('opened')).toMatchObject({ sessionType: undefined });
  const forward = await connect(
    await start({
      DocumentName: 'AWS-StartPortForwardingSessionToRemoteHost',
      Parameters: { host: ['localhost'], portNumber: ['8080'] },
    }),
  );
  expect(await forward.event('opened')).toMatchObject({
    sessionType: 'Port',
    properties: { host: 'localhost', portNumber: '8080', type: 'LocalPortForwarding', localPortNumber: '0' },
    mux: true,
  });
  const ssh = await connect(await start({ DocumentName: 'AWS-StartSSHSession' }));
  expect(await ssh.event('opened')).toMatchObject({ properties: { portNumber: '22' }, mux: false });
  const command = await connect(
    await start({
      DocumentName: 'AWS-StartNonInteractiveCommand',
      Parameters: { command: ['echo one two'], separateOutputStream: ['true'] },
    }),
  );
  await command.event('closed');
  expect(command.stdout).toBe('one two\n');
});

test.each([
  ['an unknown document', { DocumentName: 'AWS-Nothing' }, 'InvalidDocument'],
  [
    'an unknown parameter',
    { DocumentName: 'AWS-StartPortForwardingSession', Parameters: { host: ['x'] } },
    'InvalidParameters',
  ],
  [
    'a value that does not match',
    { DocumentName: 'AWS-StartPortForwardingSession', Parameters: { portNumber: ['70000'] } },
    'InvalidParameters',
  ],
  ['a missing parameter', { DocumentName: 'AWS-StartInteractiveCommand' }, 'InvalidParameters'],
  [
    'two values for one parameter',
    { DocumentName: 'AWS-StartSSHSession', Parameters: { portNumber: ['22', '23'] } },
    'InvalidParameters',
  ],
  ['an instance that does not exist', { Target: 'i-0123456789abcdef0' }, 'TargetNotConnected'],
  ['a container that does not exist', { Target: `ecs:demo_${'0'.repeat(32)}_x-1` }, 'TargetNotConnected'],
  ['a reason that is too long', { Reason: 'x'.repeat(257) }, 'ValidationException'],
] as const)('StartSession rejects %s', async (_what, input, name) => {
  await expect(start(input as Partial<StartSessionCommandInput>)).rejects.toMatchObject({ name });
});

test('sessions are resumed, described and terminated', async () => {
  const access = await start({ Reason: 'a look' });
  const client = await connect(access);
  await client.event('opened');
  const active = await ssm().send(
    new DescribeSessionsCommand({
      State: 'Active',
      Filters: [{ key: 'SessionId', value: access.sessionId }],
    }),
  );
  expect(active.Sessions).toMatchObject([
    {
      SessionId: access.sessionId,
      Target: target,
      Status: 'Connected',
      Reason: 'a look',
      DocumentName: 'SSM-SessionManagerRunShell',
    },
  ]);
  expect(active.Sessions?.[0]?.StartDate).toBeInstanceOf(Date);
  const resumed = await ssm().send(new ResumeSessionCommand({ SessionId: access.sessionId }));
  expect(resumed.TokenValue).not.toBe(access.tokenValue);
  await ssm().send(new TerminateSessionCommand({ SessionId: access.sessionId }));
  await client.event('closed');
  const over = await ssm().send(new ResumeSessionCommand({ SessionId: access.sessionId }));
  expect([over.SessionId, over.TokenValue]).toEqual([access.sessionId, undefined]);
  const history = await ssm().send(
    new DescribeSessionsCommand({ State: 'History', Filters: [{ key: 'Target', value: target }] }),
  );
  expect(history.Sessions?.map((session) => session.SessionId)).toContain(access.sessionId);
  expect(history.Sessions?.[0]?.EndDate).toBeInstanceOf(Date);
  await expect(ssm().send(new ResumeSessionCommand({ SessionId: 'nobody-1' }))).rejects.toMatchObject({
    name: 'DoesNotExistException',
  });
});

test('GetConnectionStatus returns the state of the target', async () => {
  const status = async (Target: string) =>
    (await ssm().send(new GetConnectionStatusCommand({ Target }))).Status;
  expect([await status(target), await status('i-0123456789abcdef0')]).toEqual(['connected', 'notconnected']);
});

test('IAM checks the task with its tags and the document separately', async () => {
  const allow = (Resource: string, Condition = {}) => ({
    Effect: 'Allow',
    Action: 'ssm:StartSession',
    Resource,
    Condition: { BoolIfExists: { 'ssm:SessionDocumentAccessCheck': 'true' }, ...Condition },
  });
  const document = 'arn:aws:ssm:eu-west-1::document/AWS-StartPortForwardingSession';
  const attempt = (userName: string, ...Statement: readonly unknown[]) =>
    start(
      { DocumentName: 'AWS-StartPortForwardingSession', Parameters: { portNumber: ['8080'] } },
      sandbox().createPrincipal({ userName, policies: [{ Version: '2012-10-17', Statement }] }),
    );
  const tagged = { StringEquals: { 'ssm:resourceTag/service': 'orders-api' } };
  await expect(attempt('task-only', allow(taskArn))).rejects.toMatchObject({ name: 'AccessDeniedException' });
  await expect(attempt('document-only', allow(document))).rejects.toMatchObject({
    name: 'AccessDeniedException',
  });
  await expect(
    attempt(
      'wrong-tag',
      allow(document),
      allow(taskArn, { StringEquals: { 'ssm:resourceTag/service': 'x' } }),
    ),
  ).rejects.toMatchObject({ name: 'AccessDeniedException' });
  await expect(attempt('right', allow(document), allow(taskArn, tagged))).resolves.toMatchObject({
    sessionId: expect.stringMatching(/^right-[0-9a-f]{17}$/) as string,
  });
});

test('a user can terminate only sessions of their own', async () => {
  const policies = [
    {
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: 'ssm:StartSession', Resource: '*' },
        {
          Effect: 'Allow',
          Action: ['ssm:TerminateSession', 'ssm:ResumeSession'],
          Resource: 'arn:aws:ssm:eu-west-1:111122223333:session/*',
          Condition: { StringLike: { 'ssm:resourceTag/aws:ssmmessages:session-id': ['${aws:userid}'] } },
        },
      ],
    },
  ];
  const env = sandbox().createPrincipal({ userName: 'carol', policies });
  const own = await start({}, env);
  const foreign = await start();
  await expect(
    ssm(env).send(new TerminateSessionCommand({ SessionId: foreign.sessionId })),
  ).rejects.toMatchObject({
    name: 'AccessDeniedException',
  });
  await expect(
    ssm(env).send(new TerminateSessionCommand({ SessionId: own.sessionId })),
  ).resolves.toMatchObject({ SessionId: own.sessionId });
});

test('a session document of the account restricts what its users may do', async () => {
  const Name = 'fixed-tunnel';
  const content = (port: string) =>
    JSON.stringify({
      schemaVersion: '1.0',
      description: 'one fixed database',
      sessionType: 'Port',
      parameters: { localPortNumber: { type: 'String', allowedPattern: '^[0-9]{1,5}$', default: '0' } },
      properties: {
        type: 'LocalPortForwarding',
        host: 'localhost',
        portNumber: port,
        localPortNumber: '{{ localPortNumber }}',
      },
    });
  const create = (Content: string) =>
    ssm().send(
      new CreateDocumentCommand({ Name, Content, DocumentType: 'Session', Tags: [{ Key: 'a', Value: 'b' }] }),
    );
  const before = sandbox().snapshot();
  expect((await create(content('5432'))).DocumentDescription).toMatchObject({
    Status: 'Active',
    DocumentVersion: '1',
  });
  expect(sandbox().snapshot()).not.toBe(before);
  await expect(create(content('5432'))).rejects.toMatchObject({ name: 'DocumentAlreadyExists' });
  const client = await connect(
    await start({ DocumentName: Name, Parameters: { localPortNumber: ['15432'] } }),
  );
  expect(await client.event('opened')).toMatchObject({
    properties: { host: 'localhost', portNumber: '5432', localPortNumber: '15432' },
  });
  await expect(start({ DocumentName: Name, Parameters: { portNumber: ['22'] } })).rejects.toMatchObject({
    name: 'InvalidParameters',
  });
  await ssm().send(new UpdateDocumentCommand({ Name, Content: content('5433') }));
  expect((await ssm().send(new GetDocumentCommand({ Name }))).Content).toContain('5433');
  expect((await ssm().send(new DescribeDocumentCommand({ Name }))).Document?.Tags).toEqual([
    { Key: 'a', Value: 'b' },
  ]);
  await ssm().send(new DeleteDocumentCommand({ Name }));
  await expect(ssm().send(new GetDocumentCommand({ Name }))).rejects.toMatchObject({
    name: 'InvalidDocument',
  });
  expect(sandbox().snapshot()).toBe(before);
  await expect(
    ssm().send(
      new CreateDocumentCommand({ Name, Content: 'a: b', DocumentType: 'Session', DocumentFormat: 'YAML' }),
    ),
  ).rejects.toMatchObject({ name: 'ValidationException' });
  await expect(create('{"schemaVersion":"2.2"}')).rejects.toMatchObject({ name: 'InvalidDocumentContent' });
});

test('the session preferences of the account apply to the default shell', async () => {
  const Name = 'SSM-SessionManagerRunShell';
  await ssm().send(
    new CreateDocumentCommand({
      Name,
      DocumentType: 'Session',
      Content: JSON.stringify({
        schemaVersion: '1.0',
        sessionType: 'Standard_Stream',
        inputs: { kmsKeyId: 'alias/session-manager', idleSessionTimeout: '20' },
      }),
    }),
  );
  const client = await connect(await start());
  expect((await client.event('data-key-needed')).kmsKeyId).toBe('alias/session-manager');
  await ssm().send(new DeleteDocumentCommand({ Name }));
});

test('the public image parameters exist', async () => {
  const name = (architecture: string): string =>
    `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${architecture}`;
  const one = await ssm().send(new GetParameterCommand({ Name: name('arm64') }));
  expect(one.Parameter?.Value).toMatch(/^ami-[0-9a-f]{17}$/);
  const several = await ssm().send(
    new GetParametersCommand({ Names: [name('arm64'), name('x86_64'), '/aws/nothing'] }),
  );
  expect(several.Parameters?.map((parameter) => parameter.Name)).toEqual([name('arm64'), name('x86_64')]);
  expect(several.InvalidParameters).toEqual(['/aws/nothing']);
  await expect(ssm().send(new GetParameterCommand({ Name: '/mine' }))).rejects.toMatchObject({
    name: 'ParameterNotFound',
  });
});
