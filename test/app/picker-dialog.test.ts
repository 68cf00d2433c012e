import { describe, expect, it } from 'vitest';
import { pick, pickContainer } from '../../src/app/listing/pick.ts';
import type { PickNeeds } from '../../src/app/listing/picker-dialog.ts';
import { wholeName } from '../../src/app/listing/whole-name.ts';
import type { AwsAccount } from '../../src/aws/account.ts';
import type { Choice } from '../../src/config/choice-history.ts';
import type { EcsPort, Task } from '../../src/connect/ports.ts';
import { noMatch } from '../../src/core/errors.ts';
import { textFact } from '../../src/core/facts/fact.ts';
import type { ToolEvent } from '../../src/core/events.ts';
import type { BrowseAnswer, Browser, BrowseQuestion } from '../../src/ui/browse.ts';
import type { Prompter } from '../../src/ui/prompter.ts';
import { textOf } from '../../src/ui/row-text.ts';
import { serviceRecord, taskRecord } from '../support/ecs-records.ts';
import { FakeClock } from '../support/fake-clock.ts';

type Clusters = Readonly<Record<string, Readonly<Record<string, readonly Task[]>>>>;

const NOTHING = { cluster: undefined, service: undefined, task: undefined, container: undefined };
const BACK = Symbol('back');

function ecsOf(clusters: Clusters): EcsPort {
  const tasksIn = (cluster: string): readonly Task[] => Object.values(clusters[cluster] ?? {}).flat();
  return {
    async *clusterNames() {
      yield Object.keys(clusters);
    },
    describeClusters: (names: readonly string[]) =>
      Promise.resolve(names.map((name) => ({ name, runningTasks: 1, activeServices: 1 }))),
    async *serviceNames(cluster: string) {
      yield Object.keys(clusters[cluster] ?? {});
    },
    describeServices: (cluster: string, names: readonly string[]) =>
      Promise.resolve(
        names.map((name) => serviceRecord({ name, runningCount: clusters[cluster]?.[name]?.length ?? 0 })),
      ),
    async *taskArns(cluster: string, { service }: { readonly service?: string }) {
      yield tasksIn(cluster)
        .filter(({ serviceName }) => service === undefined || serviceName === service)
        .map(({ arn }) => arn);
    },
    describeTasks: (cluster: string, arns: readonly string[]) =>
      Promise.resolve(tasksIn(cluster).filter(({ arn, id }) => arns.includes(arn) || arns.includes(id))),
  } as unknown as EcsPort;
}

/** A person who answers each question that is asked with the next of these: the name of a row, or BACK. */
function person(answers: readonly (string | typeof BACK)[]) {
  const left = [...answers];
  const questions: {
    readonly message: string;
    readonly names: readonly string[];
    readonly cursor: string | undefined;
    readonly notice: string | undefined;
  }[] = [];
  const remedies: (readonly string[])[] = [];
  let notice: string | undefined;
  const browser: Browser = {
    open: () => undefined,
    close: () => undefined,
    notice: (text) => {
      notice = text;
    },
    async ask<T>({ message, list, choosesOnly, cursor }: BrowseQuestion<T>): Promise<BrowseAnswer<T>> {
      await list.loadAll();
      const rows = list.rows();
      const [only] = rows;
      if (only === undefined) return { type: 'empty' };
      if (rows.length === 1 && choosesOnly === true && only.disabled === undefined)
        return { type: 'chose', row: only, filter: '', only: true };
      questions.push({ message, names: rows.map(({ cells }) => textOf(cells[0])), cursor, notice });
      notice = undefined;
      for (;;) {
        const answer = left.shift();
        if (answer === BACK) return { type: 'back' };
        const row = rows.find(({ cells }) => textOf(cells[0]) === answer);
        if (row === undefined) throw new Error(`${message}: no row ${String(answer)}`);
        if (row.disabled === undefined) return { type: 'chose', row, filter: '', only: false };
        remedies.push([row.disabled, ...(row.remedy ?? [])]);
      }
    },
  };
  return { browser, questions, remedies };
}

function setUp(
  clusters: Clusters,
  answers: readonly (string | typeof BACK)[],
  earlier: readonly Choice[] = [],
) {
  const { browser, questions, remedies } = person(answers);
  const events: ToolEvent[] = [];
  const ecs = ecsOf(clusters);
  const account = { region: 'eu-west-1', clockOffsetMs: () => 0, ecs: () => Promise.resolve(ecs) };
  const deps: PickNeeds = {
    clock: new FakeClock(),
    settings: {},
    signal: new AbortController().signal,
    account: () => Promise.resolve(account as unknown as AwsAccount),
    prompter: { browser: () => Promise.resolve(browser) } as unknown as Prompter,
    report: (event) => void events.push(event),
    advice: (code, facts) => [`${code}: enable-exec ${textFact(facts, 'service')}`],
    earlier,
  };
  const notes = (): readonly unknown[] => events.map((event) => 'message' in event && event.message);
  return { deps, questions, remedies, notes };
}

