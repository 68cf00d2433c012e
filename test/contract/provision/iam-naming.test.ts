import { CreatePolicyCommand, ListRolesCommand, type Role } from '@aws-sdk/client-iam';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { DEFAULT_IAM_NAMING, withIamNaming } from '../../../src/provision/roles/iam-names.ts';
import { VPC } from '../../../src/sandbox/world/seed-network.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome, hurried } from '../../support/cli-in-process.ts';
import { type Document, shippedDocument } from '../../support/grants.ts';

/** An organisation that requires a path and a name prefix of its own for roles. */

const TEAM = { path: '/team/bastions/', prefix: 'team-' } as const;
const FLAGS = ['--iam-path', TEAM.path, '--iam-prefix', TEAM.prefix] as const;
const sandbox = testSandbox();
const run = (...args: readonly string[]): Promise<CliOutcome> => cli(args, { env: sandbox().env });

afterEach(async () => {
  sandbox().faults.clear();
  await run('down', '--all', '--yes', '--force');
  await run('down', '--all', '--yes', '--force', ...FLAGS);
});

async function teamRoles(): Promise<readonly Role[]> {
  const { iam } = sandboxClients(sandbox().env);
  return (await iam.send(new ListRolesCommand({ PathPrefix: TEAM.path }))).Roles ?? [];
}

it('role, instance profile and boundary have the path and prefix, and down finds them without the flags', async () => {
  const before = sandbox().snapshot();
  const up = await run('up', '--cluster', 'demo', ...FLAGS, '--yes', '--json');
  expect([up.status, JSON.parse(up.stdout)]).toMatchObject([0, { ready: true }]);
  expect(await teamRoles()).toMatchObject([
    { Arn: 'arn:aws:iam::111122223333:role/team/bastions/team-fargate-connect-default-eu-west-1' },
  ]);
  const again = await run('up', '--cluster', 'demo', ...FLAGS, '--dry-run');
  expect(again.stdout).toMatch(/= keep +role +team-fargate-connect-default-eu-west-1/);
  expect((await run('down', '--yes')).status).toBe(0);
  expect(sandbox().snapshot()).toBe(before);
});

it('up without the flags does not create a second role', async () => {
  await run('up', '--cluster', 'demo', ...FLAGS, '--yes', '--no-wait');
  const up = await run('up', '--cluster', 'demo', '--yes');
  expect([up.status, up.stderr]).toEqual([
    2,
    expect.stringContaining(
      'bastion default was made with the IAM path /team/bastions/ and the prefix team-',
    ),
  ]);
  expect(up.stderr).toContain(
    'fargate-connect up --iam-path /team/bastions/ --iam-prefix team- --cluster demo   # go on with it',
  );
});

it('with the flags, down finds a role that a crash left before it was tagged', async () => {
  const before = sandbox().snapshot();
  sandbox().faults.inject({ kind: 'access-denied', action: 'ec2:CreateSecurityGroup', times: Infinity });
  const up = await cli(['up', '--cluster', 'demo', ...FLAGS, '--yes'], {
    env: sandbox().env,
    retries: false,
  });
  expect([up.status, up.stderr]).toEqual([
    4,
    expect.stringContaining(
      'fargate-connect down --iam-path /team/bastions/ --iam-prefix team-   # removes what exists',
    ),
  ]);
  sandbox().faults.clear();
  const found = await run('status', '--all-regions', '--json', ...FLAGS);
  expect(JSON.parse(found.stdout)).toMatchObject({ bastions: [{ name: 'default', state: 'leftovers' }] });
  expect((await run('down', '--yes', ...FLAGS)).status).toBe(0);
  expect(sandbox().snapshot()).toBe(before);
});

it('a path and prefix that the environment or a file sets need no flag', async () => {
  const env = {
    ...sandbox().env,
    FARGATE_CONNECT_IAM_PATH: TEAM.path,
    FARGATE_CONNECT_IAM_PREFIX: TEAM.prefix,
  };
  await cli(['up', '--cluster', 'demo', '--yes', '--no-wait'], { env });
  expect(await teamRoles()).toHaveLength(1);
  expect((await cli(['down', '--all', '--yes'], { env })).status).toBe(0);
  expect(await teamRoles()).toEqual([]);
});

it.each([
  ['iam-path', ['--iam-path', 'team']],
  ['iam-prefix', ['--iam-prefix', 'a/b']],
  ['iam-prefix', ['--name', 'x'.repeat(32), '--iam-prefix', 'platform-team-']],
])('the error %s: exit 2 before any call to AWS', async (code, args) => {
  const up = await run('up', '--cluster', 'demo', '--yes', '--json', ...args);
  expect([up.status, up.stderr]).toEqual([2, expect.stringContaining(`"code":"${code}"`)]);
});

describe('the operator’s document for these names', () => {
  const values = { bastion: 'default', cluster: 'demo', vpc: VPC.main };
  const printed = async (...args: readonly string[]): Promise<Document> => {
    const outcome = await run('policy', ...args, '--name', 'default', '--vpc', VPC.main, '--cluster', 'demo');
    return JSON.parse(outcome.stdout) as Document;
  };

  beforeAll(async () => {
    await sandboxClients(sandbox().env).iam.send(
      new CreatePolicyCommand({
        PolicyName: 'team-fargate-connect-bastion-boundary',
        Path: TEAM.path,
        PolicyDocument: JSON.stringify(shippedDocument('bastion-boundary', values)),
      }),
    );
  });

  it('grants up and down for these names, and for no others', async () => {
    const documents = [await printed('operator-ec2', ...FLAGS), await printed('operator-iam', ...FLAGS)];
    expect(JSON.stringify(documents[1])).toBe(
      withIamNaming(JSON.stringify(await printed('operator-iam')), DEFAULT_IAM_NAMING)
        .replaceAll(/:(role|instance-profile|policy)\/fargate-connect\//g, `:$1${TEAM.path}${TEAM.prefix}`)
        .replaceAll(/:(role|instance-profile)\/(?=fargate-connect-default)/g, `:$1/${TEAM.prefix}`),
    );
    const env = sandbox().createPrincipal({ userName: 'team-operator', policies: documents });
    const before = sandbox().snapshot();
    const as = (...args: readonly string[]): Promise<CliOutcome> =>
      cli(args, { env, clock: hurried(10), retries: false });
    const up = await as('up', '--cluster', 'demo', '--yes', ...FLAGS);
    expect([up.status, up.stderr]).toEqual([0, up.stderr]);
    const down = await as('down', '--yes', ...FLAGS);
    expect([down.status, down.stderr]).toEqual([0, down.stderr]);
    expect(sandbox().snapshot()).toBe(before);
    const elsewhere = await as('up', '--cluster', 'demo', '--yes');
    expect(elsewhere.status).toBe(4);
    expect(sandbox().snapshot()).toBe(before);
  });
});
