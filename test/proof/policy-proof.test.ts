import {
  AddRoleToInstanceProfileCommand,
  AttachRolePolicyCommand,
  CreateInstanceProfileCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  DeletePolicyCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { expect, it } from 'vitest';

import { GROUP } from '../../src/sandbox/world/seed-network.ts';
import { grantToSpot } from '../support/spot-grant.ts';
import { sandboxClients } from '../support/sandbox-clients.ts';
import { cli, type CliOutcome, hurried } from '../support/cli-in-process.ts';
import {
  type Document,
  grantsOf,
  proveGrants,
  type Symptom,
  tellProof,
  type Unnamed,
  without,
} from '../support/grants.ts';
import {
  checkCommand,
  PROVED_IMAGES,
  provedDocument,
  type ProvedBy,
  provedVolumeKey,
} from '../support/proved-documents.ts';
import { quickAccount } from './crash-matrix.ts';

/** Each flow runs with exactly its own shipped document: no grant is missing, and no grant is unnecessary. */

const sandbox = quickAccount();

const SERVICE = 'orders-api';
/** The key of the volume, on which Spot's service-linked role has a grant. */
const VOLUME_KEY = provedVolumeKey();
/** What an operator does; one of these steps needs each grant of the operator documents. */
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
    '--kms-key',
    VOLUME_KEY,
  ],
  ['up', '--cluster', 'demo', '--yes', '--ttl', '9h', '--allow-db', 'billing-db', '--egress-port', '6379'],
  ['status', '--all-regions'],
  ['down', '--all', '--yes'],
];

/** Which of the two flows proves a document; `operator-ec2` is proved in the first and only used in the second. */
const PROVED_IN: Readonly<Record<ProvedBy<'operator'>, 'own role' | 'given role' | 'launches'>> = {
  'operator-ec2': 'own role',
  'operator-iam': 'own role',
  'operator-db-rule': 'own role',
  'operator-volume-key': 'own role',
  'operator-image': 'given role',
  'operator-given-role': 'given role',
  // Denies alone: test/proof/operator-narrowing-proof.test.ts.
  'operator-guardrail': 'launches',
};
const documentsOf = (flow: 'own role' | 'given role'): readonly Document[] =>
  Object.entries(PROVED_IN).flatMap(([kind, wanted]) =>
    wanted === flow ? [provedDocument(kind as ProvedBy<'operator'>)] : [],
  );

let users = 0;

const endedForTheKey: Symptom = ({ status, stderr }) =>
  status === 1 && stderr.includes('Client.InternalError');

const aliasDenied = (since: number): boolean =>
  sandbox()
    .calls.slice(since)
    .some((call) => call.action === 'ListAccountAliases' && call.outcome === 'AccessDenied');

/** Runs the flow as a user with these documents, up to the first command that fails. */
async function flowAs(
  documents: readonly Document[],
  flow: readonly (readonly string[])[] = FLOW,
): Promise<CliOutcome> {
  const env = sandbox().createPrincipal({ userName: `operator-${++users}`, policies: documents });
  let outcome: CliOutcome = { status: 0, stdout: '', stderr: '' };
  for (const args of flow) {
    const before = sandbox().calls.length;
    outcome = await cli(args, { env, clock: hurried(100), retries: false });
    if (outcome.status !== 0) return outcome;
    // A denial of the alias is silent, so it is read from the log of the calls.
    if (aliasDenied(before)) return { ...outcome, status: 4, stderr: 'iam:ListAccountAliases: AccessDenied' };
  }
  return outcome;
}

const cleanUp = (): Promise<CliOutcome> =>
  cli(['down', '--all', '--yes', '--force'], { env: sandbox().env, clock: hurried(100) });

