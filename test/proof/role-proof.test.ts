import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  DeleteRolePolicyCommand,
  ListRolePoliciesCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { describe, expect, it } from 'vitest';

import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { defaultSeed } from '../../src/sandbox/world/seed.ts';
import { VPC } from '../../src/sandbox/world/seed-network.ts';
import { FakeSignals } from '../support/fake-deps.ts';
import { sandboxClients } from '../support/sandbox-clients.ts';
import { testSandbox } from '../support/test-sandbox.ts';
import { cli, type CliOutcome, hurried } from '../support/cli-in-process.ts';
import {
  type Document,
  type Flow,
  grantsOf,
  proveGrants,
  type Symptom,
  tellProof,
  type Unnamed,
} from '../support/grants.ts';
import {
  checkCommand,
  LOG_BUCKET,
  LOG_GROUP,
  provedDocument,
  type ProvedBy,
  type ProvedKind,
} from '../support/proved-documents.ts';

/**
 * Proofs of the documents for roles: of bastions, with and without a permissions boundary, and of tasks. The refused
 * caller is a machine here.
 */

const UP = ['up', '--vpc', VPC.main, '--yes'] as const;
const SERVICE = 'orders-api';
const DATABASE = 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';

const run = ({ env }: Sandbox, ...args: readonly string[]): Promise<CliOutcome> =>
  cli(args, { env, clock: hurried(100) });

const fine = ({ status }: CliOutcome): boolean => status === 0 || status === 130;

const only = (documents: readonly Document[]): Document => {
  const [document] = documents;
  if (document === undefined) throw new Error('a flow needs its document');
  return document;
};

let roles = 0;
/** Creates the role and the instance profile as an administrator would, for `up --role`. */
async function makeRole(
  { env }: Sandbox,
  made: { readonly policy: Document; readonly boundary?: Document; readonly trust?: Document },
): Promise<string> {
  const { iam } = sandboxClients(env);
  const Path = '/fargate-connect/';
  const name = `role-${++roles}`;
  const PolicyName = `${name}-boundary`;
  const limit =
    made.boundary === undefined
      ? undefined
      : await iam.send(
          new CreatePolicyCommand({ PolicyName, Path, PolicyDocument: JSON.stringify(made.boundary) }),
        );
  await iam.send(
    new CreateRoleCommand({
      RoleName: name,
      Path,
      AssumeRolePolicyDocument: JSON.stringify(made.trust ?? provedDocument('bastion-trust')),
      PermissionsBoundary: limit?.Policy?.Arn,
    }),
  );
  const PolicyDocument = JSON.stringify(made.policy);
  await iam.send(new PutRolePolicyCommand({ RoleName: name, PolicyName: 'bastion', PolicyDocument }));
  await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName: name, Path }));
  await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: name }));
  return name;
}

/** Brings up a bastion for tunnels with that role, waits until it is online, and opens a tunnel through it. */
async function tunnels(sandbox: Sandbox, role: string): Promise<CliOutcome> {
  try {
    const up = await run(sandbox, ...UP, '--tunnel-only', '--db', 'orders-db', '--role', role);
    if (!fine(up)) return up;
    const signals = new FakeSignals();
    const onStdout = (): void => signals.raise('SIGTERM');
    const { env } = sandbox;
    const forward = ['forward', '-L', `0:${DATABASE}:5432`, '--via', 'bastion', '--json'];
    return await cli(forward, { env, signals, onStdout });
  } finally {
    await run(sandbox, 'down', '--yes', '--force');
  }
}

/** Brings up a bastion for a cluster with that role; its script lists services and runs a command in one of them. */
async function reachesContainers(sandbox: Sandbox, role: string): Promise<CliOutcome> {
  try {
    const up = await run(sandbox, ...UP, '--cluster', 'demo', '--role', role);
    if (!fine(up)) return up;
    const list = await run(sandbox, 'shell', '--', 'ecs_connect.sh', 'nope');
    if (!list.stderr.includes(`${SERVICE} `)) return list;
    const inside = await run(sandbox, 'shell', '--', 'ecs_connect.sh', SERVICE, 'app', 'echo', 'inside');
    return /^inside/m.test(inside.stdout) ? inside : { ...inside, status: inside.status || 1 };
  } finally {
    await run(sandbox, 'down', '--yes', '--force');
  }
}

