import { describe, expect, it } from 'vitest';
import type { EcsPort } from '../../../src/connect/ports.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import type { WorldFile } from '../../../src/sandbox/world/world-schema.ts';
import { seedOfWorld } from '../../../src/sandbox/world/world-seed.ts';
import { cli, type CliOutcome, type CliWorld } from '../../support/cli-in-process.ts';
import { ALL_TTY } from '../../support/fake-terminal.ts';

/** `doctor --fix` adds only what it can take back, and `doctor --undo` takes it back. */

const CHANNELS = ['ssmmessages:*'];

/** The task role has no policy, ECS Exec is off, and the group of the database admits nothing of the service. */
const BROKEN: WorldFile = {
  base: 'empty',
  networks: [
    {
      name: 'shop',
      cidr: '10.50.0.0/16',
      subnets: [{ name: 'private-a', cidr: '10.50.1.0/24' }],
      securityGroups: [
        { name: 'tasks', egress: [{ port: 443 }] },
        { name: 'database', ingress: [{ port: 3306, cidr: '10.9.0.0/16' }] },
      ],
    },
  ],
  roles: [{ name: 'orders-task' }],
  clusters: [{ name: 'shop' }],
  services: [
    {
      name: 'orders-api',
      cluster: 'shop',
      network: 'shop',
      securityGroup: 'tasks',
      taskRole: 'orders-task',
      exec: false,
      containers: [{ name: 'app', ports: [8080] }],
    },
  ],
  databases: [{ id: 'orders-db', network: 'shop', securityGroup: 'database' }],
};
const CLUSTER = ['--cluster', 'shop'] as const;

async function inWorld<T>(file: WorldFile, work: (sandbox: Sandbox) => Promise<T>): Promise<T> {
  const sandbox = await startSandbox({ seed: seedOfWorld('world.yaml', file, defaultSeed()) });
  try {
    return await work(sandbox);
  } finally {
    await sandbox.close();
  }
}

const doctor = (
  { env }: Sandbox,
  args: readonly string[],
  world: Partial<CliWorld> = {},
): Promise<CliOutcome> => cli(['doctor', ...args, ...CLUSTER], { env, ...world });

interface FixJson {
  readonly healthy: boolean;
  readonly findings: readonly { readonly id: string }[];
  readonly fixed: readonly {
    readonly kind: string;
    readonly undo: string | null;
    readonly existed?: boolean;
    readonly direction?: string;
  }[];
}
const jsonOf = ({ stdout, stderr }: CliOutcome): FixJson => {
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as FixJson;
};
const ids = ({ findings }: FixJson): readonly string[] => findings.map(({ id }) => id);

