import { expect, it } from 'vitest';
import type { AwsAccount } from '../../src/aws/account.ts';
import { COMMANDS, createProgram } from '../../src/cli/program.ts';
import { runCli } from '../../src/cli/run-cli.ts';
import type { EcsPort, Task } from '../../src/connect/ports.ts';
import { containerRecord, serviceRecord, taskRecord } from '../support/ecs-records.ts';
import { fakeDeps } from '../support/fake-deps.ts';

/** `connect` where nothing may be asked: each question ends with flags and commands that exist. */

const ID = '1f0e9d8c7b6a45948372615049382716';
const OTHER_ID = '2a3b4c5d6e7f48091a2b3c4d5e6f7081';

interface World {
  readonly clusters?: readonly string[];
  readonly services?: readonly string[];
  readonly tasks?: readonly Task[];
}

async function connect(
  { clusters = ['demo'], services = ['orders-api'], tasks = [taskRecord({ id: ID })] }: World,
  ...flags: readonly string[]
): Promise<readonly string[]> {
  const ecs = {
    async *clusterNames() {
      yield clusters;
    },
    describeClusters: (names: readonly string[]) =>
      Promise.resolve(names.map((name) => ({ name, runningTasks: 1, activeServices: 1 }))),
    async *serviceNames() {
      yield services;
    },
    describeServices: (_cluster: string, names: readonly string[]) =>
      Promise.resolve(names.map((name) => serviceRecord({ name }))),
    async *taskArns(_cluster: string, { service }: { readonly service?: string }) {
      yield tasks
        .filter(({ serviceName }) => service === undefined || serviceName === service)
        .map(({ arn }) => arn);
    },
    describeTasks: (_cluster: string, wanted: readonly string[]) =>
      Promise.resolve(tasks.filter(({ arn, id }) => wanted.includes(arn) || wanted.includes(id))),
  } as unknown as EcsPort;
  const account = {
    region: 'eu-west-1',
    clockOffsetMs: () => 0,
    ecs: () => Promise.resolve(ecs),
  } as unknown as AwsAccount;
  const deps = fakeDeps({ openAccount: () => Promise.resolve(account) });
  expect(await runCli(['connect', '--no-input', '--json', ...flags], deps)).toBe(2);
  const last = deps.terminal.stderr.text.trim().split('\n').at(-1) ?? '';
  const { error } = JSON.parse(last) as { error: { code: string; hints: readonly string[] } };
  expect(error.code).toBe('input-needed');
  return error.hints;
}

/** Fails for a command or a flag that the tool does not have. */
async function parses(line: string): Promise<void> {
  const program = createProgram({
    invoke: () => Promise.resolve(),
    commands: COMMANDS,
    version: '0',
    write: () => undefined,
    columns: 100,
  });
  const [words = ''] = line.replace(/^fargate-connect /, '').split('   #');
  await program.parseAsync(words.split(' '), { from: 'user' });
}

const loose = taskRecord({ id: OTHER_ID, serviceName: undefined });

it.each<[string, World, readonly string[], readonly string[]]>([
  ['cluster', { clusters: ['demo', 'prod'] }, [], ['give --cluster', 'one of: demo, prod']],
  [
    'service',
    { services: ['orders-api', 'web'], tasks: [taskRecord({ id: ID }), loose] },
    [],
    ['give --service', 'one of: orders-api, web'],
  ],
  [
    'task',
    { tasks: [taskRecord({ id: ID }), taskRecord({ id: OTHER_ID })] },
    [],
    ['give --task', `one of: ${ID}, ${OTHER_ID}`],
  ],
  [
    'container',
    {
      tasks: [taskRecord({ id: ID, containers: [containerRecord(), containerRecord({ name: 'envoy' })] })],
    },
    [],
    ['give --container', 'one of: app, envoy'],
  ],
])('the question for a %s names its flag and what the flag takes', async (_kind, world, flags, hints) => {
  expect(await connect(world, ...flags)).toEqual(hints);
});

it.each<[string, World, readonly string[], string, readonly string[]]>([
  [
    'a service',
    {},
    ['--region', 'eu-west-1'],
    '--cluster demo --service orders-api',
    ['exec', 'logs', 'forward', 'db', 'ls'],
  ],
  [
    'a task',
    {},
    ['--cluster', 'demo', '--task', ID],
    `--cluster demo --task ${ID}`,
    ['exec', 'logs', 'forward', 'db', 'ls'],
  ],
  [
    'a task without a service',
    { services: [], tasks: [loose] },
    [],
    `--cluster demo --task ${OTHER_ID}`,
    ['exec', 'logs', 'forward', 'db'],
  ],
  [
    'a service of which nothing runs',
    { tasks: [] },
    [],
    '--cluster demo --service orders-api',
    ['ls', 'logs'],
  ],
])(
  'the last question, about %s, names a command for each answer',
  async (_kind, world, flags, target, commands) => {
    const hints = await connect(world, ...flags);
    expect(hints.map((line) => line.split(' ')[1])).toEqual(commands);
    for (const line of hints) {
      if (line.includes(' ls events ')) expect(line).toContain(' ls events orders-api --cluster demo');
      else expect(line).toContain(target);
      if (flags.includes('--region')) expect(line).toContain('--region eu-west-1');
      await parses(line);
    }
  },
);
