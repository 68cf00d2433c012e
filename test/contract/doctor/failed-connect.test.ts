import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AwsAccount } from '../../../src/aws/account.ts';
import { choiceHistory } from '../../../src/config/choice-history.ts';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import { TAG } from '../../../src/provision/bastion/names.ts';
import type { Instance } from '../../../src/provision/ports/ec2.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import type { WorldFile } from '../../../src/sandbox/world/world-schema.ts';
import { seedOfWorld } from '../../../src/sandbox/world/world-seed.ts';
import { cli, hurried } from '../../support/cli-in-process.ts';
import { FakeSignals } from '../../support/fake-deps.ts';
import { shippedDocument } from '../../support/grants.ts';

/** What stops a session, printed below the error of `exec`, `forward` and `shell`. */

const WORLD: WorldFile = {
  base: 'empty',
  networks: [{ name: 'shop', cidr: '10.50.0.0/16', subnets: [{ name: 'private-a', cidr: '10.50.1.0/24' }] }],
  clusters: [{ name: 'shop' }],
  services: (
    [
      { name: 'agent-down', tasks: [{ agent: 'STOPPED', agentReason: 'agent exited' }] },
      { name: 'exec-off', exec: false },
      { name: 'no-role', taskRole: false },
    ] as const
  ).map((service) => ({
    ...service,
    cluster: 'shop',
    network: 'shop',
    containers: [{ name: 'app', ports: [8080] }],
  })),
};

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ seed: seedOfWorld('world.yaml', WORLD, defaultSeed()) });
}, 60_000);
afterAll(() => sandbox.close());

const DEADLINE_MS = 2_000;
/** The deadline of the diagnosis never passes, however busy the machine is; other waits are short. */
function patient(): Clock {
  const clock = hurried(20);
  return {
    ...clock,
    timer: (ms, fn) => (ms === DEADLINE_MS ? systemClock.timer(60_000, fn) : clock.timer(ms, fn)),
  };
}

interface Failure {
  readonly status: number;
  readonly error: {
    readonly code: string;
    readonly details: {
      readonly taskRole?: string;
      readonly findings?: readonly {
        readonly id: string;
        readonly severity: string;
        readonly message: string;
        readonly fix: readonly string[];
      }[];
    };
  };
}

type Run = Partial<Parameters<typeof cli>[1]>;

async function failure(args: readonly string[], run: Run = {}): Promise<Failure> {
  const { status, stderr } = await cli(
    [...args.slice(0, 2), '--cluster', 'shop', '--json', ...args.slice(2)],
    {
      env: sandbox.env,
      clock: patient(),
      ...run,
    },
  );
  const line = stderr.split('\n').find((each) => each.startsWith('{"error"'));
  if (line === undefined) throw new Error(`no error: ${stderr}`);
  return { status, ...(JSON.parse(line) as Pick<Failure, 'error'>) };
}

const ids = ({ error }: Failure): readonly string[] | undefined =>
  error.details.findings?.map(({ id }) => id);

const only = (kind: 'exec' | 'forward-task', missing: readonly string[] = []) => {
  const document = shippedDocument(kind, { cluster: 'shop' });
  return sandbox.createPrincipal({
    userName: `only-${kind}-${missing.length}`,
    policies: [
      document,
      ...(missing.length === 0
        ? []
        : [
            {
              Version: '2012-10-17',
              Statement: [{ Sid: 'No', Effect: 'Deny', Action: missing, Resource: '*' }],
            },
          ]),
    ],
  });
};

