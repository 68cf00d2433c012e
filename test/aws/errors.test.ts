import { describe, expect, test } from 'vitest';

import { iniValue, clientConfig } from '../../src/aws/client-config.ts';
import { awsErrorName, mapped } from '../../src/aws/errors.ts';
import { failed } from '../../src/core/errors.ts';
import { proxyFor } from '../../src/core/proxy.ts';

const sdkError = (name: string, message = 'text that may change', extra: object = {}): Error =>
  Object.assign(new Error(message), { name, $metadata: { requestId: 'r-1' }, ...extra });

const raised = (action: string, error: Error, translations = {}) =>
  mapped(action, () => Promise.reject(error), translations).catch((reason: unknown) => reason);

describe('AWS errors by name', () => {
  test.each([
    ['AccessDeniedException', 'access-denied', 'access'],
    ['UnauthorizedOperation', 'access-denied', 'access'],
    ['ExpiredTokenException', 'credentials-expired', 'access'],
    ['RequestExpired', 'credentials-expired', 'access'],
    ['UnrecognizedClientException', 'credentials-refused', 'access'],
    ['SignatureDoesNotMatch', 'credentials-refused', 'access'],
    ['CredentialsProviderError', 'credentials-missing', 'access'],
    ['TimeoutError', 'aws-unreachable', 'transport'],
    ['ThrottlingException', 'aws-error', 'failed'],
  ])('%s → %s', async (name, code, role) => {
    expect(await raised('ecs:ListTasks', sdkError(name))).toMatchObject({ code, role });
  });

  test('a denial names the IAM action and the document that grants it', async () => {
    expect(await raised('ecs:ExecuteCommand', sdkError('AccessDeniedException'))).toMatchObject({
      message: expect.stringContaining('ecs:ExecuteCommand') as string,
      hints: expect.arrayContaining([expect.stringContaining('fargate-connect policy exec')]) as string[],
    });
  });

  test('an expired single sign-on is told apart from no credentials', async () => {
    const expired = sdkError(
      'CredentialsProviderError',
      'The SSO session associated with this profile has expired.',
    );
    expect(await raised('ecs:ListTasks', expired)).toMatchObject({
      code: 'credentials-expired',
      hints: expect.arrayContaining([expect.stringContaining('aws sso login')]) as string[],
    });
  });

  test('network trouble is found in the causes', async () => {
    const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    const aggregate = Object.assign(new Error(''), { errors: [cause] });
    expect(await raised('ssm:StartSession', aggregate)).toMatchObject({ code: 'aws-unreachable' });
  });

  test('the name can be read back; our own errors pass unchanged; adapters may know better', async () => {
    const error = await raised('ec2:CreateFleet', sdkError('InvalidGroup.NotFound'));
    expect(awsErrorName(error)).toBe('InvalidGroup.NotFound');
    expect(error).toMatchObject({ details: { action: 'ec2:CreateFleet', requestId: 'r-1' } });
    const own = failed('ours', 'ours');
    expect(await raised('x:Y', own)).toBe(own);
    const better = () => failed('better', 'better');
    expect(await raised('x:Y', sdkError('Special'), { Special: better })).toMatchObject({ code: 'better' });
    expect(awsErrorName(new Error('not AWS'))).toBeUndefined();
  });
});

describe('region and credentials', () => {
  const settings = { profile: undefined, region: undefined, endpointUrl: undefined };
  const nowhere = { HOME: '/nonexistent' };

  test('flag before AWS_REGION before AWS_DEFAULT_REGION', async () => {
    const env = {
      ...nowhere,
      AWS_REGION: 'eu-west-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
    };
    expect((await clientConfig({ ...settings, region: 'ap-south-1' }, env)).region).toBe('ap-south-1');
    expect((await clientConfig(settings, env)).region).toBe('eu-west-1');
    expect((await clientConfig(settings, { ...env, AWS_REGION: '' })).region).toBe('us-east-1');
  });

  test('no region anywhere is exit 4 with the remedy', async () => {
    await expect(clientConfig(settings, nowhere)).rejects.toMatchObject({
      code: 'region-missing',
      role: 'access',
      hints: expect.arrayContaining([expect.stringContaining('--region')]) as string[],
    });
  });

  test('a profile’s region is read as the AWS CLI reads it', () => {
    const file =
      '[default]\nregion=us-east-1\n# comment\n[profile  dev]\nsso_session = x\ns3 =\n  region = nested\nregion = eu-north-1 # here\n';
    expect(iniValue(file, 'profile dev', 'region')).toBe('eu-north-1');
    expect(iniValue(file, 'default', 'region')).toBe('us-east-1');
    expect(iniValue(file, 'profile other', 'region')).toBeUndefined();
  });

  test('keys in the environment win over files, unless a profile is asked for', async () => {
    const env = {
      ...nowhere,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'AKIA',
      AWS_SECRET_ACCESS_KEY: 's',
      AWS_SESSION_TOKEN: 't',
    };
    const { credentials } = await clientConfig(settings, env);
    expect(await credentials()).toEqual({ accessKeyId: 'AKIA', secretAccessKey: 's', sessionToken: 't' });
    const named = await clientConfig({ ...settings, profile: 'missing' }, env);
    await expect(named.credentials()).rejects.toMatchObject({
      code: 'credentials-missing',
      message: expect.stringMatching(/^no AWS credentials in profile missing: /) as string,
    });
  });
});

describe('proxies', () => {
  const thrown = (work: () => unknown): unknown => {
    try {
      return work();
    } catch (error) {
      return error;
    }
  };
  const aws = new URL('wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/x');

  test.each([
    [{}, undefined],
    [{ HTTPS_PROXY: 'http://proxy:3128' }, 'http://proxy:3128/'],
    [{ https_proxy: 'proxy:3128' }, 'http://proxy:3128/'],
    [{ ALL_PROXY: 'http://all:1' }, 'http://all:1/'],
    [{ HTTP_PROXY: 'http://plain:1' }, undefined],
    [{ HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: 'example.com,.amazonaws.com' }, undefined],
    [{ HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: 'amazonaws.com:8443' }, 'http://proxy:3128/'],
    [{ HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: '*' }, undefined],
  ])('%j → %s', (env, proxy) => {
    expect(proxyFor(aws, env)?.href).toBe(proxy);
  });

  test.each(['http://[', 'socks5://person:secret@proxy:1080'])('%s is refused, and not shown', (value) => {
    const error = thrown(() => proxyFor(aws, { ALL_PROXY: value }));
    expect(error).toMatchObject({ code: 'proxy-invalid', role: 'usage', details: { variable: 'ALL_PROXY' } });
    expect(JSON.stringify(error) + String(error)).not.toContain('secret');
  });

  test('loopback never goes through one', () => {
    expect(proxyFor(new URL('ws://127.0.0.1:1234/'), { ALL_PROXY: 'http://all:1' })).toBeUndefined();
    expect(proxyFor(new URL('https://[::1]:1/'), { ALL_PROXY: 'http://all:1' })).toBeUndefined();
  });
});