describe('doctor SERVICE --fix', () => {
  it('attaches what the task role lacks, leaves the tasks alone, and --undo takes it back', () =>
    inWorld(BROKEN, async (sandbox) => {
      const asked = await doctor(sandbox, ['orders-api', '--fix']);
      expect(asked.status).toBe(2);
      expect(asked.stderr).toContain('attach an inline policy to role orders-task that allows ssmmessages:');
      expect(asked.stderr).toContain('--yes');
      expect(sandbox.calls.filter(({ action }) => action === 'PutRolePolicy')).toEqual([]);

      const fixed = await doctor(sandbox, ['orders-api', '--fix', '--yes']);
      expect(fixed.status).toBe(1);
      expect(fixed.stdout).toMatch(
        /^FIXED role orders-task has the inline policy fargate-connect-\S+, which allows ssmmessages:.*\n {2}to take it back: fargate-connect doctor --cluster shop orders-api --undo\nBLOCKED exec-not-enabled/,
      );
      expect(fixed.stderr).toContain('only with --redeploy');
      expect(sandbox.calls.filter(({ action }) => action === 'UpdateService')).toEqual([]);

      const again = jsonOf(await doctor(sandbox, ['orders-api', '--fix', '--yes', '--json']));
      expect([again.fixed, ids(again)]).toEqual([[], ['exec-not-enabled']]);

      const undone = await doctor(sandbox, ['orders-api', '--undo', '--yes']);
      expect(undone.stdout).toMatch(/^DELETED inline policy fargate-connect-\S+ of role orders-task\n$/);
      expect(undone.status).toBe(0);
      const nothing = await doctor(sandbox, ['orders-api', '--undo']);
      expect([nothing.status, nothing.stdout]).toEqual([0, '']);
      expect((await doctor(sandbox, ['orders-api'])).stdout).toContain('action-not-granted');
    }));

  it('shows what it found before it asks, and changes nothing after a no', () =>
    inWorld(BROKEN, async (sandbox) => {
      const outcome = await doctor(sandbox, ['orders-api', '--fix', '--no-color'], {
        tty: ALL_TTY,
        typed: 'n\r',
      });
      expect([outcome.status, outcome.stderr]).toEqual([1, expect.stringContaining('nothing was changed')]);
      expect(outcome.stdout).toMatch(/^BLOCKED action-not-granted: [\s\S]*\nBLOCKED exec-not-enabled: /);
      // Words stay whole at the width of the terminal, and so does what is to be pasted.
      const lines = outcome.stdout.split('\n');
      expect(
        lines.filter((line) => line.length > 80 && !/^ {2}(aws|terraform:|fargate-connect) ?/.test(line)),
      ).toEqual([]);
      expect(lines.some((line) => line.startsWith('  aws iam put-role-policy ') && line.length > 80)).toBe(
        true,
      );
      expect(sandbox.calls.filter(({ action }) => action === 'PutRolePolicy')).toEqual([]);
    }));

  it(
    'with --redeploy enables ECS Exec after the task role has the grants, and the task can be entered',
    () =>
      inWorld(BROKEN, async (sandbox) => {
        const outcome = await doctor(sandbox, ['orders-api', '--fix', '--redeploy', '--yes', '--json']);
        const { findings, fixed, healthy } = jsonOf(outcome);
        expect([outcome.status, findings, healthy]).toEqual([0, [], true]);
        expect(fixed.map(({ kind }) => kind)).toEqual(['attach-statement', 'deployment']);
        expect(fixed[1]?.undo).toContain('--disable-execute-command');
        const calls = sandbox.calls.map(({ action }) => action);
        expect(calls.indexOf('PutRolePolicy')).toBeLessThan(calls.indexOf('UpdateService'));
        const exec = await cli(['exec', 'orders-api', ...CLUSTER, '--', 'echo', 'entered'], {
          env: sandbox.env,
        });
        expect([exec.status, exec.stdout]).toEqual([0, 'entered\n']);
      }),
    120_000,
  );

  it('gives instructions for services that ECS does not deploy', () =>
    inWorld(BROKEN, async (sandbox) => {
      const ecsWith = (change: (ecs: EcsPort) => Partial<EcsPort>): Partial<CliWorld> => ({
        account: (account) => ({
          ...account,
          ecs: async () => {
            const ecs = await account.ecs();
            return { ...ecs, ...change(ecs) };
          },
        }),
      });
      const byCodeDeploy = ecsWith((ecs) => ({
        describeServices: async (...args) =>
          (await ecs.describeServices(...args)).map((service) => ({
            ...service,
            deploymentController: 'CODE_DEPLOY',
          })),
      }));
      const args = ['orders-api', '--fix', '--redeploy', '--yes'];
      const outcome = await doctor(sandbox, args, byCodeDeploy);
      expect(outcome.status).toBe(1);
      expect(outcome.stdout).toContain('start a deployment with CodeDeploy');
      expect(sandbox.calls.filter(({ action }) => action === 'UpdateService')).toEqual([]);
    }));

  it('starts no deployment that would not help', () => {
    const readOnly: WorldFile = {
      ...BROKEN,
      services: [{ ...BROKEN.services![0]!, containers: [{ name: 'app', readonlyRoot: true }] }],
    };
    return inWorld(readOnly, async (sandbox) => {
      const outcome = await doctor(sandbox, ['orders-api', '--fix', '--redeploy', '--yes']);
      expect(outcome.status).toBe(1);
      expect(outcome.stderr).toContain('no deployment is started: readonly-root-filesystem');
      expect(sandbox.calls.filter(({ action }) => action === 'UpdateService')).toEqual([]);
    });
  });

  it('changes nothing in a healthy stack, and asks nothing', () => {
    const healthy: WorldFile = {
      ...BROKEN,
      roles: [{ name: 'orders-task', allow: CHANNELS }],
      services: [{ ...BROKEN.services![0]!, exec: true }],
    };
    return inWorld(healthy, async (sandbox) => {
      const outcome = await doctor(sandbox, ['orders-api', '--fix', '--redeploy']);
      expect([outcome.status, outcome.stdout]).toEqual([0, '']);
      expect(outcome.stderr).toContain('there is nothing to fix');
    });
  });
});

