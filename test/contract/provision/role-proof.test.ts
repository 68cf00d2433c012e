import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  DeleteRolePolicyCommand,
  ListRolePoliciesCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { describe, expect, it } from 'vitest';

import type { PlaceholderValues } from '../../../src/provision/policy-documents.ts';
import type { PolicyKindName } from '../../../src/provision/policy-kinds.ts';
import { ACCOUNT, EXEC_KEY_ID, REGION } from '../../../src/sandbox/world/seed-roles.ts';
import { VPC } from '../../../src/sandbox/world/seed-network.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome, hurried } from './cli-in-process.ts';
import {
  type Document,
  type Flow,
  proveGrants,
  shippedDocument,
  type Symptom,
  tellProof,
  without,
} from './grants.ts';

/** Documents for roles: of bastions, with and without their boundary, and of tasks. Who is refused there is a machine. */

const sandbox = testSandbox();
const KEY = `arn:aws:kms:${REGION}:${ACCOUNT}:key/${EXEC_KEY_ID}`;
const SEALED: PlaceholderValues = { cluster: 'sealed', 'kms-key': KEY, bastion: 'default' };
const SERVICE = 'orders-api';
const UP = ['up', '--vpc', VPC.main, '--yes'] as const;

const run = (...args: readonly string[]): Promise<CliOutcome> =>
  cli(args, { env: sandbox().env, clock: hurried(100) });

let roles = 0;
/** Role and profile as an administrator would make them, for `up --role`. */
async function makeRole(policy: Document, boundary: Document | undefined): Promise<string> {
  const { iam } = sandboxClients(sandbox().env);
  const Path = '/fargate-connect/';
  const name = `role-${++roles}`;
  const limit =
    boundary === undefined
      ? undefined
      : await iam.send(
          new CreatePolicyCommand({
            PolicyName: `${name}-boundary`,
            Path,
            PolicyDocument: JSON.stringify(boundary),
          }),
        );
  await iam.send(
    new CreateRoleCommand({
      RoleName: name,
      Path,
      AssumeRolePolicyDocument: JSON.stringify(shippedDocument('bastion-trust', {})),
      PermissionsBoundary: limit?.Policy?.Arn,
    }),
  );
  const PolicyDocument = JSON.stringify(policy);
  await iam.send(new PutRolePolicyCommand({ RoleName: name, PolicyName: 'bastion', PolicyDocument }));
  await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: name, Path }));
  await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: name }));
  return name;
}

/** A bastion under that role: comes online, and reaches containers if it is for a cluster. */
async function bastionUnder(role: string, cluster: string | undefined): Promise<CliOutcome> {
  try {
    const kind = cluster === undefined ? ['--tunnel-only'] : ['--cluster', cluster];
    const up = await run(...UP, ...kind, '--role', role);
    if (up.status !== 0 || cluster === undefined) return up;
    // A service that does not exist: the script names those that do.
    const list = await run('shell', '--', 'ecs_connect.sh', 'nope');
    if (!list.stderr.includes(`${SERVICE} `)) return { ...list, status: 1 };
    const inside = await run('shell', '--', 'ecs_connect.sh', SERVICE, 'app', 'echo', 'inside');
    return inside.stdout.includes('inside') ? inside : { ...inside, status: 1 };
  } finally {
    await run('down', '--yes', '--force');
  }
}

const fine = ({ status }: CliOutcome): boolean => status === 0;

/** The agent does not come online, or the script says which call was refused. */
const missed: Symptom = (outcome, { action }) =>
  !fine(outcome) &&
  (action.startsWith('ecs:') || action.startsWith('kms:')
    ? `${outcome.stdout}${outcome.stderr}`.includes(action)
    : outcome.stderr.includes('agent'));

interface Case {
  readonly kind: PolicyKindName;
  readonly cluster: string | undefined;
  readonly flow: Flow;
}

const KEYS = {
  'ExecSessionKey kms:GenerateDataKey': 'asked by the official plugin; its stand-in does not encrypt',
  'ExecSessionKey kms:Decrypt': 'asked where sessions are encrypted, see below',
};

const first = (documents: readonly Document[]): Document => {
  const [document] = documents;
  if (document === undefined) throw new Error('a flow needs its document');
  return document;
};

