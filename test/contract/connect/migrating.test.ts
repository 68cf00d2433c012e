import { readFileSync } from 'node:fs';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { defaultSeed } from '../../../src/sandbox/world/seed.ts';
import { parseWorldFile } from '../../../src/sandbox/world/world-file.ts';
import { seedOfWorld } from '../../../src/sandbox/world/world-seed.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { cli, type CliOutcome } from '../../support/cli-in-process.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeSignals } from '../../support/fake-deps.ts';

/** Each command of ours in docs/migrating.md runs against a world beside the bastion of the Terraform ancestor. */

const PAGE = readFileSync('docs/migrating.md', 'utf8');
const FILE = 'docs/worlds/terraform-bastion.yaml';

let sandbox: Sandbox;
const folder = mkdtempSync(join(tmpdir(), 'fc-migrating-'));
beforeAll(async () => {
  const world = parseWorldFile(FILE, readFileSync(FILE, 'utf8'));
  const [service] = world.services ?? [];
  const seed = seedOfWorld(
    FILE,
    {
      ...world,
      services: [
        { ...service!, containers: [{ name: 'app', ports: [8080], logGroup: '/ecs/orders-api' }] },
        { ...service!, name: 'off', exec: false },
      ],
      logGroups: [{ name: '/ecs/orders-api' }],
      databases: [{ id: 'orders-db', network: 'legacy', iamUsers: ['app'] }],
    },
    defaultSeed(),
  );
  sandbox = await startSandbox({ seed });
  await sandbox.warmUpDatabase('orders-db');
  writeFileSync(join(folder, 'notes.txt'), 'from another tool\n');
}, 120_000);
afterAll(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true });
});

const DB_HOST = 'orders-db.w0r1d2345678.eu-west-1.rds.amazonaws.com';

/** The words of the page that stand for something of one's own. */
const VALUES: Readonly<Record<string, string>> = {
  CLUSTER: 'my-ecs-cluster',
  SERVICE: 'orders-api',
  'role/ROLE': 'role/ec2-connect-role',
  ID: 'orders-db',
  FILE: join(folder, 'notes.txt'),
  'SERVICE:PATH': 'orders-api:/tmp/notes.txt',
  '5432:HOST:5432': `0:${DB_HOST}:5432`,
  'LOCAL:HOST:PORT': `0:${DB_HOST}:5432`,
  'LOCAL:PORT': '0:8080',
  CMD: 'true',
};

/** A way in which a command of the page is run here. */
interface Tried {
  /** As the page has it. */
  readonly command: string;
  /** What a test needs besides. */
  readonly more?: readonly string[];
  readonly status?: number;
  /** It goes on until Ctrl-C, which is given when stderr says this. */
  readonly until?: RegExp;
  /** The same, after this operation of AWS was called. */
  readonly untilCall?: RegExp;
}

/** In the order in which somebody does it who changes over. */
const TRIED: readonly Tried[] = [
  { command: 'fargate-connect doctor SERVICE' },
  { command: 'doctor SERVICE' },
  { command: 'fargate-connect ls services' },
  { command: 'fargate-connect ls tasks', more: ['--service', 'orders-api'] },
  { command: 'fargate-connect policy bastion --cluster CLUSTER' },
  { command: 'fargate-connect policy diff role/ROLE bastion --cluster CLUSTER', status: 1 },
  { command: 'fargate-connect policy doctor' },
  { command: 'fargate-connect exec SERVICE --cluster CLUSTER', more: ['--', 'true'] },
  { command: 'fargate-connect exec SERVICE', more: ['--', 'true'] },
  { command: 'fargate-connect exec SERVICE -- CMD' },
  { command: 'fargate-connect logs SERVICE' },
  { command: 'fargate-connect logs SERVICE --follow', untilCall: /LogEvents/ },
  { command: 'fargate-connect cp FILE SERVICE:PATH' },
  { command: 'fargate-connect forward -L LOCAL:PORT --service SERVICE', until: /listening on/ },
  { command: 'fargate-connect enable-exec SERVICE', more: ['--yes'] },
  { command: 'fargate-connect up --cluster CLUSTER', more: ['--yes'] },
  { command: 'fargate-connect up --db ID', more: ['--yes'] },
  { command: 'fargate-connect forward -L 5432:HOST:5432', more: ['--via', 'bastion'], until: /listening on/ },
  { command: 'forward -L LOCAL:HOST:PORT', more: ['--via', 'bastion'], until: /listening on/ },
  {
    command: 'fargate-connect db ID',
    more: ['--via', 'bastion', '--iam', '--as', 'app', '--port', '0', '--', 'true'],
  },
  { command: 'up --allow-db ID', more: ['--yes'] },
  { command: 'fargate-connect down', more: ['--yes', '--force'] },
];

