import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Change } from '../../../src/diagnose/change.ts';
import { applyChanges } from '../../support/apply-changes.ts';
import { cli } from '../../support/cli-in-process.ts';
import { until } from '../../support/eventually.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { reportSkip } from '../../support/on-path.ts';

/**
 * Four stacks as real accounts have them, with their faults: `doctor` reports them, the printed fixes are made, `doctor`
 * is silent, and ECS Exec works.
 */

const sandbox = testSandbox();

function isOnPath(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    reportSkip('the printed command lines', `${program} is not on PATH`);
    return false;
  }
}

interface Stack {
  readonly title: string;
  readonly service: string;
  readonly cluster: string;
  readonly container: string;
  readonly findings: readonly string[];
}

const STACKS = {
  flask: {
    title: 'Flask on port 8443, one role as execution role and task role, exec off',
    service: 'ecs-service',
    cluster: 'ecs-cluster',
    container: 'flask-app',
    findings: ['action-not-granted', 'exec-not-enabled', 'task-role-is-execution-role', 'init-process-off'],
  },
  nginx: {
    title: 'nginx behind NAT and a load balancer, task role without a policy, exec off',
    service: 'example-app-api',
    cluster: 'example-app-cluster',
    container: 'example-app-api',
    findings: ['action-not-granted', 'exec-not-enabled', 'init-process-off'],
  },
  cruddur: {
    title: 'exec on, but the task definition names no task role, and the container gets AWS keys',
    service: 'backend-flask',
    cluster: 'cruddur',
    container: 'backend-flask',
    findings: ['task-role-missing', 'aws-keys-in-container', 'init-process-off'],
  },
  shared: {
    title: 'one service-specific role for execution and application, with parameters and secrets',
    service: 'node-aws-ecs',
    cluster: 'node-aws-ecs',
    container: 'node-aws-ecs',
    findings: ['action-not-granted', 'task-role-is-execution-role', 'init-process-off'],
  },
} as const satisfies Readonly<Record<string, Stack>>;

const doctor = ({ service, cluster }: Stack, ...more: readonly string[]) =>
  cli(['doctor', service, '--cluster', cluster, ...more], { env: sandbox().env });

async function reported(stack: Stack): Promise<readonly Change[]> {
  const { stdout } = await doctor(stack, '--json');
  const { findings } = JSON.parse(stdout) as {
    readonly findings: readonly { readonly id: string; readonly changes: readonly (readonly Change[])[] }[];
  };
  expect(findings.map(({ id }) => id)).toEqual(stack.findings);
  const changes = findings.flatMap((finding) => finding.changes[0] ?? []);
  const once = [...new Map(changes.map((change) => [JSON.stringify(change), change])).values()];
  const rank = ({ kind }: Change): number => ['register-task-definition', 'redeploy-service'].indexOf(kind);
  return once.toSorted((a, b) => rank(a) - rank(b));
}

async function expectShell(stack: Stack): Promise<void> {
  const { cluster, container, service } = stack;
  await until(async () => (await doctor(stack)).status === 0);
  const command = ['exec', service, '--cluster', cluster, '--container', container, '--', 'echo', 'entered'];
  const { stdout, stderr, status } = await cli(command, { env: sandbox().env });
  expect([status, stdout, stderr]).toEqual([0, 'entered\n', stderr]);
}

describe.each([STACKS.flask, STACKS.nginx, STACKS.shared])('$title', (stack) => {
  it('is reported, and can be entered after the fixes', async () => {
    await applyChanges(await reported(stack), sandbox().env);
    await expectShell(stack);
  }, 150_000);
});

describe.runIf(isOnPath('aws') && isOnPath('jq'))(STACKS.cruddur.title, () => {
  it('can be entered after the printed command lines have run as they are', async () => {
    const stack = STACKS.cruddur;
    await reported(stack);
    const { stdout } = await doctor(stack);
    const commands = stdout.split('\n').flatMap((line) => /^ {2}(aws .*)$/.exec(line)?.[1] ?? []);
    expect(commands.map((line) => line.split(' ').slice(1, 3).join(' '))).toEqual([
      'iam create-role',
      'iam put-role-policy',
      'ecs register-task-definition',
      'ecs update-service',
    ]);
    const env = { PATH: process.env['PATH'], HOME: '/nonexistent', AWS_PAGER: '', ...sandbox().env };
    for (const line of commands) await promisify(execFile)('sh', ['-c', line], { env, timeout: 60_000 });
    await expectShell(stack);
  }, 240_000);
});