describe('doctor --db ID SERVICE --fix', () => {
  const PATH = ['--db', 'orders-db', 'orders-api'] as const;

  it(
    'adds marked rules on both sides, and --undo deletes these alone',
    () =>
      inWorld(BROKEN, async (sandbox) => {
        const { fixed, findings } = jsonOf(await doctor(sandbox, [...PATH, '--fix', '--yes', '--json']));
        expect(fixed.map(({ kind, direction = '' }) => `${kind} ${direction}`).toSorted()).toEqual([
          'add-rule egress',
          'add-rule ingress',
        ]);
        expect(findings.map(({ id }) => id)).toEqual(['database-connections-not-read']);
        expect(fixed[0]?.undo).toBe('fargate-connect doctor --cluster shop --db orders-db --undo');
        const rules = await doctor(sandbox, ['--undo']);
        expect([rules.status, rules.stderr]).toEqual([2, expect.stringMatching(/rule sgr-\w+ of sg-/)]);
        const undone = await doctor(sandbox, ['--db', 'orders-db', '--undo', '--yes', '--json']);
        const { deleted } = JSON.parse(undone.stdout) as {
          readonly deleted: { readonly rules: readonly unknown[] };
        };
        expect(deleted.rules).toHaveLength(2);
        expect((await doctor(sandbox, [...PATH])).stdout).toContain('path-blocked');
      }),
    60_000,
  );
});

describe('doctor --watch', () => {
  it(
    'ends as soon as nothing blocks, with one line for each change',
    () =>
      inWorld(BROKEN, async (sandbox) => {
        let text = '';
        let fixing: Promise<CliOutcome> | undefined;
        const watching = doctor(sandbox, ['orders-api', '--watch'], {
          onStdout: (all) => {
            text = all;
            if (text.includes('exec-not-enabled'))
              fixing ??= doctor(sandbox, ['orders-api', '--fix', '--redeploy', '--yes']);
          },
        });
        const watched = await watching;
        expect(await fixing).toMatchObject({ status: 0 });
        expect(watched.status).toBe(0);
        const lines = watched.stdout.trimEnd().split('\n');
        expect(lines[0]).toMatch(/^BLOCKED action-not-granted: /);
        expect(lines[1]).toMatch(/^ {2}aws iam put-role-policy/);
        // A round can fall between two changes, so that a finding is shown in more than one form on its way.
        for (const id of ['action-not-granted', 'exec-not-enabled']) {
          const own = lines.filter((line) => line.includes(` ${id}: `));
          expect(own[0]).toMatch(/^BLOCKED /);
          expect(own.at(-1)).toMatch(/^GONE /);
        }
      }),
    120_000,
  );

  it('gives up after --deadline with exit 1, and prints the last diagnosis with --json', () =>
    inWorld(BROKEN, async (sandbox) => {
      const outcome = await doctor(sandbox, ['orders-api', '--watch', '--deadline', '10s', '--json']);
      expect(outcome.status).toBe(1);
      expect(ids(jsonOf(outcome))).toEqual(['action-not-granted', 'exec-not-enabled']);
    }));

  it.each([
    [['orders-api', '--deadline', '1m'], 'belongs to --watch'],
    [['orders-api', '--watch', '--deadline', 'soon'], 'not a duration'],
    [['orders-api', '--watch', '--fix'], 'cannot be used with'],
  ])('refuses %j', (args, says) =>
    inWorld(BROKEN, async (sandbox) => {
      const outcome = await doctor(sandbox, args);
      expect([outcome.status, outcome.stderr]).toEqual([2, expect.stringContaining(says)]);
    }),
  );
});

it('needs a subject, and --redeploy needs --fix', () =>
  inWorld(BROKEN, async (sandbox) => {
    expect(await doctor(sandbox, ['--fix'])).toMatchObject({ status: 2 });
    expect(await doctor(sandbox, ['orders-api', '--redeploy'])).toMatchObject({ status: 2 });
  }));