const task = (serviceName: string, over: Partial<Task> = {}): Task => {
  const id = `${serviceName}0123456789abcdef0123456789abcdef`.replace(/[^0-9a-f]/g, '0').slice(0, 32);
  return taskRecord({ id, arn: `arn:aws:ecs:eu-west-1:1:task/demo/${id}`, serviceName, ...over });
};

describe('Back', () => {
  it('puts the cursor where it was, and takes back what was picked without a question', async () => {
    const clusters = {
      one: { single: [task('single')] },
      two: { 'orders-api': [task('orders-api')], web: [task('web')] },
    };
    const { deps, questions, notes } = setUp(clusters, ['one', BACK, 'two', 'web', 'logs']);
    const picked = await pick(deps, NOTHING);
    expect(picked).toMatchObject({ cluster: 'two', service: 'web', action: 'logs' });
    const clusterQuestions = questions.filter(({ message }) => message === 'cluster');
    expect(clusterQuestions.map(({ cursor }) => cursor)).toEqual([undefined, 'one']);
    // The only service of the first cluster is not what was picked in the end.
    expect(notes().join('\n')).not.toContain('single');
    expect(notes().join('\n')).toContain('(the only one)');
  });

  it('is where a cluster leads in which nothing runs', async () => {
    const clusters = { empty: {}, full: { web: [task('web')] } };
    const { deps, questions } = setUp(clusters, ['empty', 'full', 'shell']);
    expect(await pick(deps, NOTHING)).toMatchObject({ cluster: 'full', service: 'web' });
    expect(questions[1]).toMatchObject({
      message: 'cluster',
      cursor: 'empty',
      notice: 'there is no service to pick from in cluster empty',
    });
  });
});

describe('a container without ECS Exec', () => {
  const off = (name: string): Task => {
    const on = task(name);
    const containers = [...on.containers, ...on.containers.map((each) => ({ ...each, name: 'admin' }))];
    return { ...on, execEnabled: false, containers };
  };

  it('cannot be chosen for a shell, and says what enables it', async () => {
    const { deps, remedies } = setUp({ demo: { web: [off('web')], other: [task('other')] } }, [
      'web',
      'admin',
      BACK,
      'other',
    ]);
    await pickContainer(deps, NOTHING);
    expect(remedies).toEqual([[expect.stringMatching(/exec/i), 'exec-not-enabled: enable-exec web']]);
  });

  it('can be chosen for its log; the rows that need a session say what enables it', async () => {
    const { deps, remedies } = setUp({ demo: { web: [off('web')] } }, ['admin', 'shell', 'logs']);
    expect(await pick(deps, NOTHING)).toMatchObject({ action: 'logs', container: { name: 'admin' } });
    expect(remedies).toEqual([[expect.stringMatching(/exec/i), 'exec-not-enabled: enable-exec web']]);
  });
});

it('the last choices lead each list', async () => {
  const earlier: Choice = {
    at: 1,
    account: '1',
    region: 'r',
    cluster: 'two',
    service: 'web',
    action: 'shell',
  };
  const two = { 'aaa-api': [task('aaa-api')], web: [task('web')] };
  const { deps, questions } = setUp({ one: {}, two }, ['two', 'web', 'logs'], [earlier]);
  await pick(deps, NOTHING);
  expect(questions.slice(0, 2).map(({ names }) => names)).toEqual([
    ['two', 'one'],
    ['web', 'aaa-api'],
  ]);
});

it('a part of a name opens the list with the reason below it, and the name that was picked is said', async () => {
  const two = { 'orders-api': [task('orders-api')], 'orders-worker': [task('orders-worker')] };
  const { deps, questions, notes } = setUp({ demo: two }, ['orders-worker']);
  const error = noMatch('service-not-found', 'no service orders in cluster demo', {
    details: { cluster: 'demo', service: 'orders' },
  });
  const wanted = { ...NOTHING, service: 'orders' };
  expect(await wholeName(error, wanted, 'service', deps)).toMatchObject({ service: 'orders-worker' });
  expect(questions[0]?.notice).toBe('no service orders in cluster demo');
  expect(notes().at(-1)).toBe('no service orders in cluster demo: picked orders-worker');
});
