import { ECSClient, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { AttachRolePolicyCommand, CreateRoleCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { CreateDocumentCommand, SSMClient } from '@aws-sdk/client-ssm';
import { AssumeRoleCommand } from '@aws-sdk/client-sts';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { AwsAccount } from '../../src/aws/account.ts';
import { createOpenSocket } from '../../src/connect/channel/message-socket.ts';
import { PortSession } from '../../src/connect/forward/port-session.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { ToolError } from '../../src/core/errors.ts';
import { DEFAULT_KEY_ID } from '../../src/sandbox/services/kms/kms.ts';
import { ACCOUNT } from '../../src/sandbox/world/seed-roles.ts';
import { databaseToken } from '../support/database-token.ts';
import { eventually } from '../support/eventually.ts';
import { FakeSignals } from '../support/fake-deps.ts';
import { sandboxClients } from '../support/sandbox-clients.ts';
import { testSandbox } from '../support/test-sandbox.ts';
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
import { DIRECT } from '../support/direct-agents.ts';
import {
  checkCommand,
  provedDocument,
  type ProvedBy,
  SESSION_DOCUMENT,
  TOKEN_USER,
  DATABASE_SECRET,
} from '../support/proved-documents.ts';

/**
 * Proofs of the documents for people who only use existing resources: each flow needs exactly one document, and every
 * grant in it.
 */

const sandbox = testSandbox();
const CLUSTER = ['--cluster', 'demo'] as const;
const DATABASE = 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';
let instanceId = '';

beforeAll(async () => {
  const { env } = sandbox();
  const up = await cli(['up', ...CLUSTER, '--db', 'orders-db', '--yes', '--json'], { env });
  if (up.status !== 0) throw new Error(up.stderr);
  ({ instanceId } = JSON.parse(up.stdout) as { instanceId: string });
  const printed = await cli(['policy', 'session-document', '--db', 'orders-db'], { env });
  await new SSMClient(sandboxClients(env).config).send(
    new CreateDocumentCommand({
      Name: SESSION_DOCUMENT,
      DocumentType: 'Session',
      DocumentFormat: 'JSON',
      Content: printed.stdout,
    }),
  );
  await new SecretsManagerClient(sandboxClients(env).config).send(
    new CreateSecretCommand({
      Name: DATABASE_SECRET,
      KmsKeyId: DEFAULT_KEY_ID,
      SecretString: JSON.stringify({ username: 'orders', password: 'orders-sandbox-only' }),
    }),
  );
  await sandboxClients(env).iam.send(
    new AttachRolePolicyCommand({
      RoleName: 'orders-api-task',
      PolicyArn: 'arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore',
    }),
  );
  await sandbox().warmUpDatabase('orders-db');
}, 120_000);
afterAll(() => cli(['down', '--all', '--yes', '--force'], { env: sandbox().env }));

/** A session has 15 seconds to begin, however busy the machine is. */
const patient = (): Clock => hurried(20, 2);

type Env = Readonly<Record<string, string>>;
type Step = (env: Env) => Promise<CliOutcome>;

const SLOW = ['sh', '-c', 'echo ready; sleep 30'] as const;

const command =
  (...args: readonly string[]): Step =>
  (env) =>
    cli(args, { env, clock: patient(), retries: false });

/** Sends a signal as soon as stdout shows that the command runs. */
const until =
  (sign: string, ...args: readonly string[]): Step =>
  (env) => {
    const signals = new FakeSignals();
    const onStdout = (text: string): void => {
      if (text.includes(sign)) signals.raise('SIGTERM');
    };
    return cli(args, { env, clock: patient(), signals, onStdout, retries: false });
  };

/**
 * The gateway drops every message from `sign` on, including the flag that ends sessions: only TerminateSession can end
 * this one.
 */
const endedInSilence =
  (sign: string, ...args: readonly string[]): Step =>
  async (env) => {
    const signals = new FakeSignals();
    const onStdout = (text: string): void => {
      if (!text.includes(sign)) return;
      sandbox().faults.sessions.set('silent');
      signals.raise('SIGTERM');
    };
    try {
      return await cli(args, { env, clock: patient(), signals, onStdout, retries: false });
    } finally {
      sandbox().faults.sessions.set();
    }
  };

/** Cuts the connection once while the session runs; the step ends when the client has resumed or has given up. */
const afterACut =
  (...args: readonly string[]): Step =>
  async (env) => {
    sandbox().faults.sessions.set('cut-client=after:300ms');
    const signals = new FakeSignals();
    const onStderr = (text: string): void => {
      if (text.includes('connected again')) signals.raise('SIGTERM');
    };
    try {
      return await cli(args, { env, clock: patient(), signals, onStderr, retries: false });
    } finally {
      sandbox().faults.sessions.set();
    }
  };

/**
 * On a terminal the line before a session shows the alias of the account. A denial is silent, so this step turns it
 * into an outcome.
 */
const showingAlias =
  (...args: readonly string[]): Step =>
  async (env) => {
    const before = sandbox().calls.length;
    const signals = new FakeSignals();
    const onStderr = (text: string): void => {
      if (text.includes('eu-west-1, account')) signals.raise('SIGTERM');
    };
    const ran = await cli(args, {
      env,
      clock: patient(),
      signals,
      onStderr,
      retries: false,
      tty: { stderr: true },
    });
    if (!fine(ran)) return ran;
    const { outcome } = await eventually(() =>
      sandbox()
        .calls.slice(before)
        .find((call) => call.action === 'ListAccountAliases' && call.outcome !== 'pending'),
    );
    return outcome === 'ok' ? ran : { ...ran, status: 4, stderr: `iam:ListAccountAliases: ${outcome}` };
  };

const to = (via: 'bastion' | 'task'): readonly string[] =>
  via === 'bastion' ? ['--via', via] : [...CLUSTER, '--service', 'orders-api', '--via', via];
const forward = (via: 'bastion' | 'task'): readonly string[] => [
  'forward',
  '-L',
  `0:${DATABASE}:5432`,
  ...to(via),
  '--json',
];
/** A single session that no other one replaces. */
const stdio = (via: 'bastion' | 'task'): readonly string[] => [
  'forward',
  '--stdio',
  `${DATABASE}:5432`,
  ...to(via),
];

/**
 * Opens the forward and logs in to the database with a token of this user. The outcome is the answer of the database.
 */
const logIn: Step = async (env) => {
  const signals = new FakeSignals();
  let refusal = '';
  let login: Promise<void> | undefined;
  const onStdout = (text: string): void => {
    const port = /"port":(\d+)/.exec(text)?.[1];
    if (port === undefined || login !== undefined) return;
    login = connect(Number(port), env)
      .catch((error: unknown) => {
        refusal = String(error);
      })
      .finally(() => signals.raise('SIGTERM'));
  };
  const outcome = await cli(forward('bastion'), { env, clock: patient(), signals, onStdout, retries: false });
  return refusal === '' ? outcome : { ...outcome, status: 1, stderr: outcome.stderr + refusal };
};

async function connect(port: number, env: Env): Promise<void> {
  const password = await databaseToken(env, { host: DATABASE, port: 5432, user: TOKEN_USER });
  const client = new Client({ host: '127.0.0.1', port, user: TOKEN_USER, database: 'orders', password });
  await client.connect();
  await client.query('SELECT 1 FROM orders LIMIT 1');
  await client.end();
}

const byDocument = ['forward', '--document', SESSION_DOCUMENT, '-L', '0', '--json'] as const;

/**
 * A session with the document that is cut and resumed. A forward would replace its session, so this test uses a single
 * one.
 */
const cutOnce: Step = async (env) => {
  let account: AwsAccount | undefined;
  // The command serves only to get an account with the right ports.
  const status = await cli(['status'], { env, retries: false, account: (opened) => (account = opened) });
  if (account === undefined) return status;
  try {
    await tunnel(account);
    return { ...status, status: 0 };
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    return {
      status: error.exitStatus,
      stdout: '',
      stderr: `${error.message}\n${JSON.stringify(error.details)}`,
    };
  } finally {
    sandbox().faults.sessions.set();
  }
};

async function tunnel(account: AwsAccount): Promise<void> {
  const ssm = await account.ssm();
  const documentName = SESSION_DOCUMENT;
  const parameters = { localPortNumber: ['0'] };
  const started = await ssm.startSession({ target: instanceId, documentName, parameters, reason: 'test' });
  const clock = patient();
  let mended = (): void => undefined;
  const again = new Promise<void>((resolve) => (mended = resolve));
  const session = new PortSession(
    started,
    instanceId,
    {
      ssm,
      kms: () => Promise.reject(new Error('port sessions are never encrypted')),
      signer: await account.signer(),
      openSocket: createOpenSocket(DIRECT, systemClock),
      clock,
      random: {
        number: Math.random,
        bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
        uuid: () => crypto.randomUUID(),
      },
      report: () => undefined,
    },
    { resumed: () => mended() },
  );
  const ended = session.ended();
  ended.catch(() => undefined);
  await session.start();
  sandbox().faults.sessions.set('cut-client=after:1ms');
  await Promise.race([again, ended]);
  await session.close();
}

const fine = ({ status }: CliOutcome): boolean => status === 0 || status === 130;

/** The outcome of the last step, with what all steps wrote to stderr. */
async function run(steps: readonly Step[], env: Env): Promise<CliOutcome> {
  let outcome: CliOutcome = { status: 0, stdout: '', stderr: '' };
  for (const step of steps) {
    const { stderr } = outcome;
    outcome = await step(env);
    outcome = { ...outcome, stderr: stderr + outcome.stderr };
    if (!fine(outcome)) break;
  }
  return outcome;
}

let people = 0;
const user = (policies: readonly Document[]): Env =>
  sandbox().createPrincipal({ userName: `person-${++people}`, policies });

/** Assumes a new role with these documents: its sessions are named after the role, and it has no user name. */
async function roleSession(policies: readonly Document[]): Promise<Env> {
  const { env } = sandbox();
  const { iam, sts } = sandboxClients(env);
  const RoleName = `people-${++people}`;
  const Principal = { AWS: `arn:aws:iam::${ACCOUNT}:root` };
  const Statement = [{ Effect: 'Allow', Principal, Action: 'sts:AssumeRole' }];
  const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
  for (const [index, policy] of policies.entries()) {
    const PolicyDocument = JSON.stringify(policy);
    await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: `policy-${index}`, PolicyDocument }));
  }
  const { Credentials } = await sts.send(
    new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: 'ada@example.com' }),
  );
  return {
    ...env,
    AWS_ACCESS_KEY_ID: Credentials?.AccessKeyId ?? '',
    AWS_SECRET_ACCESS_KEY: Credentials?.SecretAccessKey ?? '',
    AWS_SESSION_TOKEN: Credentials?.SessionToken ?? '',
  };
}

