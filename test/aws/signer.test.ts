import { expect, test } from 'vitest';
import { clientConfig } from '../../src/aws/client-config.ts';
import { createUpgradeSigner } from '../../src/aws/signer.ts';
import { FakeClock } from '../support/fake-clock.ts';

const STREAM_URL =
  'wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/s-1?role=publish_subscribe&cell-number=AAAA';

async function headers(url: string, env: Readonly<Record<string, string>>) {
  const settings = { profile: undefined, region: 'eu-west-1', endpointUrl: undefined };
  const isolated = { HOME: '/nonexistent', AWS_EC2_METADATA_DISABLED: 'true', ...env };
  const signer = createUpgradeSigner(await clientConfig(settings, isolated), new FakeClock());
  return signer.headers(new URL(url));
}

const KEY = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: 'session' };

test('the upgrade is signed for ssmmessages, with the session token of temporary credentials', async () => {
  const signed = await headers(STREAM_URL, KEY);
  expect(signed['authorization']).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIA\/\d{8}\/eu-west-1\/ssmmessages\/aws4_request, /,
  );
  expect(signed['x-amz-security-token']).toBe('session');
  expect(signed['x-amz-date']).toMatch(/^\d{8}T\d{6}Z$/);
  expect(signed).not.toHaveProperty('host');
});

test.each([
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
  'X-Amz-Security-Token',
])('an address with %s is presigned and not signed again', async (parameter) => {
  expect(await headers(`${STREAM_URL}&${parameter}=x`, KEY)).toEqual({});
});

test('without credentials the upgrade is sent unsigned', async () => {
  expect(await headers(STREAM_URL, {})).toEqual({});
});