const everything: Document = {
  Version: '2012-10-17',
  Statement: [{ Sid: 'All', Effect: 'Allow', Action: '*', Resource: '*' }],
};

const CASES: readonly Case[] = (['demo', undefined] as const).flatMap((cluster): readonly Case[] => {
  const suffix = cluster === undefined ? ('-tunnel-only' as const) : ('' as const);
  return [
    {
      kind: `bastion${suffix}`,
      cluster,
      flow: async (documents) => bastionUnder(await makeRole(first(documents), undefined), cluster),
    },
    {
      kind: `bastion-boundary${suffix}`,
      cluster,
      // The role itself may do everything: what is missing is missing in the boundary.
      flow: async (documents) => bastionUnder(await makeRole(everything, first(documents)), cluster),
    },
  ];
});

it.each(CASES)(
  '$kind: enough, and nothing for nothing',
  async ({ kind, flow }) => {
    const documents = [shippedDocument(kind, { ...SEALED, cluster: 'demo' })];
    const whole = await flow(documents);
    expect([whole.status, whole]).toEqual([0, whole]);
    const proof = await proveGrants(documents, flow, { symptom: missed, elsewhere: KEYS });
    tellProof(kind, proof, kind.includes('tunnel') ? {} : KEYS);
    expect(proof.idle).toEqual([]);
  },
  300_000,
);

describe('where sessions are encrypted', () => {
  const demanding = testSandbox({ demandEncryption: true });

  it('bastion: a session opens with kms:Decrypt, and not without', async () => {
    const { env } = demanding();
    const { iam } = sandboxClients(env);
    const shell = (): Promise<CliOutcome> => cli(['shell', '--', 'echo', 'inside'], { env });
    const kms = new KMSClient(sandboxClients(env).config);
    const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: 'alias/session-manager' }));
    const key = KeyMetadata?.Arn ?? '';
    await cli([...UP, '--cluster', 'demo', '--kms-key', key], { env, clock: hurried(100) });
    expect(await shell()).toMatchObject({ status: 0, stdout: 'inside\n' });
    const document = shippedDocument('bastion', { ...SEALED, cluster: 'demo', 'kms-key': key });
    const reduced = without(document, { sid: 'ExecSessionKey', action: 'kms:Decrypt' });
    await iam.send(
      new PutRolePolicyCommand({
        RoleName: 'fargate-connect-default-eu-west-1',
        PolicyName: 'bastion',
        PolicyDocument: JSON.stringify(reduced),
      }),
    );
    const refused = await shell();
    expect(fine(refused)).toBe(false);
    expect(refused.stderr).toContain('kms:Decrypt');
    await cli(['down', '--yes'], { env, clock: hurried(100) });
  });
});

it('task-role: enough for ECS Exec, and nothing for nothing', async () => {
  const { iam } = sandboxClients(sandbox().env);
  const RoleName = 'ledger-task';
  const { PolicyNames = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName }));
  for (const PolicyName of PolicyNames) await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }));
  const flow: Flow = async (documents) => {
    const PolicyDocument = JSON.stringify(first(documents));
    await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'exec', PolicyDocument }));
    return run('exec', 'ledger', '--cluster', 'sealed', '--', 'echo', 'inside');
  };
  const values = { ...SEALED, 'log-group': '/ecs/exec', 'log-bucket': 'exec-logs' };
  const documents = [shippedDocument('task-role', values)];
  const whole = await flow(documents);
  expect(whole).toMatchObject({ status: 0, stdout: 'inside\n' });
  const reason = 'asked by the agent of CloudWatch Logs and S3, which the sandbox does not have';
  const elsewhere = Object.fromEntries(
    documents
      .flatMap((document) => document.Statement)
      .filter(({ Sid }) => Sid.startsWith('Log'))
      .flatMap(({ Sid, Action }) => [Action].flat().map((action) => [`${Sid} ${action}`, reason])),
  );
  const proof = await proveGrants(documents, flow, {
    elsewhere,
    symptom: (outcome, { action }) =>
      !fine(outcome) && (!action.startsWith('kms:') || outcome.stderr.includes(action)),
  });
  tellProof('task-role', proof, elsewhere);
  expect(proof.idle).toEqual([]);
}, 120_000);
