import { expect, test } from 'vitest';
import { AwsError, type SandboxService } from '../../../src/sandbox/contracts.ts';
import { callAws } from '../../../src/sandbox/machines/stand-ins/signed-call.ts';
import { SERVICES } from '../../../src/sandbox/services/catalogue.ts';
import type { ServiceDescription } from '../../../src/sandbox/services/service-description.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** A service to which no other code of the sandbox refers. */
const trial: ServiceDescription = {
  name: 'trial',
  title: 'Trial',
  wire: { kind: 'json', target: 'Trial_20260101' },
  errors: {
    throttling: { code: 'TrialThrottled', status: 429 },
    internal: 'TrialBroken',
    notFoundYet: () => new AwsError('TrialNotFound', 'not yet'),
  },
  create: (context): SandboxService => {
    const names: string[] = [];
    return {
      snapshot: () => names,
      operations: {
        Keep: {
          authorize: (input) => [
            { action: 'trial:Keep', resource: context.arn(`thing/${String(input['Name'])}`) },
          ],
          run: (input) => {
            names.push(String(input['Name']));
            return { Region: context.region, Names: names };
          },
        },
      },
    };
  },
};

const sandbox = testSandbox({ services: [...SERVICES, trial] });
const keep = (Name: string, env: Readonly<Record<string, string>> = sandbox().env) =>
  callAws(env, Date.now(), { service: 'trial', target: 'Trial_20260101.Keep', input: { Name } });

test('a description alone adds a service to the API, IAM, faults, regions and snapshots', async () => {
  expect(await keep('one')).toEqual({ Region: 'eu-west-1', Names: ['one'] });
  expect(await keep('two', { ...sandbox().env, AWS_REGION: 'us-east-1' })).toEqual({
    Region: 'us-east-1',
    Names: ['two'],
  });
  expect(JSON.parse(sandbox().snapshot())).toMatchObject({
    trial: { 'eu-west-1': ['one'], 'us-east-1': ['two'] },
  });
  const resource = 'arn:aws:trial:eu-west-1:111122223333:thing/one';
  const Statement = [{ Effect: 'Allow', Action: 'trial:Keep', Resource: resource }];
  const env = sandbox().createPrincipal({
    userName: 'kept',
    policies: [{ Version: '2012-10-17', Statement }],
  });
  expect(await errorCode(keep('one', env))).toBe('resolved');
  expect(await errorCode(keep('two', env))).toBe('AccessDeniedException');
  for (const [kind, code] of [
    ['throttle', 'TrialThrottled'],
    ['server-error', 'TrialBroken'],
    ['not-found', 'TrialNotFound'],
  ] as const) {
    sandbox().faults.inject({ kind, action: 'trial:Keep' });
    expect(await errorCode(keep('one'))).toBe(code);
  }
});

test('reading a region changes no snapshot', async () => {
  const before = sandbox().snapshot();
  await callAws({ ...sandbox().env, AWS_REGION: 'us-east-2' }, Date.now(), {
    service: 'ecs',
    target: 'AmazonEC2ContainerServiceV20141113.ListClusters',
    input: {},
  });
  expect(sandbox().snapshot()).toBe(before);
});

test('each name, target and version of the catalogue belongs to one service', () => {
  const marks = SERVICES.flatMap(({ name, wire }) => [
    name,
    ...(wire.kind === 'rest-json' ? [] : [wire.kind === 'json' ? wire.target : wire.version]),
  ]);
  expect(new Set(marks).size).toBe(marks.length - SERVICES.filter(isNamedLikeItsTarget).length);
});

const isNamedLikeItsTarget = ({ name, wire }: ServiceDescription): boolean =>
  wire.kind === 'json' && wire.target === name;

const errorCode = async (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'resolved',
    (error: unknown) => (error as { readonly code?: string }).code ?? (error as Error).name,
  );
