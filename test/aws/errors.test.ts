import { describe, expect, test } from 'vitest';

import { clientConfig } from '../../src/aws/client-config.ts';
import { awsErrorName, mapped } from '../../src/aws/errors.ts';
import { failed } from '../../src/core/errors.ts';

const sdkError = (name: string, message = 'text that may change', extra: object = {}): Error =>
  Object.assign(new Error(message), { name, $metadata: { requestId: 'r-1' }, ...extra });

const raised = (action: string, error: Error, translations = {}) =>
  mapped(action, () => Promise.reject(error), translations).catch((reason: unknown) => reason);

describe('AWS errors by name', () => {
  test.each([
    ...[
      'AccessDenied',
      'AccessDeniedException',
      'UnauthorizedOperation',
      'UnauthorizedException',
      'AuthorizationError',
      'KMSAccessDeniedException',
    ].map((name) => [name, 'access-denied', 'access']),
    ...['ExpiredToken', 'ExpiredTokenException', 'RequestExpired', 'TokenRefreshRequired'].map((name) => [
      name,
      'credentials-expired',
      'access',
    ]),
    ...[
      'AuthFailure',
      'InvalidClientTokenId',
      'InvalidAccessKeyId',
      'UnrecognizedClientException',
      'SignatureDoesNotMatch',
      'InvalidSignatureException',
      'IncompleteSignature',
      'MissingAuthenticationToken',
      'OptInRequired',
    ].map((name) => [name, 'credentials-refused', 'access']),
    ['CredentialsProviderError', 'credentials-missing', 'access'],
    ['TokenProviderError', 'credentials-missing', 'access'],
    ['TimeoutError', 'aws-unreachable', 'transport'],
    ...[
      'Throttling',
      'ThrottlingException',
      'ThrottledException',
      'RequestLimitExceeded',
      'RequestThrottled',
      'RequestThrottledException',
      'TooManyRequestsException',
      'EC2ThrottledException',
    ].map((name) => [name, 'aws-throttled', 'failed']),
  ])('%s → %s', async (name, code, role) => {
    expect(await raised('ecs:ListTasks', sdkError(name))).toMatchObject({ code, role });
  });

  test.each([
    ['AccessDenied', 'not allowed to call ecs:ListTasks: because'],
    ['CredentialsProviderError', 'no AWS credentials: because'],
    ['ExpiredToken', 'the AWS credentials have expired: because'],
    ['AuthFailure', 'AWS refused the credentials for ecs:ListTasks: because'],
    [
      'Throttling',
      'AWS refuses ecs:ListTasks for now, because there were too many calls (Throttling: because)',
    ],
    ['TimeoutError', 'no answer from AWS to ecs:ListTasks: because'],
    ['Strange', 'ecs:ListTasks failed: Strange: because'],
    ['Error', 'ecs:ListTasks failed: because'],
  ])('%s: the sentence, the facts and the cause', async (name, message) => {
    const error = sdkError(name, 'because');
    const found = await raised('ecs:ListTasks', error);
    expect(found).toMatchObject({
      message,
      details: { awsError: name, action: 'ecs:ListTasks', requestId: 'r-1' },
    });
    expect((found as Error).cause).toBe(error);
  });

  test('an error without name and text is named all the same', async () => {
    expect(await raised('ecs:ListTasks', Object.assign(new Error(''), { name: '' }))).toMatchObject({
      message: 'ecs:ListTasks failed: Error',
      details: { awsError: 'Error' },
    });
    const named = Object.assign(new Error(''), { name: 'Special', $metadata: {} });
    const better = (text: string) => failed('better', text);
    expect(await raised('x:Y', named, { Special: better })).toMatchObject({ message: 'x:Y' });
  });

  test('a host that DNS does not know names the region that may be meant', async () => {
    const hostname = 'ecs.eu-wst-1.amazonaws.com';
    const unknown = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND', hostname });
    expect(await raised('x:Y', unknown)).toMatchObject({
      details: { systemError: 'ENOTFOUND', regions: expect.arrayContaining(['eu-west-1']) as unknown },
    });
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', hostname });
    expect(await raised('x:Y', refused)).toMatchObject({ details: { regions: [] } });
    const anonymous = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });
    expect(await raised('x:Y', anonymous)).toMatchObject({ details: { regions: [] } });
  });

  test('values that are no error are errors of AWS without a name', async () => {
    for (const thrown of ['text', null, 7])
      expect(await raised('x:Y', thrown as unknown as Error)).toMatchObject({
        code: 'aws-error',
        message: 'x:Y failed: Error',
        details: { awsError: 'Error' },
      });
  });

  test('the name in details counts only for errors of the tool', () => {
    expect(awsErrorName(failed('aws-error', 'x', { details: {} }))).toBeUndefined();
    expect(awsErrorName(failed('aws-error', 'x', { details: { awsError: 'A' } }))).toBe('A');
    expect(awsErrorName(sdkError('B'))).toBe('B');
  });

  test('a denial names the IAM action', async () => {
    expect(await raised('ecs:ExecuteCommand', sdkError('AccessDeniedException'))).toMatchObject({
      message: expect.stringContaining('ecs:ExecuteCommand') as string,
      details: { action: 'ecs:ExecuteCommand' },
    });
  });

  test('a network error is found in the chain of causes', async () => {
    const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    const aggregate = Object.assign(new Error(''), { errors: [cause] });
    expect(await raised('ssm:StartSession', aggregate)).toMatchObject({ code: 'aws-unreachable' });
  });

  test.each([
    'ENOTFOUND',
    'EAI_AGAIN',
    'ECONNREFUSED',
    'ECONNRESET',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ETIMEDOUT',
    'EPIPE',
  ])('%s means that AWS could not be reached', async (code) => {
    const error = Object.assign(new Error('connect'), { code });
    expect(await raised('ssm:StartSession', error)).toMatchObject({
      code: 'aws-unreachable',
      details: { systemError: code },
    });
  });

  test('a system error is searched for in the chain of causes, up to a limited depth', async () => {
    let error: Error = Object.assign(new Error('connect'), { errno: 'ECONNRESET' });
    for (let depth = 0; depth < 4; depth++) error = new Error('wrapped', { cause: error });
    expect(await raised('ssm:StartSession', error)).toMatchObject({ code: 'aws-unreachable' });
    const deeper = new Error('wrapped', { cause: error });
    expect(await raised('ssm:StartSession', deeper)).toMatchObject({ code: 'aws-error' });
    const other = Object.assign(new Error('odd'), { code: 'EISDIR' });
    expect(await raised('ssm:StartSession', other)).toMatchObject({ code: 'aws-error' });
  });

  test('the error code in the response decides if the SDK lengthened the name', async () => {
    const error = sdkError('SomethingServiceException', 'text', { Code: 'ExpiredToken' });
    expect(await raised('sts:GetCallerIdentity', error)).toMatchObject({ code: 'credentials-expired' });
  });

  test('an unknown error keeps action, code and message', async () => {
    const error = await raised('ecs:ListTasks', sdkError('ThrottlingException', 'Rate exceeded'));
    expect(error).toMatchObject({
      code: 'aws-throttled',
      message: expect.stringContaining('(ThrottlingException: Rate exceeded)') as string,
      details: { awsError: 'ThrottlingException', action: 'ecs:ListTasks', requestId: 'r-1' },
    });
    const plain = await raised('ecs:ListTasks', new Error('no name of its own'));
    expect(plain).toMatchObject({ message: 'ecs:ListTasks failed: no name of its own' });
  });

  test('the AWS name can be read from the error, our own errors pass unchanged, and an adapter may translate a name itself', async () => {
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

  test('--region has precedence over AWS_REGION, and that over AWS_DEFAULT_REGION', async () => {
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

  test('no region anywhere is an error with exit 4', async () => {
    await expect(clientConfig(settings, nowhere)).rejects.toMatchObject({
      code: 'region-missing',
      role: 'access',
      details: { profile: 'default', candidates: [] },
    });
  });

  test.each([
    ['AWS_ENDPOINT_URL', '127.0.0.1:4566'],
    ['AWS_ENDPOINT_URL_ECS', 'ftp://127.0.0.1'],
    ['AWS_ENDPOINT_URL_SSM', 'localhost'],
  ])('%s=%s is an error with exit 2 that names both', async (variable, value) => {
    await expect(
      clientConfig(settings, { ...nowhere, AWS_REGION: 'eu-west-1', [variable]: value }),
    ).rejects.toMatchObject({
      code: 'endpoint-invalid',
      role: 'usage',
      message: `${variable} is no http or https address: ${value}`,
      details: { variable },
    });
  });

  test('keys in the environment have precedence over files, unless a profile is given', async () => {
    const env = {
      ...nowhere,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'AKIA',
      AWS_SECRET_ACCESS_KEY: 's',
      AWS_SESSION_TOKEN: 't',
    };
    const { credentials } = await clientConfig(settings, env);
    expect(await credentials()).toEqual({ accessKeyId: 'AKIA', secretAccessKey: 's', sessionToken: 't' });
    await expect(clientConfig({ ...settings, profile: 'missing' }, env)).rejects.toMatchObject({
      code: 'profile-not-found',
      message: expect.stringMatching(/^no AWS profile missing in /) as string,
      details: { profile: 'missing', candidates: [], existing: 0 },
    });
  });
});
