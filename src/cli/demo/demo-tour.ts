import { withDeadline } from '../../core/clock.ts';
import { describeElapsed } from '../../core/duration.ts';
import { Deferred } from '../../core/deferred.ts';
import { EXIT_STATUS, failed, interrupted } from '../../core/errors.ts';
import { renderTable } from '../../ui/table.ts';
import type { Stage } from './demo-stage.ts';

/**
 * The account as the sandbox stores it, read without API calls: every resource that exists or costs money, as canonical
 * JSON.
 */
export interface Account {
  snapshot(): string;
}

const CLUSTER = 'demo';
const SERVICE = 'orders-api';
/** Identifier of the database that the service uses. */
export const TOUR_DATABASE = 'orders-db';
const CONTAINER = 'app';
const READY_DEADLINE_MS = 60_000;
/** Long, because the database may still be starting on a slow machine. */
const QUERY_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 15_000;
const SQL = 'SELECT status, count(*)::int AS orders FROM orders GROUP BY status ORDER BY orders DESC';

/** The tour without a terminal: every step runs without a question. Throws `demo-step-failed`, `demo-leftovers`. */
export async function scriptedTour(stage: Stage, account: Account): Promise<void> {
  const since = stage.context.clock.now();
  const before = account.snapshot();
  stage.say(
    'fargate-connect on its embedded AWS: real commands, real shells,\na real PostgreSQL; no account, no network.',
  );

  stage.say('\n1. A bastion: a spot instance without inbound ports that ends itself.');
  await step(stage, ['up', '--cluster', CLUSTER, '--db', TOUR_DATABASE, '--yes']);

  stage.say('\n2. What runs in the cluster?');
  await step(stage, ['ls', 'services', '--cluster', CLUSTER]);

  stage.say('\n3. A command in a container of the service: which database does it use?');
  const url = await databaseUrl(stage);

  stage.say('\n4. A local port to that database, through the bastion, and a query over it.');
  await queryThroughForward(stage, url);

  stage.say('\n5. Everything is deleted again.');
  await step(stage, ['down', '--yes']);
  reportLeftovers(stage, before, account.snapshot(), since);
}

/** The tour on a terminal: the same steps, and the person confirms, picks and types. */
export async function guidedTour(stage: Stage, account: Account): Promise<void> {
  const since = stage.context.clock.now();
  const before = account.snapshot();
  stage.say(
    'This is fargate-connect on an embedded AWS: what you type is real,\nthe account is not. Ctrl-C leaves at any time.',
  );

  stage.say('\n1. `up` plans a bastion, shows the plan, and creates it when you agree.');
  await step(stage, ['up', '--cluster', CLUSTER, '--db', TOUR_DATABASE]);

  stage.say('\n2. `connect` is the picker: type to filter, Enter to choose, Esc to go back.');
  stage.say(`   Pick a container and look around: in ${SERVICE} / ${CONTAINER}, try`);
  stage.say('   printenv DATABASE_URL. `exit` comes back here.');
  await step(stage, ['connect', '--cluster', CLUSTER]);

  stage.say('\n3. `exec` runs one command in a container; its output is the answer.');
  const url = await databaseUrl(stage);

  stage.say('\n4. `forward` opens a local port to that database, through the bastion.');
  await queryThroughForward(stage, url);

  stage.say('\n5. `down` finds by tags whatever `up` made and removes it.');
  await step(stage, ['down', '--yes']);
  reportLeftovers(stage, before, account.snapshot(), since);
}

async function step(stage: Stage, args: readonly string[]): Promise<void> {
  const status = await stage.run(args);
  if (status === EXIT_STATUS.interrupted) throw interrupted('the demo ended, and its account with it');
  if (status !== 0) throw stepFailed(args, `ended with status ${status}`);
}

const stepFailed = (args: readonly string[], what: string): Error =>
  failed('demo-step-failed', `demo: ${args[0] ?? ''} ${what}`, { details: { command: [...args] } });