/** The database checks this permission itself and refuses with its own message. */
const refusedByDatabase: Symptom = (outcome) =>
  outcome.stderr.includes(`PAM authentication failed for user "${TOKEN_USER}"`);

/** A client that does nothing, for `db`. */
const NODE_CLIENT = (...flags: readonly string[]): readonly string[] => [
  ...flags,
  '--port',
  '0',
  '--',
  process.execPath,
  '-e',
  '0',
];
/** `db` without an id lists the databases that the service uses first; the missing id is no failure here. */
const chooseOfService: Step = async (env) => {
  const outcome = await command('db', ...CLUSTER, '--service', 'orders-api')(env);
  return outcome.status === 2 ? { ...outcome, status: 0 } : outcome;
};

/** Without the groups, `db` uses the bastion and says that it does not know whether it reaches the database. */
const reachUnknown: Symptom = (outcome) => outcome.stderr.includes('its security groups could not be read');
interface Case {
  readonly steps: readonly Step[];
  /** Another document that the flow needs, which the proof does not change. */
  readonly beside?: readonly Document[];
  readonly unnamed?: Unnamed;
  /** Calls that the document's Deny forbids to a user who also has these documents. */
  readonly forbids?: { readonly sid: string; readonly beside: readonly Document[]; readonly step: Step };
}

