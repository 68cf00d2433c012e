import { afterAll, beforeAll, expect, it } from 'vitest';

import type { PlaceholderValues } from '../../../src/provision/policy-documents.ts';
import type { PolicyKindName } from '../../../src/provision/policy-kinds.ts';
import { ACCOUNT, EXEC_KEY_ID, REGION } from '../../../src/sandbox/world/seed-roles.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome } from './cli-in-process.ts';
import {
  type Document,
  grantsOf,
  proveGrants,
  shippedDocument,
  type Symptom,
  tellProof,
  without,
} from './grants.ts';

/** Documents for people who only use what is there: each flow under exactly one of them, and no grant for nothing. */

const sandbox = testSandbox();
const CLUSTER = ['--cluster', 'demo'] as const;
const DATABASE = 'orders-db.c1x2y3z4abcd.eu-west-1.rds.amazonaws.com';

beforeAll(async () => {
  const up = await cli(['up', ...CLUSTER, '--db', 'orders-db', '--yes'], { env: sandbox().env });
  if (up.status !== 0) throw new Error(up.stderr);
});
afterAll(() => cli(['down', '--all', '--yes', '--force'], { env: sandbox().env }));

type Env = Readonly<Record<string, string>>;
type Step = (env: Env) => Promise<CliOutcome>;

const SLOW = ['sh', '-c', 'echo ready; sleep 30'] as const;

const command =
  (...args: readonly string[]): Step =>
  (env) =>
    cli(args, { env, retries: false });

/** Ends by a signal as soon as stdout says that it runs. */
const until =
  (sign: string, ...args: readonly string[]): Step =>
  (env) => {
    const signals = new FakeSignals();
    const onStdout = (text: string): void => {
      if (text.includes(sign)) signals.raise('SIGTERM');
    };
    return cli(['--debug', ...args], { env, signals, onStdout, retries: false });
  };

const forwarding = (...args: readonly string[]): readonly string[] => [
  'forward',
  '-L',
  `0:${DATABASE}:5432`,
  ...args,
  '--json',
];

/** The connection is cut once, when the session runs; the step ends when that is mended or is known to be beyond it. */
const afterACut =
  (...args: readonly string[]): Step =>
  async (env) => {
    sandbox().faults.sessions.set('cut-client=after:300ms');
    const signals = new FakeSignals();
    const onStderr = (text: string): void => {
      if (/connected again|ssm:ResumeSession/.test(text)) signals.raise('SIGTERM');
    };
    try {
      return await cli(args, { env, signals, onStderr, retries: false });
    } finally {
      sandbox().faults.sessions.set();
    }
  };

const fine = ({ status, stderr }: CliOutcome): boolean =>
  (status === 0 || status === 130) && !stderr.includes('ssm:ResumeSession');

let users = 0;
const flowOf =
  (...steps: readonly Step[]) =>
  async (policies: readonly Document[]): Promise<CliOutcome> => {
    const env = sandbox().createPrincipal({ userName: `person-${++users}`, policies });
    let outcome: CliOutcome = { status: 0, stdout: '', stderr: '' };
    let talk = '';
    for (const step of steps) {
      outcome = await step(env);
      talk += outcome.stderr;
      if (!fine(outcome)) return outcome;
    }
    return { ...outcome, stderr: talk };
  };

/** The session is over by then, and the tool goes on ending: said in the debug output only. */
const saidWhileEnding: Symptom = (outcome, { action }) =>
  outcome.stderr.includes(`not allowed to call ${action}`);
/** A session that cannot be resumed is a connection lost, with its own status. */
const lost = saidWhileEnding;

const BOTH = 'its twin by the other name grants it too; taken out together below';
/** Asked beside each session through a bastion, which goes on without the answer and says so. */
const saidInPassing = saidWhileEnding;

