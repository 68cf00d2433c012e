import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { expect, it } from 'vitest';

import type { PolicyKindName } from '../../../src/provision/policy-kinds.ts';
import { GROUP, VPC } from '../../../src/sandbox/world/seed-network.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome, hurried } from './cli-in-process.ts';
import { type Document, proveGrants, shippedDocument, tellProof } from './grants.ts';

/** Each flow runs under exactly its own shipped document; no grant is missing, and none is there for nothing. */

const sandbox = testSandbox();

const VALUES = {
  partition: 'aws',
  account: '111122223333',
  region: 'eu-west-1',
  bastion: 'default',
  cluster: 'demo',
  container: '*',
  vpc: VPC.main,
  'client-security-group': GROUP.dbClients,
  'database-security-group': GROUP.billingDb,
  role: 'ops-bastion',
};

const document = (kind: PolicyKindName): Document => shippedDocument(kind, VALUES);

const SERVICE = 'orders-api';
/** What an operator does; every grant of the operator's documents is for one of these. */
const FLOW: readonly (readonly string[])[] = [
  ['up', '--service', SERVICE, '--dry-run'],
  ['up', '--cluster', 'demo', '--dry-run'],
  [
    'up',
    '--cluster',
    'demo',
    '--yes',
    '--allow-db',
    'billing-db',
    '--client-security-group',
    GROUP.dbClients,
  ],
  ['up', '--cluster', 'demo', '--yes', '--ttl', '2h', '--allow-db', 'billing-db'],
  ['status', '--all-regions'],
  ['down', '--all', '--yes'],
];

let users = 0;

/** Runs the flow as a user with these documents; stops at the first command that fails. */
async function flowAs(
  documents: readonly Document[],
  flow: readonly (readonly string[])[] = FLOW,
): Promise<CliOutcome> {
  const env = sandbox().createPrincipal({ userName: `operator-${++users}`, policies: documents });
  let outcome: CliOutcome = { status: 0, stdout: '', stderr: '' };
  for (const args of flow) {
    outcome = await cli(args, { env, clock: hurried(10), retries: false });
    if (outcome.status !== 0) return outcome;
  }
  return outcome;
}

const cleanUp = (): Promise<CliOutcome> =>
  cli(['down', '--all', '--yes', '--force'], { env: sandbox().env, clock: hurried(10) });

it('the operator documents are enough, and no action in them is too many', async () => {
  const boundary = document('bastion-boundary');
  await sandboxClients(sandbox().env).iam.send(
    new CreatePolicyCommand({
      PolicyName: 'fargate-connect-bastion-boundary',
      Path: '/fargate-connect/',
      PolicyDocument: JSON.stringify(boundary),
    }),
  );
  const before = sandbox().snapshot();
  const documents = [document('operator-ec2'), document('operator-iam'), document('operator-db-rule')];
  const whole = await flowAs(documents);
  expect([whole.status, whole.stderr]).toEqual([0, whole.stderr]);
  expect(sandbox().snapshot()).toBe(before);

  const proof = await proveGrants(documents, flowAs, {
    after: async () => {
      await cleanUp();
      expect(sandbox().snapshot()).toBe(before);
    },
  });
  tellProof('operator', proof);
  expect(proof.idle).toEqual([]);
}, 900_000);

it('with a role that an administrator made, nobody needs to write IAM', async () => {
  const { iam } = sandboxClients(sandbox().env);
  const names = { RoleName: 'ops-bastion', Path: '/fargate-connect/' };
  await iam.send(
    new CreateRoleCommand({ ...names, AssumeRolePolicyDocument: JSON.stringify(document('bastion-trust')) }),
  );
  await iam.send(
    new PutRolePolicyCommand({
      RoleName: 'ops-bastion',
      PolicyName: 'bastion',
      PolicyDocument: JSON.stringify(document('bastion')),
    }),
  );
  await iam.send(
    new CreateInstanceProfileCommand({ InstanceProfileName: 'ops-bastion', Path: '/fargate-connect/' }),
  );
  await iam.send(
    new AddRoleToInstanceProfileCommand({ InstanceProfileName: 'ops-bastion', RoleName: 'ops-bastion' }),
  );
  const before = sandbox().snapshot();
  const seen = sandbox().calls.length;
  const flow = (documents: readonly Document[]): Promise<CliOutcome> =>
    flowAs(
      [document('operator-ec2'), ...documents],
      [['up', '--cluster', 'demo', '--role', 'ops-bastion', '--yes'], ['status'], ['down', '--all', '--yes']],
    );
  const outcome = await flow([document('operator-given-role')]);
  expect([outcome.status, outcome.stderr]).toEqual([0, outcome.stderr]);
  expect(sandbox().snapshot()).toBe(before);
  const writes = sandbox()
    .calls.slice(seen)
    .filter((call) => call.service === 'iam' && !/^(Get|List)/.test(call.action));
  expect(writes).toEqual([]);

  const proof = await proveGrants([document('operator-given-role')], flow, {
    after: async () => void (await cleanUp()),
  });
  tellProof('operator-given-role', proof);
  expect(proof.idle).toEqual([]);
}, 240_000);