describe('exec', () => {
  it('prints the fix of an agent that is down', async () => {
    const failed = await failure(['exec', 'agent-down']);
    expect(failed.status).toBe(1);
    expect(failed.error.code).toBe('exec-agent-not-running');
    // The advice names it in `policy task-role --check role/NAME`.
    expect(failed.error.details.taskRole).toBe('demo-exec-task');
    expect(failed.error.details.findings).toEqual([
      {
        id: 'exec-agent-not-running',
        severity: 'blocking',
        message: expect.stringContaining('STOPPED') as string,
        fix: [
          expect.stringMatching(
            /^aws ecs stop-task --cluster shop --task \w+ +# the service starts another task: memory and files of this one are lost$/,
          ) as string,
        ],
      },
    ]);
    const { stderr } = await cli(['exec', 'agent-down', '--cluster', 'shop'], {
      env: sandbox.env,
      clock: patient(),
    });
    expect(stderr).toMatch(/^error: .*\n {2}BLOCKED exec-agent-not-running\n {4}aws ecs stop-task .+\n/m);
  });

  it('prints the fix of a service whose exec is off', async () => {
    const failed = await failure(['exec', 'exec-off', '--', 'true']);
    expect(failed.error.code).toBe('exec-not-enabled');
    expect(failed.error.details.findings?.map(({ fix }) => fix)).toEqual([
      [expect.stringMatching(/^fargate-connect enable-exec exec-off --cluster shop/)],
    ]);
  });

  it('says why a target is not connected', async () => {
    const failed = await failure(['exec', 'no-role', '--', 'true']);
    expect(failed.error.code).toBe('target-not-connected');
    expect(ids(failed)).toEqual(['task-role-missing']);
    const { stderr } = await cli(['exec', 'no-role', '--cluster', 'shop'], {
      env: sandbox.env,
      clock: patient(),
    });
    expect(stderr).toMatch(/^ {2}BLOCKED task-role-missing: .* has no task role.*\n {4}aws iam create-role/m);
  });

  it('makes no call that the document of the command does not grant, and is silent about denials', async () => {
    const env = only('exec');
    const before = sandbox.calls.length;
    expect(ids(await failure(['exec', 'no-role', '--', 'true'], { env }))).toEqual(['task-role-missing']);
    expect(sandbox.calls.slice(before).filter(({ outcome }) => outcome.startsWith('AccessDenied'))).toEqual(
      [],
    );
    const without = only('exec', ['ecs:DescribeTaskDefinition']);
    const denied = await failure(['exec', 'no-role', '--', 'true'], { env: without });
    expect(denied.error.code).toBe('target-not-connected');
    expect(denied.error.details).not.toHaveProperty('findings');
    const blind = only('exec', ['ecs:DescribeServices', 'ecs:DescribeTaskDefinition']);
    const { status, stderr } = await cli(['exec', 'agent-down', '--cluster', 'shop'], {
      env: blind,
      clock: patient(),
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^ {2}BLOCKED exec-agent-not-running$/m);
    expect(stderr).not.toMatch(/DescribeServices|not allowed/);
  });

  it('is not delayed by more than two seconds', async () => {
    const never = new Promise<never>(() => undefined);
    const account = (real: AwsAccount): AwsAccount => ({
      ...real,
      ecs: async () => ({ ...(await real.ecs()), describeServices: () => never }),
    });
    const clock = hurried(20);
    const failed = await failure(['exec', 'agent-down'], { account, clock });
    expect(failed.error.code).toBe('exec-agent-not-running');
    expect(ids(failed)).toBeUndefined();
  });

  it('ends at once on Ctrl-C', async () => {
    const signals = new FakeSignals();
    const account = (real: AwsAccount): AwsAccount => ({
      ...real,
      ecs: async () => ({
        ...(await real.ecs()),
        describeServices: () => {
          signals.raise('SIGINT');
          return new Promise<never>(() => undefined);
        },
      }),
    });
    const failed = await failure(['exec', 'agent-down'], { account, signals });
    expect(ids(failed)).toBeUndefined();
  });

  it('adds nothing to other errors', async () => {
    const failed = await failure(['exec', 'no-such-service']);
    expect(failed.error.details).not.toHaveProperty('findings');
  });
});

describe('exec --all', () => {
  it('prints the fix of the first task of each error below its line', async () => {
    const { status, stderr } = await cli(['exec', 'agent-down', '--all', '--cluster', 'shop', '--', 'true'], {
      env: sandbox.env,
      clock: patient(),
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^\w{8} error: .*\n\w{8} {3}BLOCKED exec-agent-not-running\n\w{8} {5}aws ecs stop-task /m,
    );
  });
});

describe('cp, run, db and connect', () => {
  it.each([
    [['cp', 'exec-off:/etc/hostname', '-']],
    [['run', '--service', 'exec-off', '-L', '0:8080', '--', 'true']],
    [
      [
        'db',
        '--host',
        '10.50.1.9:5432',
        '--via',
        'task',
        '--service',
        'exec-off',
        '--port',
        '0',
        '--',
        'true',
      ],
    ],
  ])('%j prints what stops the task', async (args) => {
    const { stderr } = await cli([...args.slice(0, 1), '--cluster', 'shop', ...args.slice(1)], {
      env: sandbox.env,
      clock: patient(),
    });
    expect(stderr).toMatch(/^ {2}BLOCKED exec-not-enabled$/m);
    expect(stderr).toContain('enable-exec exec-off --cluster shop');
  });

  it('connect prints what stops the container of the last choice', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'choices-'));
    const choice = {
      at: 1,
      account: '1',
      region: 'eu-west-1',
      cluster: 'shop',
      service: 'no-role',
      action: 'shell',
    };
    choiceHistory(join(folder, 'fargate-connect')).add(choice);
    const { stderr } = await cli(['connect', '-'], {
      env: { ...sandbox.env, XDG_STATE_HOME: folder },
      clock: patient(),
    });
    expect(stderr).toMatch(/^ {2}BLOCKED task-role-missing: /m);
    rmSync(folder, { recursive: true });
  });
});