it('the operator documents are sufficient, and every action in them is needed', async () => {
  const boundary = provedDocument('bastion-boundary');
  await sandboxClients(sandbox().env).iam.send(
    new CreatePolicyCommand({
      PolicyName: 'fargate-connect-bastion-boundary',
      Path: '/fargate-connect/',
      PolicyDocument: JSON.stringify(boundary),
    }),
  );
  await grantToSpot(sandbox().env, VOLUME_KEY);
  const before = sandbox().snapshot();
  const documents = documentsOf('own role');
  const whole = await flowAs(documents);
  expect([whole.status, whole.stderr]).toEqual([0, whole.stderr]);
  expect(sandbox().snapshot()).toBe(before);

  const unnamed: Unnamed = {
    // EC2 uses the key for the person, and the instance ends when it may not.
    shows: Object.fromEntries(
      documents
        .flatMap((document) => grantsOf(document))
        .filter(({ action }) => action.startsWith('kms:'))
        .map(({ sid, action }) => [`${sid} ${action}`, endedForTheKey]),
    ),
    check: (reduced) => {
      sandbox().createPrincipal({ userName: `operator-${++users}`, policies: reduced });
      return cli(checkCommand('operator-volume-key', `user/operator-${users}`), { env: sandbox().env });
    },
  };
  const proof = await proveGrants(documents, flowAs, {
    unnamed,
    after: async () => {
      if (sandbox().snapshot() !== before) await cleanUp();
      expect(sandbox().snapshot()).toBe(before);
    },
  });
  tellProof('operator', proof);
  expect(proof.idle).toEqual([]);
  expect(proof.tried).toBe(documents.flatMap((each) => grantsOf(each)).length);
}, 900_000);

it('with a role that an administrator created, an operator needs no IAM write action', async () => {
  const { iam } = sandboxClients(sandbox().env);
  const names = { RoleName: 'ops-bastion', Path: '/fargate-connect/' };
  await iam.send(
    new CreateRoleCommand({
      ...names,
      AssumeRolePolicyDocument: JSON.stringify(provedDocument('bastion-trust')),
    }),
  );
  await iam.send(
    new PutRolePolicyCommand({
      RoleName: 'ops-bastion',
      PolicyName: 'bastion',
      PolicyDocument: JSON.stringify(provedDocument('bastion')),
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
      [provedDocument('operator-ec2'), ...documents],
      [
        ['up', '--cluster', 'demo', '--role', 'ops-bastion', '--image', PROVED_IMAGES, '--yes'],
        ['status'],
        ['down', '--all', '--yes'],
      ],
    );
  const documents = documentsOf('given role');
  const outcome = await flow(documents);
  expect([outcome.status, outcome.stderr]).toEqual([0, outcome.stderr]);
  expect(sandbox().snapshot()).toBe(before);
  const writes = sandbox()
    .calls.slice(seen)
    .filter((call) => call.service === 'iam' && !/^(Get|List)/.test(call.action));
  expect(writes).toEqual([]);

  const proof = await proveGrants(documents, flow, {
    after: async () => {
      if (sandbox().snapshot() !== before) await cleanUp();
      expect(sandbox().snapshot()).toBe(before);
    },
  });
  tellProof('operator-given-role', proof);
  expect(proof.idle).toEqual([]);
  expect(proof.tried).toBe(documents.flatMap((each) => grantsOf(each)).length);
}, 240_000);

/** The sandbox does not implement the other denied actions: proved-documents.test.ts checks them with the evaluator. */
it.each([
  [
    'NeverLoosenTheBoundary',
    'iam:AttachRolePolicy',
    new AttachRolePolicyCommand({
      RoleName: 'loose',
      PolicyArn: 'arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore',
    }),
  ],
  [
    'NeverLoosenTheBoundary',
    'iam:UpdateAssumeRolePolicy',
    new UpdateAssumeRolePolicyCommand({ RoleName: 'loose', PolicyDocument: trustText() }),
  ],
  [
    'NeverEditTheBoundaryPolicy',
    'iam:DeletePolicy',
    new DeletePolicyCommand({ PolicyArn: boundaryArn('fargate-connect-bastion-boundary') }),
  ],
])('%s: denies %s to an operator, whatever another document grants', async (sid, action, call) => {
  const admin = sandboxClients(sandbox().env).iam;
  const Path = '/fargate-connect/';
  const made = { RoleName: 'loose', Path, AssumeRolePolicyDocument: trustText() };
  await admin.send(new CreateRoleCommand(made)).catch(() => undefined);
  const document = provedDocument('operator-iam');
  const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
  const outcomeWith = (own: Document): Promise<string> => {
    const policies = [own, everything];
    const env = sandbox().createPrincipal({ userName: `admin-${++users}`, policies });
    return sandboxClients(env)
      .iam.send(call as AttachRolePolicyCommand)
      .then(
        () => 'done',
        (error: unknown) => String(error),
      );
  };
  expect(await outcomeWith(document)).toContain('explicit deny');
  expect(await outcomeWith(without(document, { sid, action }))).toBe('done');
});

function trustText(): string {
  return JSON.stringify(provedDocument('bastion-trust'));
}

function boundaryArn(name: string): string {
  return `arn:aws:iam::111122223333:policy/fargate-connect/${name}`;
}
