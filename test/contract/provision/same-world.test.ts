import { CreateDocumentCommand, SSMClient } from '@aws-sdk/client-ssm';
import { execa } from 'execa';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { AwsAccount } from '../../../src/aws/account.ts';
import { createOpenSocket } from '../../../src/connect/channel/message-socket.ts';
import { PortSession } from '../../../src/connect/forward/port-session.ts';
import { forwardRequest } from '../../../src/connect/session/session-documents.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { shippedDocument } from '../../support/grants.ts';
import { DIRECT } from '../../support/direct-agents.ts';
import { reportSkip } from '../../support/on-path.ts';

/** Other users of what `up` created and `policy` printed: the official CLI, and a user with access to one database. */

const installed = await execa('aws', ['--version'], { reject: false });
if (installed.failed) reportSkip('the official AWS CLI after up', 'aws is not on PATH');

const sandbox = testSandbox();
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });
let instanceId = '';

beforeAll(async () => {
  const up = await run('up', '--cluster', 'demo', '--db', 'orders-db', '--yes', '--json');
  ({ instanceId } = JSON.parse(up.stdout) as { instanceId: string });
});
afterAll(() => run('down', '--yes', '--force'));

describe.skipIf(installed.failed)('the official AWS CLI after up', () => {
  async function aws(...args: readonly string[]): Promise<unknown> {
    const env = {
      ...sandbox().env,
      AWS_PAGER: '',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    };
    const { stdout } = await execa('aws', [...args, '--output', 'json'], { env });
    return JSON.parse(stdout) as unknown;
  }

  it('describe-instances works', async () => {
    const filter = 'Name=tag:fargate-connect:bastion,Values=default';
    const query =
      'Reservations[].Instances[].[InstanceId,State.Name,InstanceLifecycle,SecurityGroups[0].GroupName,MetadataOptions.HttpTokens]';
    expect(await aws('ec2', 'describe-instances', '--filters', filter, '--query', query)).toEqual([
      [instanceId, 'running', 'spot', 'fargate-connect-default', 'required'],
    ]);
  });

  it('get-role-policy works', async () => {
    const role = 'fargate-connect-default-eu-west-1';
    const names = ['--role-name', role, '--policy-name', 'bastion'];
    expect(await aws('iam', 'get-role-policy', ...names)).toMatchObject({
      RoleName: role,
      PolicyDocument: shippedDocument('bastion', { cluster: 'demo' }),
    });
  });

  it('describe-launch-template-versions works', async () => {
    const name = ['--launch-template-name', 'fargate-connect-default'];
    expect(await aws('ec2', 'describe-launch-template-versions', ...name)).toMatchObject({
      LaunchTemplateVersions: [
        {
          VersionNumber: 1,
          LaunchTemplateData: {
            MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
            InstanceInitiatedShutdownBehavior: 'terminate',
          },
        },
      ],
    });
  });
});

describe('policy session-document --db', () => {
  const NAME = 'orders-db-only';

  it('allows a tunnel to that database for a user who may open no other', async () => {
    const printed = await run('policy', 'session-document', '--db', 'orders-db');
    expect(printed.status).toBe(0);
    await new SSMClient(sandboxClients(sandbox().env).config).send(
      new CreateDocumentCommand({
        Name: NAME,
        DocumentType: 'Session',
        DocumentFormat: 'JSON',
        Content: printed.stdout,
      }),
    );
    const policy = shippedDocument('forward-document', { bastion: '*', 'session-document': NAME });
    const env = sandbox().createPrincipal({ userName: 'one-database', policies: [policy] });
    let account: AwsAccount | undefined;
    // The command serves only to get an account with the right ports.
    await cli(['status'], { env, account: (opened) => (account = opened) });
    if (account === undefined) throw new Error('no account was opened');
    const ssm = await account.ssm();
    const start = (documentName: string, parameters: Readonly<Record<string, readonly string[]>>) =>
      ssm.startSession({ target: instanceId, documentName, parameters, reason: 'test' });

    const any = forwardRequest(instanceId, { host: 'billing-db.example', port: 5432 });
    await expect(ssm.startSession(any)).rejects.toMatchObject({ code: 'access-denied' });
    await expect(start(NAME, { host: ['billing-db.example'] })).rejects.toMatchObject({ role: 'failed' });

    const signer = await account.signer();
    const session = new PortSession(await start(NAME, { localPortNumber: ['0'] }), instanceId, {
      ssm,
      kms: () => Promise.reject(new Error('port sessions are never encrypted')),
      signer,
      openSocket: createOpenSocket(DIRECT, systemClock),
      clock: systemClock,
      random: {
        number: Math.random,
        bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
        uuid: () => crypto.randomUUID(),
      },
      report: () => undefined,
    });
    session.ended().catch(() => undefined);
    await session.start();
    const server = createServer({ allowHalfOpen: true }, (socket) => session.accept(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    // The SSLRequest of PostgreSQL; its answer is one letter.
    socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(['N', 'S']).toContain(answer.toString('latin1'));
    socket.destroy();
    server.close();
    await session.close();
  });
});