describe('forward', () => {
  it('prints what stops the task, with the calls of its own document', async () => {
    const env = only('forward-task');
    const before = sandbox.calls.length;
    const failed = await failure(['forward', 'exec-off', '-L', '0:8080'], { env });
    expect(failed.error.code).toBe('exec-not-enabled');
    expect(ids(failed)).toEqual(['exec-not-enabled']);
    expect(ids(await failure(['forward', 'agent-down', '-L', '0:8080'], { env }))).toEqual([
      'exec-agent-not-running',
    ]);
    expect(sandbox.calls.slice(before).filter(({ outcome }) => outcome.startsWith('AccessDenied'))).toEqual(
      [],
    );
  });
});

/** A bastion whose agent has lost its connection. */
const BASTION: Instance = {
  id: 'i-0123456789abcdef0',
  state: 'running',
  type: 't4g.nano',
  market: 'on-demand',
  vpcId: 'vpc-1',
  subnetId: 'subnet-1',
  zone: 'eu-west-1a',
  privateIp: '10.50.1.9',
  publicIp: undefined,
  groupIds: [],
  launchedAt: systemClock.now() - 3_600_000,
  stateReason: undefined,
  tags: { [TAG.bastion]: 'default' },
};

describe('shell', () => {
  it('prints that the agent of the bastion is silent', async () => {
    const account = (real: AwsAccount): AwsAccount => ({
      ...real,
      ec2: async () => ({
        ...(await real.ec2()),
        instances: () => Promise.resolve([BASTION]),
      }),
      nodes: () =>
        Promise.resolve({
          nodes: () =>
            Promise.resolve([
              {
                instanceId: BASTION.id,
                pingStatus: 'ConnectionLost' as const,
                agentVersion: '3.3.0',
                lastPingAt: BASTION.launchedAt,
              },
            ]),
        }),
    });
    const { stderr } = await cli(['shell', '--json'], { env: sandbox.env, clock: patient(), account });
    const { error } = JSON.parse(
      stderr.split('\n').find((line) => line.startsWith('{"error"')) ?? '{}',
    ) as Failure;
    expect(error.code).toBe('target-not-connected');
    expect(error.details.findings).toEqual([
      { id: 'agent-lost', severity: 'blocking', message: expect.any(String) as string, fix: [] },
    ]);
  });
});
