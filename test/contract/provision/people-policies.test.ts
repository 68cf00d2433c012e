import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  printPolicy,
  POLICY_KINDS,
  type PolicyKindName,
} from '../../../src/provision/policy/policy-kinds.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';

/** Tests each document for people who only use existing resources. */

const sandbox = testSandbox();
const FOLDER = join(import.meta.dirname, '..', '..', '..', 'policies');
const CLUSTER = ['--cluster', 'demo'] as const;
const DATABASE = 'orders-db.cxample1abcd.eu-west-1.rds.amazonaws.com';

beforeAll(async () => {
  const up = await cli(['up', ...CLUSTER, '--db', 'orders-db', '--yes'], { env: sandbox().env });
  if (up.status !== 0) throw new Error(up.stderr);
});
afterAll(() => cli(['down', '--all', '--yes', '--force'], { env: sandbox().env }));

let users = 0;
function envOf(...kinds: readonly PolicyKindName[]): Readonly<Record<string, string>> {
  const policies = kinds.map((kind) => {
    const templates = Object.fromEntries(
      POLICY_KINDS[kind].files.map((file) => [file, readFileSync(join(FOLDER, `${file}.json`), 'utf8')]),
    );
    const values = {
      partition: 'aws',
      account: '111122223333',
      region: 'eu-west-1',
      bastion: '*',
      cluster: 'demo',
      container: '*',
    };
    return JSON.parse(printPolicy(kind, templates, values).text) as unknown;
  });
  return sandbox().createPrincipal({ userName: `person-${++users}`, policies });
}

/** Runs the forward until it is ready, and then presses Ctrl-C. */
async function forward(env: Readonly<Record<string, string>>, via: 'task' | 'bastion'): Promise<CliOutcome> {
  const signals = new FakeSignals();
  const args = [
    'forward',
    '-L',
    `0:${DATABASE}:5432`,
    ...CLUSTER,
    '--service',
    'orders-api',
    '--via',
    via,
    '--json',
  ];
  const onStdout = (text: string): void => {
    if (text.includes('forward-ready')) signals.raise('SIGINT');
  };
  return cli(args, { env, signals, onStdout });
}

const ran = (outcome: CliOutcome): readonly unknown[] => [outcome.status, outcome.stderr];

describe('a user with one document', () => {
  it('exec: may run a command in a container, and nothing else', async () => {
    const env = envOf('exec');
    const outcome = await cli(
      ['exec', 'orders-api', ...CLUSTER, '--container', 'app', '--', 'echo', 'hello'],
      { env },
    );
    expect(ran(outcome)).toEqual([0, outcome.stderr]);
    expect(outcome.stdout).toContain('hello');
    expect((await cli(['down', '--yes'], { env })).status).toBe(4);
    expect((await forward(env, 'task')).status).toBe(4);
  });

  it('forward-bastion: may open tunnels through the bastion only', async () => {
    const env = envOf('forward-bastion');
    const outcome = await forward(env, 'bastion');
    expect(outcome.stdout).toContain('forward-ready');
    expect((await forward(env, 'task')).status).toBe(4);
  });

  it('forward-task: may open tunnels through tasks only', async () => {
    const env = envOf('forward-task');
    const outcome = await forward(env, 'task');
    expect(outcome.stdout).toContain('forward-ready');
    expect((await forward(env, 'bastion')).status).toBe(4);
  });

  it('deny-unlogged: may run exec, but no forward through a task', async () => {
    const env = envOf('exec', 'forward-task', 'deny-unlogged');
    const outcome = await cli(['exec', 'orders-api', ...CLUSTER, '--container', 'app', '--', 'true'], {
      env,
    });
    expect(ran(outcome)).toEqual([0, outcome.stderr]);
    expect((await forward(env, 'task')).status).toBe(4);
  });

  it('db: may list databases', async () => {
    const outcome = await cli(['ls', 'databases', '--json'], { env: envOf('db') });
    expect(ran(outcome)).toEqual([0, outcome.stderr]);
  });
});