const notConnected: Symptom = (outcome) =>
  !fine(outcome) &&
  outcome.stderr.includes('is not connected') &&
  outcome.stderr.includes('fargate-connect doctor --cluster sealed --task');

const shownBy = (
  document: Document,
  symptom: Symptom,
  which: (action: string) => boolean,
): Readonly<Record<string, Symptom>> =>
  Object.fromEntries(
    grantsOf(document)
      .filter(({ action }) => which(action))
      .map(({ sid, action }) => [`${sid} ${action}`, symptom]),
  );

interface Case {
  readonly flow: (sandbox: Sandbox, documents: readonly Document[]) => Promise<CliOutcome>;
  readonly unnamed?: (document: Document) => Unnamed;
}

const everything: Document = {
  Version: '2012-10-17',
  Statement: [{ Sid: 'All', Effect: 'Allow', Action: '*', Resource: '*' }],
};
const BASTION: Readonly<Record<Extract<ProvedBy<'role'>, `bastion${string}`>, Case>> = {
  bastion: {
    flow: async (sandbox, documents) =>
      reachesContainers(sandbox, await makeRole(sandbox, { policy: only(documents) })),
  },
  // The role itself may do everything, so that only the boundary can refuse.
  'bastion-boundary': {
    flow: async (sandbox, documents) =>
      reachesContainers(sandbox, await makeRole(sandbox, { policy: everything, boundary: only(documents) })),
  },
  'bastion-tunnel-only': {
    flow: async (sandbox, documents) =>
      tunnels(sandbox, await makeRole(sandbox, { policy: only(documents) })),
  },
  'bastion-boundary-tunnel-only': {
    flow: async (sandbox, documents) =>
      tunnels(sandbox, await makeRole(sandbox, { policy: everything, boundary: only(documents) })),
  },
  'bastion-trust': {
    flow: async (sandbox, documents) =>
      tunnels(sandbox, await makeRole(sandbox, { policy: everything, trust: only(documents) })),
  },
};

async function prove(kind: ProvedBy<'role'>, flow: Flow, unnamed?: Unnamed) {
  const document = provedDocument(kind);
  const whole = await flow([document]);
  expect([fine(whole), whole]).toEqual([true, whole]);
  const proof = await proveGrants([document], flow, { unnamed });
  tellProof(kind, proof);
  expect(proof.idle).toEqual([]);
  expect(proof.tried).toBe(grantsOf(document).length);
}

describe('roles of bastions in an account that encrypts every session', () => {
  const sandbox = testSandbox({ demandEncryption: true });

  it.each(Object.entries(BASTION))(
    '%s: the document is sufficient, and every grant in it is needed',
    async (kind, { flow }) => {
      const name = kind as keyof typeof BASTION;
      // The agent of the task decrypts with a role of its own, which this test does not cover.
      await sandboxClients(sandbox().env).iam.send(
        new PutRolePolicyCommand({
          RoleName: 'orders-api-task',
          PolicyName: 'session-key',
          PolicyDocument: JSON.stringify({
            Version: '2012-10-17',
            Statement: [{ Effect: 'Allow', Action: 'kms:Decrypt', Resource: '*' }],
          }),
        }),
      );
      await prove(name, (documents) => flow(sandbox(), documents));
    },
    300_000,
  );
});