/** Those that another test runs, or that are only parsed (test/cli/documented-commands.test.ts). */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'fargate-connect COMMAND --help': 'test/cli/help.test.ts',
  'fargate-connect doctor --cluster CLUSTER --task TASK': 'below, with the id of a task',
  'fargate-connect': 'test/e2e/picker.test.ts',
};

const wordsOf = (command: string): readonly string[] =>
  command
    .replace(/^fargate-connect ?/, '')
    .split(' ')
    .map((word) => VALUES[word] ?? word);

async function run({ command, more = [], until, untilCall }: Tried): Promise<CliOutcome> {
  const own = wordsOf(command);
  const cluster = command.includes('--cluster') ? [] : ['--cluster', 'my-ecs-cluster'];
  const place = /^(?:ls|policy|db|up|down|exec|logs|cp|forward|doctor|enable-exec)$/.test(own[0] ?? '');
  // Flags stand before the command of a session.
  const at = own.indexOf('--');
  const head = at === -1 ? own : own.slice(0, at);
  const words = [
    ...head,
    ...(place && own[0] !== 'down' && !(own[0] === 'up' && own.includes('--allow-db')) ? cluster : []),
    ...(at === -1 ? [] : own.slice(at)),
    ...more,
  ];
  const signals = new FakeSignals();
  let isEnded = false;
  const before = sandbox.calls.length;
  if (untilCall !== undefined)
    void eventually(async () =>
      Promise.resolve(sandbox.calls.slice(before).some(({ action }) => untilCall.test(action)) || undefined),
    ).then(() => signals.raise('SIGINT'));
  return cli(words, {
    env: { ...sandbox.env, PATH: process.env['PATH'] ?? '' },
    signals,
    clock: systemClock,
    onStderr: (text) => {
      if (until === undefined || isEnded || !until.test(text)) return;
      isEnded = true;
      signals.raise('SIGINT');
    },
  });
}

/** The commands of ours on the page: code that begins with the name of the program, or with one of its commands. */
const commands = [
  ...new Set(
    [...PAGE.matchAll(/`([^`\n]+)`/g)]
      .map((match) => match[1] ?? '')
      .filter((text) => /^(?:fargate-connect\b|(?:doctor|forward|up|down|db|exec) [-A-Z])/.test(text)),
  ),
];

it('every command of ours on the page is tried here, or has a test that is named', () => {
  const known = new Set([...TRIED.map(({ command }) => command), ...Object.keys(ELSEWHERE)]);
  expect(commands.filter((command) => !known.has(command))).toEqual([]);
  expect([...known].filter((command) => !commands.includes(command))).toEqual([]);
});

describe('the commands of docs/migrating.md', () => {
  it.each(TRIED.map((tried) => [tried.command, tried] as const))(
    '%s',
    async (_command, tried) => {
      const outcome = await run(tried);
      const expected = tried.until === undefined && tried.untilCall === undefined ? (tried.status ?? 0) : 130;
      expect([outcome.status, outcome.stderr]).toEqual([expected, outcome.stderr]);
    },
    180_000,
  );

  it('fargate-connect doctor --cluster CLUSTER --task TASK', async () => {
    const place = ['--cluster', 'my-ecs-cluster'];
    const list = await cli(['ls', 'tasks', '--service', 'orders-api', ...place, '--json'], {
      env: sandbox.env,
    });
    const id = /[0-9a-f]{32}/.exec(list.stdout)?.[0] ?? '';
    expect(await cli(['doctor', ...place, '--task', id], { env: sandbox.env })).toMatchObject({ status: 0 });
  });

  it('leave what they found', () => {
    expect(sandbox.snapshot()).toContain('ec2-connect-role');
    expect(sandbox.snapshot()).not.toContain('fargate-connect-default');
  });
});