const CASES: Readonly<Record<ProvedBy<'person'>, Case>> = {
  exec: {
    steps: [
      command('ls', 'clusters'),
      command('ls', 'services', '--cluster', 'sealed'),
      showingAlias('exec', 'ledger', '--cluster', 'sealed', '--', ...SLOW),
      until('ready', 'exec', 'ledger', '--cluster', 'sealed', '--', ...SLOW),
      afterACut('exec', 'ledger', '--cluster', 'sealed', '--', ...SLOW),
    ],
  },
  'enable-exec': {
    steps: [
      command('ls', 'services', ...CLUSTER),
      // An administrator disables it again, so that each run has something to change.
      async () => {
        const config = sandboxClients(sandbox().env).config;
        const service = { cluster: 'demo', service: 'orders-api', enableExecuteCommand: false };
        await new ECSClient(config).send(new UpdateServiceCommand(service));
        return { status: 0, stdout: '', stderr: '' };
      },
      command('enable-exec', 'orders-api', '--yes', '--wait'),
    ],
  },
  logs: {
    steps: [
      command('ls', 'clusters'),
      command('ls', 'services', ...CLUSTER),
      // The tasks stopped so long ago that ECS has forgotten them; the events of the service name them.
      command('logs', 'orders-api', ...CLUSTER, '--since', '2h'),
      // No log line is as recent as that, so the command looks up the time of the last one.
      command('logs', 'orders-api', ...CLUSTER, '--since', '1s'),
    ],
  },
  'forward-bastion': {
    steps: [
      command('status'),
      showingAlias(...stdio('bastion')),
      until('forward-ready', ...forward('bastion')),
      endedInSilence('forward-ready', ...forward('bastion')),
      afterACut(...stdio('bastion')),
    ],
    forbids: {
      sid: 'NeverAShellOrACommand',
      beside: [provedDocument('shell')],
      step: command('shell', '--', 'true'),
    },
  },
  'forward-document': {
    steps: [
      command('status'),
      showingAlias(...byDocument.filter((word) => word !== '--json')),
      until('forward-ready', ...byDocument),
      endedInSilence('forward-ready', ...byDocument),
      cutOnce,
    ],
    forbids: {
      sid: 'NeverAnotherDocument',
      beside: [provedDocument('forward-bastion')],
      step: until('forward-ready', ...forward('bastion')),
    },
  },
  'forward-task': {
    steps: [
      command('ls', 'clusters'),
      command('ls', 'services', ...CLUSTER),
      showingAlias(...stdio('task')),
      until('forward-ready', ...forward('task')),
      endedInSilence('forward-ready', ...forward('task')),
      afterACut(...stdio('task')),
    ],
    forbids: {
      sid: 'NeverAShellOrACommand',
      beside: [provedDocument('shell')],
      step: command('shell', '--', 'true'),
    },
  },
  shell: {
    steps: [
      command('status'),
      until('sh-5.2$ ', 'shell'),
      showingAlias('shell', '--', ...SLOW),
      until('ready', 'shell', '--', ...SLOW),
      afterACut('shell', '--', ...SLOW),
    ],
  },
  db: {
    steps: [
      command('ls', 'databases', '--json'),
      logIn,
      command('db', 'orders-db', ...NODE_CLIENT('--secret', DATABASE_SECRET)),
      chooseOfService,
    ],
    beside: [provedDocument('forward-bastion'), provedDocument('forward-task')],
    unnamed: {
      shows: {
        'ReadWhichDatabasesATaskDefinitionNames ecs:DescribeTaskDefinition': (outcome) =>
          outcome.stderr.includes('ecs:DescribeTaskDefinition'),
        'LogInWithIamToken rds-db:connect': refusedByDatabase,
        'CompareSecurityGroups ec2:DescribeSecurityGroups': reachUnknown,
      },
      check: (documents) => {
        user(documents);
        return cli(checkCommand('db', `user/person-${people}`), { env: sandbox().env });
      },
    },
  },
  check: {
    steps: [
      command('policy', 'task-role', '--check', 'role/orders-api-task'),
      command('policy', 'shell', '--check', 'user/developer'),
      // Exit status 1 says that the two differ.
      async (env) => {
        const args = ['policy', 'diff', 'role/orders-api-task', 'task-role'];
        const outcome = await cli(args, { env, retries: false });
        return outcome.status === 1 && outcome.stdout.startsWith('only ')
          ? { ...outcome, status: 0 }
          : outcome;
      },
    ],
  },
  'deny-unlogged': {
    steps: [],
    forbids: {
      sid: 'NoUnloggedSessionsIntoTasks',
      beside: [provedDocument('forward-task')],
      step: until('forward-ready', ...forward('task')),
    },
  },
};
const cases = Object.entries(CASES).map(([kind, each]) => ({ ...each, kind: kind as ProvedBy<'person'> }));

