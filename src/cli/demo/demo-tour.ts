import { withDeadline } from '../../core/clock.ts';
import { describeElapsed } from '../../core/duration.ts';
import { Deferred } from '../../core/deferred.ts';
import { EXIT_STATUS, failed, interrupted } from '../../core/errors.ts';
import { renderTable } from '../../ui/table.ts';
import type { Client } from 'pg';
import type { Running, Stage } from './demo-stage.ts';

/**
 * The account as the sandbox stores it, read without API calls: every resource that exists or costs money, as canonical
 * JSON.
 */
export interface Account {
  snapshot(): string;
}

export const CLUSTER = 'demo';
export const SERVICE = 'orders-api';
/** Identifier of the database that the service uses. */
export const TOUR_DATABASE = 'orders-db';
export const CONTAINER = 'app';
const READY_DEADLINE_MS = 60_000;
/** Long, because the database may still be starting on a slow machine. */
const QUERY_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 15_000;
/** One line of 80 columns where it is offered. */
export const SQL = 'SELECT status, count(*)::int orders FROM orders GROUP BY 1 ORDER BY 1';

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

export const demoEnded = (): Error => interrupted('the demo ended, and its account with it');

async function step(stage: Stage, args: readonly string[]): Promise<void> {
  const status = await stage.run(args);
  if (status === EXIT_STATUS.interrupted) throw demoEnded();
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
  if (status === EXIT_STATUS.interrupted) throw demoEnded();
  if (status !== 0) throw stepFailed(args, `ended with status ${status}`);
  const url = databaseUrlIn(answer);
  if (url === undefined) throw stepFailed(args, 'printed no database address');
  return url;
}

/** The first address of a PostgreSQL database in a text. */
export function databaseUrlIn(text: string): URL | undefined {
  const address = /postgres(?:ql)?:\/\/\S+/.exec(text)?.[0];
  return address === undefined ? undefined : new URL(address);
}

export const forwardTo = (url: URL): readonly string[] => [
  'forward',
  '-L',
  `0:${url.hostname}:${url.port || '5432'}`,
  '--cluster',
  CLUSTER,
  '--via',
  'bastion',
];

async function queryThroughForward(stage: Stage, url: URL): Promise<void> {
  const running = (onLine: (line: string) => void): Running =>
    stage.start([...forwardTo(url), '--json', '--quiet'], onLine);
  await withForward(stage, running, async (port, early) => {
    const rows = await withDeadline(
      stage.context.clock,
      QUERY_DEADLINE_MS,
      Promise.race([query(url, port), early]),
      () => stepFailed(['forward'], 'was ready, but the database did not answer in time'),
    );
    stage.say(`\nasked at 127.0.0.1:${port}: ${SQL}`);
    stage.context.terminal.stdout.write(
      renderTable(
        [{ title: 'status' }, { title: 'orders', align: 'right' }],
        rows.map((row) => [row.status, row.orders]),
        { color: stage.context.settings.color },
      ),
    );
  });
}

/**
 * Starts a forward that prints its ready event, passes the local port to `work`, and then stops the forward as Ctrl-C
 * would. `early` rejects when the forward ends before.
 */
export async function withForward<T>(
  stage: Stage,
  start: (onLine: (line: string) => void) => Running,
  work: (port: number, early: Promise<never>) => Promise<T>,
): Promise<T> {
  const { clock } = stage.context;
  const args = ['forward'];
  const port = new Deferred<number>();
  const forward = start((line) => {
    const local = readyPort(line);
    if (local !== undefined) port.resolve(local);
  });
  const early = forward.status.then((status): never => {
    if (status === EXIT_STATUS.interrupted) throw demoEnded();
    throw stepFailed(args, `ended with status ${status} before it was ready`);
  });
  // After the work the end of the forward is expected; only a Promise.race handles an early one.
  early.catch(() => undefined);
  try {
    const localPort = await withDeadline(clock, READY_DEADLINE_MS, Promise.race([port.promise, early]), () =>
      stepFailed(args, 'was not ready in time'),
    );
    return await work(localPort, early);
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

/** A client that is connected to the local port of the forward. The caller ends it. */
export async function databaseClient(url: URL, port: number): Promise<Client> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
  });
  await client.connect();
  return client;
}

async function query(
  url: URL,
  port: number,
): Promise<readonly { readonly status: string; readonly orders: number }[]> {
  const client = await databaseClient(url, port);
  try {
    const answer = await client.query<{ status: string; orders: number }>(SQL);
    return answer.rows;
  } finally {
    await client.end();
  }
}

export function reportLeftovers(stage: Stage, before: string, after: string, since: number): void {
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
