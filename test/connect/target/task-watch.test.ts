import { describe, expect, test } from 'vitest';
import { TaskWatch } from '../../../src/connect/target/task-watch.ts';
import type { Task } from '../../../src/connect/ports.ts';
import { type ToolError, transport } from '../../../src/core/errors.ts';
import { containerRecord, taskRecord } from '../../support/ecs-records.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const ID = { first: '1f0e9d8c7b6a45948372615049382716', second: '2a3b4c5d7b6a45948372615049382716' };
const STOPPING = { desiredStatus: 'STOPPED', lastStatus: 'STOPPING', stoppedReason: 'Scaling activity' };

/** A watch of ECS that answers with `tasks`, by id, as long as `failure` is undefined. */
function watching() {
  const clock = new FakeClock();
  const calls: (readonly string[])[] = [];
  const told: string[] = [];
  const world = { tasks: new Map<string, Task>(), failure: undefined as Error | undefined };
  const watch = new TaskWatch({
    clock,
    random: () => 0.5,
    onStopping: ({ message }) => told.push(message),
    ecs: {
      describeTasks: (cluster, arns) => {
        calls.push([cluster, ...arns.map((arn) => arn.slice(-32, -24))]);
        if (world.failure !== undefined) return Promise.reject(world.failure);
        return Promise.resolve(arns.flatMap((arn) => world.tasks.get(arn.slice(-32)) ?? []));
      },
    },
  });
  const set = (id: string, over: Partial<Task>): void =>
    void world.tasks.set(id, taskRecord({ id, ...over }));
  const open = (id = ID.first, cluster = 'demo', container = containerRecord()) => {
    if (!world.tasks.has(id)) set(id, {});
    return watch.watch({ cluster, task: taskRecord({ id }), container });
  };
  return { clock, calls, told, world, watch, set, open };
}

const reasonOf = (signal: AbortSignal): ToolError => signal.reason as ToolError;

describe('the watch of tasks', () => {
  test('makes one call each 15 s for all sessions of a process, and one for each cluster', async () => {
    const { clock, calls, open } = watching();
    open(ID.first);
    open(ID.first);
    open(ID.second);
    await clock.advance(14_999);
    expect(calls).toEqual([]);
    await clock.advance(1);
    expect(calls).toEqual([['demo', '1f0e9d8c', '2a3b4c5d']]);
    open(ID.second, 'prod');
    await clock.advance(15_000);
    expect(calls.slice(1)).toEqual([
      ['demo', '1f0e9d8c', '2a3b4c5d'],
      ['prod', '2a3b4c5d'],
    ]);
  });

  test('makes no call when nothing is watched any more', async () => {
    const { clock, calls, open, watch } = watching();
    const [a, b] = [open(), open()];
    a.close();
    b.close();
    await clock.advance(60_000);
    open();
    watch.close();
    await clock.advance(60_000);
    expect(calls).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('says once that a task is being stopped, looks more often then, and says when its container has stopped', async () => {
    const { clock, calls, told, set, open } = watching();
    const [a, b] = [open(), open()];
    set(ID.first, STOPPING);
    await clock.advance(15_000);
    expect(told).toEqual(['task 1f0e9d8c is being stopped: Scaling activity']);
    expect([a, b].map((each) => [each.stopping.aborted, each.stopped.aborted])).toEqual([
      [true, false],
      [true, false],
    ]);
    await clock.advance(10_000);
    expect(calls).toHaveLength(3);
    set(ID.first, {
      ...STOPPING,
      containers: [containerRecord({ lastStatus: 'STOPPED', exitCode: 143 })],
    });
    await clock.advance(5_000);
    expect(reasonOf(a.stopped)).toMatchObject({
      code: 'task-stopped',
      exitStatus: 255,
      message: 'task 1f0e9d8c has stopped: Scaling activity: app exit 143',
    });
    expect(b.stopped.aborted).toBe(true);
    expect(told).toHaveLength(1);
    await clock.advance(60_000);
    expect(calls).toHaveLength(4);
  });

  test('names the exit code, and memory that was used up', async () => {
    const { set, open } = watching();
    const watched = open();
    set(ID.first, {
      desiredStatus: 'STOPPED',
      lastStatus: 'STOPPED',
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
      containers: [
        containerRecord({
          lastStatus: 'STOPPED',
          exitCode: 137,
          reason: 'OutOfMemoryError: Container killed due to memory usage',
        }),
      ],
    });
    expect(await watched.look()).toMatchObject({
      message: 'task 1f0e9d8c has stopped: Essential container in task exited: app exit 137 (out of memory)',
      details: {
        cluster: 'demo',
        service: 'orders-api',
        task: ID.first,
        container: 'app',
        stopCode: 'EssentialContainerExited',
        exitCode: 137,
        outOfMemory: true,
      },
    });
  });

  test.each([
    ['has stopped, while the task runs on', { lastStatus: 'STOPPED', exitCode: 1 }, 'app exit 1'],
    ['was started again by its restart policy', { runtimeId: 'abc-124' }, undefined],
  ])('notices that the container %s', async (_, over, end) => {
    const { set, open } = watching();
    const watched = open();
    set(ID.first, { containers: [containerRecord(over)] });
    expect((await watched.look())?.message).toBe(
      `container app of task 1f0e9d8c has stopped${end === undefined ? '' : `: ${end}`}`,
    );
  });

  test('notices a task that ECS describes no more, but not at the first time', async () => {
    const { world, open } = watching();
    const watched = open();
    world.tasks.clear();
    expect(await watched.look()).toBeUndefined();
    expect((await watched.look())?.message).toBe('task 1f0e9d8c stopped more than an hour ago');
  });

  test('looks again soon after a session has asked, and then each 15 s', async () => {
    const { clock, calls, open } = watching();
    expect(await open().look()).toBeUndefined();
    expect(calls).toHaveLength(1);
    await clock.advance(5_000);
    expect(calls).toHaveLength(2);
    await clock.advance(14_000);
    expect(calls).toHaveLength(2);
    await clock.advance(1_000);
    expect(calls).toHaveLength(3);
  });

  test('a call that fails is repeated less and less often, and ends no session', async () => {
    const { clock, calls, world, set, open } = watching();
    const watched = open();
    world.failure = transport('aws-unreachable', 'no network');
    expect(await watched.look()).toBeUndefined();
    await clock.advance(10 * 60_000);
    expect(calls.length).toBeGreaterThan(5);
    expect(calls.length).toBeLessThan(20);
    world.failure = undefined;
    set(ID.first, { lastStatus: 'STOPPED', desiredStatus: 'STOPPED' });
    await clock.advance(60_000);
    expect(watched.stopped.aborted).toBe(true);
  });

  test('a call without an answer keeps nobody waiting for more than 3 s', async () => {
    const { clock, world, open } = watching();
    const watched = open();
    world.tasks.clear();
    const never = new TaskWatch({
      clock,
      random: () => 0.5,
      ecs: { describeTasks: () => new Promise(() => undefined) },
    }).watch({ cluster: 'demo', task: taskRecord(), container: containerRecord() });
    const looked = never.look();
    await clock.advance(3_000);
    expect(await looked).toBeUndefined();
    watched.close();
  });
});