describe.each(cases)('$kind', ({ kind, steps, beside = [], unnamed, forbids }) => {
  const document = provedDocument(kind);

  if (steps.length > 0) {
    it('is sufficient, and every grant in it is needed', async () => {
      const flow = (documents: readonly Document[]): Promise<CliOutcome> => run(steps, user(documents));
      const whole = await flow([document, ...beside]);
      expect([fine(whole), whole]).toEqual([true, whole]);
      const proof = await proveGrants([document], flow, { unnamed, beside });
      tellProof(kind, proof);
      expect(proof.idle).toEqual([]);
      expect(proof.tried).toBe(grantsOf(document).length);
    }, 300_000);

    it('is sufficient for an assumed role too', async () => {
      const whole = await run(steps, await roleSession([document, ...beside]));
      expect([fine(whole), whole]).toEqual([true, whole]);
    });
  }

  if (forbids !== undefined) {
    it('forbids what other documents grant', async () => {
      const rest = forbids.beside.map((each) => ({
        ...each,
        Statement: each.Statement.filter(({ Effect }) => Effect === 'Allow'),
      }));
      const outcomeWith = (own: Document): Promise<CliOutcome> => forbids.step(user([own, ...rest]));
      const forbidden = await outcomeWith(document);
      expect(forbidden).toMatchObject({ status: 4 });
      expect(forbidden.stderr).toContain('explicit deny');
      const allowed = await outcomeWith(without(document, { sid: forbids.sid, action: 'ssm:StartSession' }));
      expect([fine(allowed), allowed]).toEqual([true, allowed]);
    });
  }
});
