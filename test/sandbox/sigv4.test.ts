import { Sha256 } from '@aws-crypto/sha256-js';
import { DescribeVpcsCommand } from '@aws-sdk/client-ec2';
import { ListRolesCommand } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { ListClustersCommand, ECSClient } from '@aws-sdk/client-ecs';
import { SignatureV4 } from '@smithy/signature-v4';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defaultSeed } from '../../src/sandbox/world/seed.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { errorName, sandboxClients } from '../support/sandbox-clients.ts';

/** A clock that follows the system clock, but can be set forward. */
const clock = {
  skewMs: 0,
  now: () => Date.now() + clock.skewMs,
  timer(ms: number, fn: () => void) {
    const handle = setTimeout(fn, ms);
    return () => clearTimeout(handle);
  },
};

let sandbox: Sandbox;
beforeAll(async () => {
  const seed = defaultSeed();
  const trust = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${seed.accountId}:root` },
        Action: 'sts:AssumeRole',
      },
    ],
  };
  const role = { name: 'people', path: '/', trust, inlinePolicies: {} };
  sandbox = await startSandbox({ clock, seed: { ...seed, roles: [...seed.roles, role] } });
});
afterAll(() => sandbox.close());

async function failures(env: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const { config, ec2, iam, sts } = sandboxClients(env);
  const ecs = new ECSClient(config);
  return Promise.all([
    errorName(sts.send(new GetCallerIdentityCommand({}))),
    errorName(iam.send(new ListRolesCommand({}))),
    errorName(ec2.send(new DescribeVpcsCommand({}))),
    errorName(ecs.send(new ListClustersCommand({}))),
  ]);
}

describe('signatures in headers', () => {
  test('a correct signature is accepted and identifies the caller', async () => {
    const { sts } = sandboxClients(sandbox.env);
    const who = await sts.send(new GetCallerIdentityCommand({}));
    expect(who.Arn).toBe('arn:aws:iam::111122223333:user/developer');
    expect(who.UserId).toMatch(/^AIDA[A-Z2-7]{17}$/);
  });

  test('a wrong secret is rejected in each protocol', async () => {
    const env = { ...sandbox.env, AWS_SECRET_ACCESS_KEY: 'wrong' };
    expect(await failures(env)).toEqual([
      'SignatureDoesNotMatch',
      'SignatureDoesNotMatch',
      'SignatureDoesNotMatch',
      'InvalidSignatureException',
    ]);
  });

  test('an unknown access key is rejected in each protocol', async () => {
    const env = { ...sandbox.env, AWS_ACCESS_KEY_ID: 'AKIAAAAAAAAAAAAAAAAA' };
    expect(await failures(env)).toEqual([
      'InvalidClientTokenId',
      'InvalidClientTokenId',
      'AuthFailure',
      'UnrecognizedClientException',
    ]);
  });

  test('a role session is a principal of its own, and needs its token', async () => {
    const { sts } = sandboxClients(sandbox.env);
    const { Credentials } = await sts.send(
      new AssumeRoleCommand({
        RoleArn: 'arn:aws:iam::111122223333:role/people',
        RoleSessionName: 'ada',
        DurationSeconds: 900,
      }),
    );
    const env = {
      ...sandbox.env,
      AWS_ACCESS_KEY_ID: Credentials!.AccessKeyId!,
      AWS_SECRET_ACCESS_KEY: Credentials!.SecretAccessKey!,
      AWS_SESSION_TOKEN: Credentials!.SessionToken!,
    };
    const who = await sandboxClients(env).sts.send(new GetCallerIdentityCommand({}));
    expect(who.Arn).toBe('arn:aws:sts::111122223333:assumed-role/people/ada');
    const { AWS_SESSION_TOKEN: _token, ...withoutToken } = env;
    expect((await failures(withoutToken))[0]).toBe('InvalidClientTokenId');
  });

  test('an expired session token is rejected in each protocol', async () => {
    const env = sandbox.createPrincipal({ userName: 'late', policies: [], sessionMs: 0 });
    expect(await failures(env)).toEqual([
      'ExpiredToken',
      'ExpiredToken',
      'RequestExpired',
      'ExpiredTokenException',
    ]);
  });

  test('a request whose time differs too much is rejected', async () => {
    clock.skewMs = 20 * 60_000;
    const refused = await failures(sandbox.env);
    clock.skewMs = 0;
    expect(refused[0]).toBe('SignatureDoesNotMatch');
    expect(refused[2]).toBe('RequestExpired');
  });

  test('an unsigned request is rejected', async () => {
    const body = 'Action=DescribeVpcs&Version=2016-11-15';
    const answer = await fetch(sandbox.endpoint, { method: 'POST', body });
    expect(answer.status).toBe(401);
    expect(await answer.text()).toContain('<Code>AuthFailure</Code>');
  });

  test('a body that was changed after signing is rejected', async () => {
    const request = await sign('Action=GetCallerIdentity&Version=2011-06-15');
    const body = 'Action=GetCallerIdentity&Version=2011-06-15&X=1';
    const answer = await fetch(sandbox.endpoint, { method: 'POST', headers: request.headers, body });
    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain('SignatureDoesNotMatch');
  });
});

describe('presigned requests', () => {
  test('are accepted until they expire', async () => {
    const url = await presign(60);
    const accepted = await fetch(url);
    expect(await accepted.text()).toContain('user/developer');
    clock.skewMs = 61_000;
    const refused = await fetch(url);
    clock.skewMs = 0;
    expect(refused.status).toBe(403);
  });

  test('are rejected when a parameter was changed', async () => {
    const url = (await presign(60)).replace('X-Amz-Expires=60', 'X-Amz-Expires=600');
    expect((await fetch(url)).status).toBe(403);
  });
});

describe('limits', () => {
  test('a body above one mebibyte is rejected at its Content-Length', async () => {
    const body = 'Action=DescribeVpcs&Version=2016-11-15&X='.padEnd(1024 * 1024 + 1, 'x');
    const answer = await fetch(sandbox.endpoint, { method: 'POST', body }).catch(() => undefined);
    expect(answer?.status ?? 413).toBe(413);
  });

  test('a service that the sandbox does not have returns an error that says so', async () => {
    const headers = { 'x-amz-target': 'DynamoDB_20120810.ListTables' };
    const answer = await fetch(sandbox.endpoint, { method: 'POST', headers, body: '{}' });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ __type: 'UnknownOperationException' });
  });

  test('an unknown action is InvalidAction', async () => {
    const request = await sign('Action=LaunchRockets&Version=2011-06-15');
    const answer = await fetch(sandbox.endpoint, {
      method: 'POST',
      headers: request.headers,
      body: 'Action=LaunchRockets&Version=2011-06-15',
    });
    expect(await answer.text()).toContain('<Code>InvalidAction</Code>');
  });
});

function signer(): SignatureV4 {
  return new SignatureV4({
    service: 'sts',
    region: 'eu-west-1',
    sha256: Sha256,
    credentials: {
      accessKeyId: sandbox.env['AWS_ACCESS_KEY_ID']!,
      secretAccessKey: sandbox.env['AWS_SECRET_ACCESS_KEY']!,
    },
  });
}

async function sign(body: string) {
  const { host, hostname, port } = new URL(sandbox.endpoint);
  return signer().sign({
    method: 'POST',
    protocol: 'http:',
    hostname,
    port: Number(port),
    path: '/',
    headers: { host, 'content-type': 'application/x-www-form-urlencoded' },
    body,
  });
}

async function presign(expiresIn: number): Promise<string> {
  const { host, hostname, port } = new URL(sandbox.endpoint);
  const signed = await signer().presign(
    {
      method: 'GET',
      protocol: 'http:',
      hostname,
      port: Number(port),
      path: '/',
      query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
      headers: { host },
    },
    { expiresIn },
  );
  const query = new URLSearchParams(signed.query as Record<string, string>);
  return `${sandbox.endpoint}/?${query.toString().replaceAll('+', '%20')}`;
}
