import { describe, expect, it } from 'vitest';
import {
  containerNeeded,
  isWholeTaskId,
  matchTaskId,
  namedContainer,
  networkContainer,
  rankTasks,
  whyFirst,
} from '../../../src/connect/target/select.ts';
import type { Container, Task } from '../../../src/connect/ports.ts';
import { containerRecord, taskRecord } from '../../support/ecs-records.ts';

const AGENT = { reason: undefined, startedAt: undefined } as const;
const NO_AGENT = { runtimeId: undefined, execAgent: undefined } as const;

const named = (name: string, over: Partial<Container> = {}): Container => containerRecord({ name, ...over });

const thrown = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe('the best task', () => {
  const order = (...tasks: readonly Partial<Task>[]): readonly string[] =>
    rankTasks(tasks.map((over) => taskRecord(over))).map(({ id }) => id);

  it.each<readonly [string, Partial<Task>, Partial<Task>]>([
    ['runs', {}, { lastStatus: 'PENDING' }],
    ['will have an agent, while the running one has none', { lastStatus: 'PENDING' }, { execEnabled: false }],
    [
      'has an agent that is starting, while that of the other has ended',
      { containers: [named('a', { execAgent: { ...AGENT, status: 'PENDING' } })] },
      { containers: [named('a', { execAgent: { ...AGENT, status: 'STOPPED' } })] },
    ],
    [
      'belongs to the newest deployment, though only the old one is known to be healthy',
      { startedBy: 'ecs-svc/2', createdAt: 2_000, healthStatus: 'UNKNOWN' },
      { startedBy: 'ecs-svc/1', createdAt: 1_000 },
    ],
    [
      'is not unhealthy, though it belongs to the old deployment',
      { startedBy: 'ecs-svc/1', createdAt: 1_000 },
      { startedBy: 'ecs-svc/2', createdAt: 2_000, healthStatus: 'UNHEALTHY' },
    ],
    [
      'can be entered, though it belongs to the old deployment',
      { startedBy: 'ecs-svc/1', createdAt: 1_000 },
      { startedBy: 'ecs-svc/2', createdAt: 2_000, lastStatus: 'PENDING' },
    ],
    ['is not about to stop', {}, { desiredStatus: 'STOPPED' }],
    ['has ECS Exec', {}, { execEnabled: false }],
    [
      'has an agent in any container',
      { containers: [named('a', NO_AGENT), named('b')] },
      { containers: [named('a', NO_AGENT)] },
    ],
    ['has an agent with a runtime id', {}, { containers: [named('a', { runtimeId: undefined })] }],
    ['is healthy', {}, { healthStatus: 'UNKNOWN' }],
    ['is not unhealthy', { healthStatus: 'UNKNOWN' }, { healthStatus: 'UNHEALTHY' }],
    [
      'is not unhealthy, rather than of a health that ECS invents later',
      { healthStatus: 'LATER' },
      { healthStatus: 'UNHEALTHY' },
    ],
    ['is the newest', { startedAt: 2_000 }, { startedAt: 1_000 }],
    [
      'is the newest by its creation if it has not started',
      { startedAt: undefined, createdAt: 3_000 },
      { startedAt: 2_000, createdAt: 5_000 },
    ],
    ['has a known age', { startedAt: 1 }, { startedAt: undefined, createdAt: undefined }],
  ])('%s', (_, better, worse) => {
    // The ids alone would give the other order.
    expect(order({ id: 'b', ...better }, { id: 'a', ...worse })).toEqual(['b', 'a']);
    expect(order({ id: 'a', ...worse }, { id: 'b', ...better })).toEqual(['b', 'a']);
  });

  it('has an agent in the container that was named', () => {
    const inApp = taskRecord({ id: 'b', containers: [named('app'), named('log', NO_AGENT)] });
    const inLog = taskRecord({ id: 'a', containers: [named('app', NO_AGENT), named('log')] });
    expect(rankTasks([inLog, inApp], 'app').map(({ id }) => id)).toEqual(['b', 'a']);
    expect(rankTasks([inLog, inApp], 'log').map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('is compared with the deployments of its own service only', () => {
    const orders = { id: 'b', serviceName: 'orders', startedBy: 'ecs-svc/1', createdAt: 1_000 };
    const billing = { id: 'a', serviceName: 'billing', startedBy: 'ecs-svc/9', createdAt: 9_000 };
    expect(order({ ...billing, healthStatus: 'UNKNOWN' }, orders)).toEqual(['b', 'a']);
  });

  it('comes first by its id if all else is equal', () => {
    expect(order({ id: 'b' }, { id: 'a' })).toEqual(['a', 'b']);
  });

  it('is chosen by the first property in which tasks differ: an old healthy task before a new unhealthy one', () => {
    const old = { id: 'b', startedAt: 1_000 };
    const unhealthy = { id: 'a', healthStatus: 'UNHEALTHY', startedAt: 9_000 } as const;
    const stopping = { id: '0', desiredStatus: 'STOPPED', startedAt: 9_000 } as const;
    expect(order(stopping, unhealthy, old)).toEqual(['b', 'a', '0']);
  });
});

describe('why a task comes first', () => {
  const why = (...tasks: readonly Partial<Task>[]): string =>
    whyFirst(rankTasks(tasks.map((over) => taskRecord(over))));

  it.each<readonly [string, readonly Partial<Task>[]]>([
    ['the newest of 2', [{ startedAt: 1_000 }, { startedAt: 2_000 }]],
    ['one of 2', [{}, {}]],
    ['one of 2: it is not being stopped', [{}, { desiredStatus: 'STOPPED' }]],
    ['one of 2: its exec agent runs', [{ execEnabled: false }, {}]],
    [
      'one of 3: its exec agent runs, it is healthy',
      [{}, { execEnabled: false }, { healthStatus: 'UNKNOWN' }],
    ],
    [
      'one of 2: it belongs to the newest deployment',
      [
        { startedBy: '1', createdAt: 1 },
        { startedBy: '2', createdAt: 2, healthStatus: 'UNKNOWN' },
      ],
    ],
    [
      'one of 3: it is not unhealthy, it is the newest',
      [{ healthStatus: 'UNHEALTHY' }, { startedAt: 1_000 }, { startedAt: 2_000 }],
    ],
    [
      'one of 4: it is healthy, it is the newest',
      [
        { healthStatus: 'UNHEALTHY' },
        { healthStatus: 'UNKNOWN' },
        { startedAt: 1_000 },
        { startedAt: 2_000 },
      ],
    ],
    ['one of 2 (unhealthy)', [{ healthStatus: 'UNHEALTHY' }, { healthStatus: 'UNHEALTHY' }]],
  ])('%s', (expected, tasks) => {
    const all = tasks.map((over, index) => ({ id: String(index), ...over }));
    expect(why(...all)).toBe(expected);
    expect(why(...all.toReversed())).toBe(expected);
  });
});

describe('a whole task id', () => {
  const HEX = '1f0e9d8c7b6a45948372615049382716';
  const UUID = '1f0e9d8c-7b6a-4594-8372-615049382716';
  it.each([
    [HEX, true],
    [UUID, true],
    [`${HEX}0`, false],
    [`0${HEX}`, false],
    [HEX.slice(1), false],
    [`${UUID}0`, false],
    [`0${UUID}`, false],
    ['1f0e9d8c-7b6a-4594-615049382716', false],
    ['1f0e9d8c-7-4-8-615049382716', false],
    ['1f0e9d8c-7b6a-4594-8372-6', false],
    ['1-7b6a-4594-8372-615049382716', false],
    [HEX.toUpperCase(), false],
  ])('%s: %j', (text, expected) => {
    expect(isWholeTaskId(text)).toBe(expected);
  });
});

describe('a task by the start of its id', () => {
  const ids = ['aa1', 'aa2', 'aa', 'b1', 'aa3', 'aa4', 'aa5'];

  it('is the one that starts with it, or that equals it', () => {
    expect(matchTaskId('b', ids, 'demo')).toBe('b1');
    expect(matchTaskId('aa', ids, 'demo')).toBe('aa');
  });

  it('is not one of several', () => {
    expect(thrown(() => matchTaskId('a', ids, 'demo'))).toMatchObject({
      code: 'task-ambiguous',
      role: 'usage',
      message: '6 tasks start with a',
      details: { task: 'a', candidates: ['aa1', 'aa2', 'aa', 'aa3', 'aa4'] },
    });
  });

  it('is unknown', () => {
    expect(thrown(() => matchTaskId('1f0e9d8d', ['1f0e9d8c'], 'demo'))).toMatchObject({
      code: 'task-not-found',
      role: 'no-match',
      message: 'no running task 1f0e9d8d',
      details: { task: '1f0e9d8d', cluster: 'demo', near: ['1f0e9d8c'] },
    });
  });
});

describe('a container by its name', () => {
  const task = taskRecord({ id: 't1', containers: [named('app'), named('log')] });

  it('is found', () => {
    expect(namedContainer(task, 'log').name).toBe('log');
  });

  it('is unknown', () => {
    expect(thrown(() => namedContainer(task, 'apps'))).toMatchObject({
      code: 'container-not-found',
      role: 'no-match',
      message: 'no container apps in task t1',
      details: { cluster: 'demo', task: 't1', container: 'apps', near: ['app'] },
    });
  });

  it('is asked for where several could be meant', () => {
    expect(containerNeeded(task, task.containers)).toMatchObject({
      code: 'container-needed',
      role: 'usage',
      message: 'task t1 has 2 containers: which one?',
      details: { candidates: ['app', 'log'] },
    });
  });
});

describe('the container to forward through', () => {
  const PROXY = 'ecs-service-connect-4QmkZd';
  const chosen = (...containers: readonly Container[]): string | undefined =>
    networkContainer(taskRecord({ containers }), undefined)?.name;

  it('is the named one, ready or not', () => {
    const task = taskRecord({ containers: [named('app'), named('log', NO_AGENT)] });
    expect(networkContainer(task, 'log')?.name).toBe('log');
    expect(thrown(() => networkContainer(task, 'other'))).toMatchObject({ code: 'container-not-found' });
  });

  it('is one of the application with a running agent, before a side-car', () => {
    expect(chosen(named(PROXY), named('app', NO_AGENT), named('web'))).toBe('web');
  });

  it('is a side-car if only that has a running agent', () => {
    expect(chosen(named('app', NO_AGENT), named(PROXY))).toBe(PROXY);
  });

  it('is one of the application if none has a running agent', () => {
    expect(chosen(named(PROXY, NO_AGENT), named('app', NO_AGENT))).toBe('app');
  });

  it('is undefined in a task without containers', () => {
    expect(chosen()).toBeUndefined();
  });
});
