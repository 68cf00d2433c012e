import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { expect, test } from 'vitest';
import { defaultSeed } from '../../../../src/sandbox/world/seed.ts';
import { errorName } from '../../../support/sandbox-clients.ts';
import { testSandbox } from '../../../support/test-sandbox.ts';
import { clientConfig } from '../../support/client-config.ts';

const KEY = 'arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555';
const seed = defaultSeed();
const sandbox = testSandbox({
  seed: { ...seed, secrets: [...(seed.secrets ?? []), { name: 'sealed', value: 'secret', kmsKeyId: KEY }] },
});
const client = (env = sandbox().env): SecretsManagerClient => new SecretsManagerClient(clientConfig(env));
const allowed = (...Statement: readonly object[]) =>
  client(
    sandbox().createPrincipal({
      userName: 'reader',
      policies: [
        { Version: '2012-10-17', Statement: Statement.map((item) => ({ Effect: 'Allow', ...item })) },
      ],
    }),
  );
const read = (of: SecretsManagerClient, SecretId: string) =>
  errorName(of.send(new GetSecretValueCommand({ SecretId })));

test('a secret is found by name, by ARN and by ARN without its suffix', async () => {
  const { ARN = '' } = await client().send(new DescribeSecretCommand({ SecretId: 'demo/orders-db' }));
  expect(ARN).toMatch(
    /^arn:aws:secretsmanager:eu-west-1:111122223333:secret:demo\/orders-db-[A-Za-z0-9]{6}$/,
  );
  for (const SecretId of ['demo/orders-db', ARN, ARN.slice(0, -7)]) {
    const { SecretString = '' } = await client().send(new GetSecretValueCommand({ SecretId }));
    expect(JSON.parse(SecretString)).toMatchObject({ username: 'orders', dbname: 'orders' });
  }
  expect(await read(client(), 'none')).toBe('ResourceNotFoundException');
});

test('secrets are created and listed with pages and filters, and binary values stay binary', async () => {
  const SecretBinary = Uint8Array.of(0, 255, 10);
  const made = await client().send(
    new CreateSecretCommand({ Name: 'new/one', SecretBinary, Tags: [{ Key: 'team', Value: 'orders' }] }),
  );
  const value = await client().send(new GetSecretValueCommand({ SecretId: made.ARN }));
  expect([...(value.SecretBinary ?? [])]).toEqual([...SecretBinary]);
  expect(await errorName(client().send(new CreateSecretCommand({ Name: 'new/one' })))).toBe(
    'ResourceExistsException',
  );
  const names: string[] = [];
  let NextToken: string | undefined;
  do {
    const page = await client().send(new ListSecretsCommand({ MaxResults: 3, NextToken }));
    names.push(...(page.SecretList ?? []).map(({ Name = '' }) => Name));
    ({ NextToken } = page);
  } while (NextToken !== undefined);
  expect(names).toEqual([...names].sort());
  expect(names).toContain('new/one');
  const found = await client().send(
    new ListSecretsCommand({ Filters: [{ Key: 'tag-value', Values: ['orders'] }] }),
  );
  expect(found.SecretList?.map(({ Name }) => Name)).toEqual(['new/one']);
  expect(JSON.parse(sandbox().snapshot())).toMatchObject({ secretsmanager: { 'eu-west-1': ['new/one'] } });
});

test('IAM checks the ARN with its suffix, the version stage, and Decrypt if the secret has a key of its own', async () => {
  const Action = 'secretsmanager:GetSecretValue';
  const arn = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:';
  expect(await read(allowed({ Action, Resource: `${arn}demo/orders-db-??????` }), 'demo/orders-db')).toBe(
    'resolved',
  );
  expect(await read(allowed({ Action, Resource: `${arn}demo/orders-db` }), 'demo/orders-db')).toBe(
    'AccessDeniedException',
  );
  expect(await read(allowed({ Action, Resource: `${arn}*` }), 'none')).toBe('AccessDeniedException');
  const stage = { Condition: { StringEquals: { 'secretsmanager:VersionStage': 'AWSPREVIOUS' } } };
  expect(await read(allowed({ Action, Resource: '*', ...stage }), 'demo/orders-db')).toBe(
    'AccessDeniedException',
  );
  expect(await read(allowed({ Action, Resource: '*' }), 'sealed')).toBe('AccessDeniedException');
  const via = { Condition: { StringEquals: { 'kms:ViaService': 'secretsmanager.eu-west-1.amazonaws.com' } } };
  const decrypt = { Action: 'kms:Decrypt', Resource: KEY, ...via };
  expect(await read(allowed({ Action, Resource: '*' }, decrypt), 'sealed')).toBe('resolved');
});
