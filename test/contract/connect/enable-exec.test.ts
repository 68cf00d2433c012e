import { ECSClient, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { beforeAll, describe, expect, it } from 'vitest';

import type { EcsPort, Service } from '../../../src/connect/ports.ts';
import { cli, type CliOutcome, type CliWorld } from '../../support/cli-in-process.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';

const sandbox = testSandbox();
const SERVICE = 'example-app-api';
const CLUSTER = ['--cluster', 'example-app-cluster'] as const;
const enable = (args: readonly string[], world: Partial<CliWorld> = {}): Promise<CliOutcome> =>
  cli(['enable-exec', ...args], { env: sandbox().env, ...world });
const updates = (): number => sandbox().calls.filter(({ action }) => action === 'UpdateService').length;

const allowExec = (): Promise<unknown> =>
  sandboxClients(sandbox().env).iam.send(
    new PutRolePolicyCommand({
      RoleName: 'example-app-ecsTaskRole',
      PolicyName: 'exec',
      PolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: { Effect: 'Allow', Action: 'ssmmessages:*', Resource: '*' },
      }),
    }),
  );

/** ECS as the command sees it, with some methods replaced. */
const ecsWith = (change: (ecs: EcsPort) => Partial<EcsPort>): Partial<CliWorld> => ({
  account: (account) => ({
    ...account,
    async ecs() {
      const ecs = await account.ecs();
      return { ...ecs, ...change(ecs) };
    },
  }),
});
const serviceWith = (over: (service: Service) => Partial<Service>): Partial<CliWorld> =>
  ecsWith((ecs) => ({
    describeServices: async (...args) =>
      (await ecs.describeServices(...args)).map((service) => ({ ...service, ...over(service) })),
  }));

describe('before anything is changed', () => {
  it.each([
    [
      'whose task role lacks the grants',
      [SERVICE, ...CLUSTER],
      {},
      4,
      'lacks ssmmessages:CreateControlChannel',
    ],
    ['whose containers have a read-only root', ['legacy-admin', '--cluster', 'demo'], {}, 1, 'is read-only'],
    ['that does not exist', ['example-ap', ...CLUSTER], {}, 3, 'did you mean example-app-api?'],
    [
      'that CodeDeploy deploys',
      [SERVICE, ...CLUSTER],
      serviceWith(() => ({ deploymentController: 'CODE_DEPLOY' })),
      1,
      'aws deploy create-deployment',
    ],
    [
      'that an external controller deploys',
      [SERVICE, ...CLUSTER],
      serviceWith(() => ({ deploymentController: 'EXTERNAL' })),
      1,
      'aws ecs create-task-set',
    ],
    [
      'without a task role',
      [SERVICE, ...CLUSTER],
      ecsWith((ecs) => ({
        taskDefinition: async (name) => ({ ...(await ecs.taskDefinition(name)), taskRoleArn: undefined }),
      })),
      1,
      'names no task role',
    ],
  ])('a service %s is refused', async (_, args, world, status, text) => {
    const before = updates();
    const outcome = await enable([...args, '--yes'], world);
    expect(outcome).toMatchObject({ status, stderr: expect.stringContaining(text) as string });
    expect(updates()).toBe(before);
  });

  it('a script has to give --yes, and sees what would change', async () => {
    const before = updates();
    const outcome = await enable([SERVICE, ...CLUSTER, '--no-role-check']);
    expect(outcome.status).toBe(2);
    expect(outcome.stderr).toMatch(/replace 1 running task \(up to 8d .*old\)/);
    expect(outcome.stderr).toContain('--yes');
    expect(updates()).toBe(before);
  });
});

describe('with a task role that has the grants', () => {
  beforeAll(allowExec);

  it('a new deployment replaces the tasks, a new one can be entered, and a second run changes nothing', async () => {
    const outcome = await enable([SERVICE, '--yes', '--wait', '--json']);
    expect(outcome).toMatchObject({ status: 0 });
    const told = JSON.parse(outcome.stdout) as Record<string, string>;
    expect(told).toEqual({
      cluster: 'example-app-cluster',
      service: SERVICE,
      deployment: expect.stringMatching(/^ecs-svc\/\d+$/) as string,
      replaces: ['b6e7f8091a2b43c4b5e6f708192a3b4c'],
      task: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    });
    const inside = await cli(['exec', '--task', told['task'] ?? '', ...CLUSTER, '--', 'echo', 'inside'], {
      env: sandbox().env,
    });
    expect(inside).toMatchObject({ status: 0, stdout: 'inside\n' });
    const before = updates();
    const again = await enable([SERVICE, ...CLUSTER, '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({ deployment: null, replaces: [] });
    expect(updates()).toBe(before);
  });

  it('a deployment that fails ends the wait with the reason of ECS', async () => {
    await new ECSClient(sandboxClients(sandbox().env).config).send(
      new UpdateServiceCommand({
        cluster: 'example-app-cluster',
        service: SERVICE,
        enableExecuteCommand: false,
      }),
    );
    const outcome = await enable([SERVICE, ...CLUSTER, '--yes', '--wait'], {
      ...serviceWith(({ deployments }) => ({
        deployments: deployments.map((deployment) => ({
          ...deployment,
          rolloutState: 'FAILED',
          rolloutReason: 'tasks failed to start',
        })),
      })),
    });
    expect(outcome).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('tasks failed to start') as string,
    });
    expect(outcome.stderr).toContain('ls events example-app-api');
  });
});