interface Case {
  readonly kind: PolicyKindName;
  readonly values: PlaceholderValues;
  readonly steps: readonly Step[];
  readonly elsewhere?: Readonly<Record<string, Symptom | string>>;
  /** Actions that two statements grant, taken out of both, and how that shows. */
  readonly twins?: Readonly<Record<string, Symptom>>;
}

const KEY = `arn:aws:kms:${REGION}:${ACCOUNT}:key/${EXEC_KEY_ID}`;
const own: Readonly<Record<string, string>> = {
  'EndOrResumeOwnSessionByTag ssm:TerminateSession': BOTH,
  'EndOrResumeOwnSessionByTag ssm:ResumeSession': BOTH,
  'EndOrResumeOwnSessionByName ssm:TerminateSession': BOTH,
  'EndOrResumeOwnSessionByName ssm:ResumeSession': BOTH,
};

const twins: Readonly<Record<string, Symptom>> = {
  'ssm:TerminateSession': saidWhileEnding,
  'ssm:ResumeSession': lost,
};

const CASES: readonly Case[] = [
  {
    kind: 'exec',
    values: { cluster: 'sealed', 'kms-key': KEY },
    steps: [
      command('ls', 'clusters'),
      command('ls', 'services', '--cluster', 'sealed'),
      until('ready', 'exec', 'ledger', '--cluster', 'sealed', '--', ...SLOW),
      afterACut('exec', 'ledger', '--cluster', 'sealed', '--', ...SLOW),
    ],
    elsewhere: {
      'ResumeOwnExecSession ssm:TerminateSession': saidWhileEnding,
      'ResumeOwnExecSession ssm:ResumeSession': lost,
    },
  },
  {
    kind: 'forward-bastion',
    values: { bastion: '*' },
    steps: [
      command('status'),
      until('forward-ready', ...forwarding('--via', 'bastion')),
      afterACut(...forwarding('--via', 'bastion')),
    ],
    elsewhere: { ...own, 'FindBastion ec2:DescribeSpotInstanceRequests': saidInPassing },
    twins,
  },
  {
    kind: 'forward-task',
    values: { cluster: 'demo' },
    steps: [
      command('ls', 'clusters'),
      command('ls', 'services', ...CLUSTER),
      until('forward-ready', ...forwarding(...CLUSTER, '--service', 'orders-api', '--via', 'task')),
      afterACut(...forwarding(...CLUSTER, '--service', 'orders-api', '--via', 'task')),
    ],
    elsewhere: own,
    twins,
  },
  {
    kind: 'shell',
    values: { bastion: '*' },
    steps: [command('status'), until('ready', 'shell', '--', ...SLOW), afterACut('shell', '--', ...SLOW)],
    elsewhere: { ...own, 'FindBastion ec2:DescribeSpotInstanceRequests': saidInPassing },
    twins,
  },
  {
    kind: 'db',
    values: { 'database-resource': 'db-ABC', 'database-user': 'orders' },
    steps: [command('ls', 'databases', '--json')],
    elsewhere: {
      'LogInWithIamToken rds-db:connect': 'asked by the database, whose sandbox engine knows passwords only',
    },
  },
];

it.each(CASES)(
  '$kind: enough, and nothing for nothing',
  async ({ kind, values, steps, elsewhere, twins: pairs = {} }) => {
    const documents = [shippedDocument(kind, values)];
    const flow = flowOf(...steps);
    const whole = await flow(documents);
    expect([fine(whole), whole.stderr]).toEqual([true, whole.stderr]);
    const proof = await proveGrants(documents, flow, elsewhere === undefined ? {} : { elsewhere });
    tellProof(kind, proof, elsewhere);
    expect(proof.idle).toEqual([]);
    for (const [action, symptom] of Object.entries(pairs)) {
      const reduced = documents.map((document) =>
        grantsOf(document)
          .filter((grant) => grant.action === action)
          .reduce(without, document),
      );
      const outcome = await flow(reduced);
      expect([action, symptom(outcome, { sid: '', action }), outcome]).toEqual([action, true, outcome]);
    }
  },
  300_000,
);