async function databaseUrl(stage: Stage): Promise<URL> {
  const args = [
    'exec',
    SERVICE,
    '--cluster',
    CLUSTER,
    '--container',
    CONTAINER,
    '--',
    'printenv',
    'DATABASE_URL',
  ];
  // The output is captured even on a terminal: when stdin is not a terminal, exec runs the command with pipes and
  // without a terminal.
  let answer = '';
  const status = await stage.start(args, (line) => {
    answer += line;
  }).status;
  if (status === EXIT_STATUS.interrupted) throw interrupted('the demo ended, and its account with it');
  if (status !== 0) throw stepFailed(args, `ended with status ${status}`);
  const text = /postgres(?:ql)?:\/\/\S+/.exec(answer)?.[0];
  if (text === undefined) throw stepFailed(args, 'printed no database address');
  return new URL(text);
}

/** Starts a forward, waits for its ready event, queries the database, and stops the forward as Ctrl-C would. */
async function queryThroughForward(stage: Stage, url: URL): Promise<void> {
  const { clock } = stage.context;
  const remote = `${url.hostname}:${url.port || '5432'}`;
  const args = [
    'forward',
    '-L',
    `0:${remote}`,
    '--cluster',
    CLUSTER,
    '--via',
    'bastion',
    '--json',
    '--quiet',
  ];
  const port = new Deferred<number>();
  const forward = stage.start(args, (line) => {
    const local = readyPort(line);
    if (local !== undefined) port.resolve(local);
  });
  const early = forward.status.then((status): never => {
    if (status === EXIT_STATUS.interrupted) throw interrupted('the demo ended, and its account with it');
    throw stepFailed(args, `ended with status ${status} before it was ready`);
  });
  // After the query the end of the forward is expected; only the Promise.race below handles an early one.
  early.catch(() => undefined);
  try {
    const localPort = await withDeadline(clock, READY_DEADLINE_MS, Promise.race([port.promise, early]), () =>
      stepFailed(args, 'was not ready in time'),
    );
    const rows = await withDeadline(
      clock,
      QUERY_DEADLINE_MS,
      Promise.race([query(url, localPort), early]),
      () => stepFailed(args, 'was ready, but the database did not answer in time'),
    );
    stage.say(`\nasked at 127.0.0.1:${localPort}: ${SQL}`);
    stage.context.terminal.stdout.write(
      renderTable(
        [{ title: 'status' }, { title: 'orders', align: 'right' }],
        rows.map((row) => [row.status, row.orders]),
        { color: stage.context.settings.color },
      ),
    );
  } finally {
    forward.stop();
    await withDeadline(clock, STOP_DEADLINE_MS, forward.status, () => stepFailed(args, 'did not stop')).catch(
      (error: unknown) => stage.say(String(error)),
    );
  }
}

function readyPort(line: string): number | undefined {
  try {
    const event = JSON.parse(line) as { readonly type?: string; readonly local?: { readonly port?: number } };
    return event.type === 'forward-ready' ? event.local?.port : undefined;
  } catch {
    return undefined;
  }
}

async function query(
  url: URL,
  port: number,
): Promise<readonly { readonly status: string; readonly orders: number }[]> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
  });
  await client.connect();
  try {
    const answer = await client.query<{ status: string; orders: number }>(SQL);
    return answer.rows;
  } finally {
    await client.end();
  }
}

function reportLeftovers(stage: Stage, before: string, after: string, since: number): void {
  const left = differences(before, after);
  const elapsed = describeElapsed(stage.context.clock.now() - since);
  const { stdout } = stage.context.terminal;
  if (stage.context.settings.output === 'json')
    stdout.write(`${JSON.stringify({ resourcesLeft: left.length, differences: left })}\n`);
  else
    stdout.write(
      `\n${left.length} resources left: the account is ${left.length === 0 ? '' : 'not '}as it was before (${elapsed})\n`,
    );
  if (left.length > 0)
    throw failed('demo-leftovers', `the account differs from before in ${left.length} places`, {
      details: { differences: left },
    });
}

/** Paths at which two JSON documents differ; empty exactly when they are equal. */
export function differences(before: string, after: string): readonly string[] {
  const found: string[] = [];
  const walk = (a: unknown, b: unknown, path: string): void => {
    if (isRecord(a) && isRecord(b)) {
      for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
        walk(a[key], b[key], `${path}/${key}`);
    } else if (JSON.stringify(a) !== JSON.stringify(b)) found.push(path === '' ? '/' : path);
  };
  walk(JSON.parse(before), JSON.parse(after), '');
  return found;
}

/** Arrays count as records of their indexes. */
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
