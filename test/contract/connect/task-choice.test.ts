import { ECSClient, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { describe, expect, it } from 'vitest';

import type { EcsPort, SsmPort, Task } from '../../../src/connect/ports.ts';
import { failed } from '../../../src/core/errors.ts';
import { cli, type CliOutcome, type CliWorld } from '../../support/cli-in-process.ts';
import { until } from '../../support/eventually.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

/** Which task of a service a session leads to if none was named. */

const sandbox = testSandbox();
const SERVICE = ['orders-api', '--cluster', 'demo'] as const;
const refusal = (target: string): Error =>
  failed('target-not-connected', `the agent of ${target} is not connected`, { details: { target } });

/** The account of the sandbox in which methods of ECS and SSM are replaced. */
const accountWith = (
  ecs: (port: EcsPort) => Partial<EcsPort>,
  ssm: (port: SsmPort) => Partial<SsmPort> = () => ({}),
): Partial<CliWorld> => ({
  account: (account) => ({
    ...account,
    async ecs() {
      const port = await account.ecs();
      return { ...port, ...ecs(port) };
    },
    async ssm() {
      const port = await account.ssm();
      return { ...port, ...ssm(port) };
    },
  }),
});

const run = (args: readonly string[], world: Partial<CliWorld>): Promise<CliOutcome> =>
  cli(args, { env: sandbox().env, ...world });

/** Refuses the first `count` sessions, and collects the ids of the tasks that were asked. */
function refusing(count: number): { readonly asked: string[]; readonly world: Partial<CliWorld> } {
  const asked: string[] = [];
  const refuses = (target: string): boolean => {
    asked.push(target);
    return asked.length <= count;
  };
  const world = accountWith(
    (port) => ({
      executeCommand: (request) =>
        refuses(request.task) ? Promise.reject(refusal(request.task)) : port.executeCommand(request),
    }),
    (port) => ({
      startSession: (request) =>
        refuses(request.target) ? Promise.reject(refusal(request.target)) : port.startSession(request),
    }),
  );
  return { asked, world };
}

describe('a task that was chosen and cannot be connected to', () => {
  it.each([
    ['exec', ['exec', ...SERVICE, '--', 'echo', 'entered']],
    ['cp', ['cp', 'orders-api:/etc/hostname', '-', '--cluster', 'demo']],
  ])('another one is tried by `%s`, and named', async (_, args) => {
    const { asked, world } = refusing(1);
    const { status, stdout, stderr } = await run(args, world);
    expect([status, stdout === '', stderr]).toEqual([0, false, stderr]);
    expect(new Set(asked).size).toBe(2);
    const [first, second] = asked.map((task) => (task.split('/').at(-1) ?? '').slice(0, 8));
    expect(stderr).toContain(`task ${first} cannot be connected to, trying task ${second}`);
  });

  it('its error is shown if the other one cannot be connected to either', async () => {
    const { asked, world } = refusing(9);
    const { status, stderr } = await run(['exec', ...SERVICE, '--', 'true'], world);
    expect([status, asked.length]).toEqual([1, 2]);
    expect(stderr).toContain(`the agent of ${asked[0]} is not connected`);
  });

  it('is not replaced if it was named', async () => {
    const { asked: ids, world: all } = refusing(0);
    await run(['exec', ...SERVICE, '--', 'true'], all);
    const { asked, world } = refusing(1);
    const { status } = await run(['exec', ...SERVICE, '--task', ids[0] ?? '', '--', 'true'], world);
    expect([status, asked]).toEqual([1, ids]);
  });
});

describe('while a deployment is in progress', () => {
  it('a task of the new one is used, though only the old ones are known to be healthy', async () => {
    const seen = new Map<string, Task>();
    const world = accountWith((port) => ({
      // Until the end of the test the old tasks stay as they were, and the new ones have not passed a health check.
      async describeTasks(cluster, arns) {
        const tasks = await port.describeTasks(cluster, [...new Set([...arns, ...seen.keys()])]);
        return tasks.map((task) => seen.get(task.arn) ?? { ...task, healthStatus: 'UNKNOWN' });
      },
    }));
    const before = await run(['ls', 'tasks', ...SERVICE, '--json'], {
      ...accountWith((port) => ({
        async describeTasks(...args) {
          const tasks = await port.describeTasks(...args);
          for (const task of tasks) seen.set(task.arn, { ...task, healthStatus: 'HEALTHY' });
          return tasks;
        },
      })),
    });
    expect([before.status, seen.size > 0]).toEqual([0, true]);
    await new ECSClient(sandboxClients(sandbox().env).config).send(
      new UpdateServiceCommand({ cluster: 'demo', service: 'orders-api', forceNewDeployment: true }),
    );
    const command = ['exec', ...SERVICE, '--', 'sh', '-c', 'echo entered'];
    let stderr = '';
    await until(async () => {
      const outcome = await run(command, world);
      stderr = outcome.stderr;
      return outcome.status === 0 && stderr.includes('it belongs to the newest deployment');
    });
    const chosen = /using task (\w{8})/.exec(stderr)?.[1] ?? '';
    expect([...seen.values()].some(({ id }) => id.startsWith(chosen))).toBe(false);
  });
});