describe('the role of a task, in a cluster that encrypts and logs', () => {
  const seed = defaultSeed();
  const sandbox = testSandbox({
    seed: {
      ...seed,
      clusters: seed.clusters.map((cluster) =>
        cluster.name === 'sealed'
          ? {
              ...cluster,
              logging: {
                cloudWatchLogGroupName: LOG_GROUP,
                cloudWatchEncryptionEnabled: true,
                s3BucketName: LOG_BUCKET,
                s3EncryptionEnabled: true,
              },
            }
          : cluster,
      ),
      logGroups: [{ name: LOG_GROUP, kmsKeyId: 'a-key' }],
      buckets: [{ name: LOG_BUCKET, isEncrypted: true }],
    },
  });
  const RoleName = 'ledger-task';

  /** Checks what a transcript is for: that the session can be read afterwards, in both places. */
  async function loggedExec(): Promise<CliOutcome> {
    const transcripts = (): readonly string[] => {
      const { sessionLogs } = sandbox();
      return [
        ...[...sessionLogs.streams(LOG_GROUP)].map(([name, text]) => `events ${name} ${text}`),
        ...[...sessionLogs.objects(LOG_BUCKET)].map(([name, text]) => `object ${name} ${text}`),
      ].filter((line) => line.includes('inside'));
    };
    const before = new Set(transcripts());
    const outcome = await run(sandbox(), 'exec', 'ledger', '--cluster', 'sealed', '--', 'echo', 'inside');
    if (outcome.status !== 0) return outcome;
    const logged = transcripts().filter((line) => !before.has(line));
    const missing = ['events', 'object'].filter((place) => !logged.some((line) => line.startsWith(place)));
    return missing.length === 0
      ? outcome
      : { ...outcome, status: 1, stderr: `no transcript: ${missing.join()}` };
  }

  /** The client never sees the refusal: only the transcript of the session is missing. */
  const unlogged =
    (place: string): Symptom =>
    (outcome) =>
      outcome.stderr === `no transcript: ${place}`;
  /** The agent treats a log group that it may not describe like one without a key; the message names both reasons. */
  const namedAsOneOfTwo: Symptom = (outcome, { action }) =>
    outcome.status === 255 && outcome.stderr.includes(action);

  /** Checks the role with the documents that the flow has just given it. */
  const check = (kind: ProvedKind) => (): Promise<CliOutcome> =>
    run(sandbox(), ...checkCommand(kind, `role/${RoleName}`));

  const TASK: Readonly<Record<Exclude<ProvedBy<'role'>, keyof typeof BASTION>, Case>> = {
    'task-role': {
      flow: async ({ env }, documents) => {
        const { iam } = sandboxClients(env);
        const { PolicyNames = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName }));
        for (const PolicyName of PolicyNames)
          await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName }));
        const PolicyDocument = JSON.stringify(only(documents));
        await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'exec', PolicyDocument }));
        return loggedExec();
      },
      unnamed: (document) => ({
        shows: {
          ...shownBy(document, notConnected, (action) => action.endsWith('ControlChannel')),
          'LogGroups logs:DescribeLogGroups': namedAsOneOfTwo,
          'LogStreams logs:CreateLogStream': unlogged('events'),
          'LogStreams logs:PutLogEvents': unlogged('events'),
          'LogBucketObjects s3:PutObject': unlogged('object'),
        },
        check: check('task-role'),
      }),
    },
    'task-trust': {
      flow: async ({ env }, documents) => {
        const PolicyDocument = JSON.stringify(only(documents));
        await sandboxClients(env).iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument }));
        return run(sandbox(), 'exec', 'ledger', '--cluster', 'sealed', '--', 'echo', 'inside');
      },
      unnamed: (document) => ({
        shows: shownBy(document, notConnected, () => true),
        check: check('task-trust'),
      }),
    },
  };

  it.each(Object.entries(TASK))(
    '%s: the document is sufficient, and every grant in it is needed',
    async (kind, { flow, unnamed }) => {
      const name = kind as keyof typeof TASK;
      await prove(name, (documents) => flow(sandbox(), documents), unnamed?.(provedDocument(name)));
    },
    120_000,
  );
});
