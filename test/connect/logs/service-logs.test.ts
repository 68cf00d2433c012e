import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  type LogLine,
  ServiceLogs,
  type ServiceLogsRequest,
} from '../../../src/connect/logs/service-logs.ts';
import type { EcsPort, LogConfiguration, Service, Task } from '../../../src/connect/ports.ts';
import { failed, interrupted, noMatch, ToolError, transport } from '../../../src/core/errors.ts';
import type { ToolEvent } from '../../../src/core/events.ts';
import {
  containerDefinitionRecord,
  containerRecord,
  RECORD_TIME as NOW,
  serviceRecord,
  taskRecord,
} from '../../support/ecs-records.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeLogs } from '../../support/fake-logs.ts';

const BUSY = { action: 'logs:FilterLogEvents' };
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const GROUP = '/ecs/orders';
const idOf = (number: number): string => number.toString(16).padStart(32, '0');
const streamOf = (task: Pick<Task, 'id'>, container = 'app'): string => `ecs/${container}/${task.id}`;

const awslogs = (over: Readonly<Record<string, string>> = {}): LogConfiguration => ({
  driver: 'awslogs',
  options: { 'awslogs-group': GROUP, 'awslogs-region': 'eu-west-1', 'awslogs-stream-prefix': 'ecs', ...over },
});

/** One service in one cluster; the test starts and stops its tasks. */
class World {
  readonly clock = new FakeClock(NOW);
  readonly logs = new FakeLogs(this.clock);
  readonly events: ToolEvent[] = [];
  readonly abort = new AbortController();
  readonly calls: string[] = [];
  tasks: Task[] = [taskRecord()];
  service: Service = serviceRecord();
  containers: { name: string; log: LogConfiguration | undefined; firelens?: string }[] = [
    { name: 'app', log: awslogs() },
  ];
  regions = new Map([['eu-west-1', this.logs]]);

  readonly #ecs = {
    taskArns: (_cluster: string, { desiredStatus }: { desiredStatus?: string }) => {
      this.calls.push('ListTasks');
      return pagesOf(this.tasks.filter((task) => task.desiredStatus === desiredStatus).map(({ arn }) => arn));
    },
    describeTasks: (_cluster: string, names: readonly string[]) => {
      this.calls.push('DescribeTasks');
      return Promise.resolve(this.tasks.filter(({ arn, id }) => names.includes(arn) || names.includes(id)));
    },
    describeServices: () => {
      this.calls.push('DescribeServices');
      return Promise.resolve([this.service]);
    },
    taskDefinition: (arn: string) => {
      this.calls.push('DescribeTaskDefinition');
      return Promise.resolve({
        arn,
        taskRoleArn: undefined,
        containers: this.containers.map((each) =>
          containerDefinitionRecord({ firelens: undefined, ...each }),
        ),
      });
    },
  } satisfies Partial<EcsPort>;

  read(over: Partial<ServiceLogsRequest> & { service?: string; task?: string; container?: string } = {}) {
    const { service = 'orders-api', task, container, ...request } = over;
    const logs = new ServiceLogs(
      {
        cluster: 'demo',
        wanted: { cluster: 'demo', service, task, container },
        since: 15 * MINUTE,
        follow: false,
        pattern: undefined,
        ...request,
      },
      {
        ecs: this.#ecs as unknown as EcsPort,
        logsIn: (region = 'eu-west-1') => Promise.resolve(this.regions.get(region)!),
        clock: this.clock,
        random: { number: () => 0.5 },
        report: (event) => this.events.push(event),
        signal: this.abort.signal,
      },
    );
    return logs.lines();
  }

  /** Returns all lines to the end; the clock advances whenever the code waits. */
  all(over: Parameters<World['read']>[0] = {}): Promise<readonly LogLine[]> {
    return this.clock.run(collected(this.read(over)));
  }

  /** Follows the log into the returned list; `stop` ends it and throws any error that is not an interruption. */
  follow(over: Parameters<World['read']>[0] = {}) {
    const lines: LogLine[] = [];
    const done = (async () => {
      for await (const page of this.read({ ...over, follow: true })) lines.push(...page);
    })();
    const ended = done.catch((error: unknown) => {
      if (!(error instanceof ToolError) || error.code !== 'interrupted') throw error;
    });
    const stop = async (): Promise<void> => {
      this.abort.abort(interrupted());
      await this.clock.run(ended);
    };
    return { lines, stop, ended };
  }

  notes(code: string): readonly string[] {
    return this.events.flatMap((event) =>
      event.type === 'note' && event.code === code ? [event.message] : [],
    );
  }
}

async function* pagesOf(names: readonly string[]) {
  yield names;
}
async function collected(pages: AsyncIterable<readonly LogLine[]>): Promise<readonly LogLine[]> {
  const all: LogLine[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}
const messages = (lines: readonly LogLine[]): readonly string[] => lines.map(({ message }) => message);
const thrown = async (work: Promise<unknown>): Promise<ToolError> =>
  work.then(
    () => expect.fail('it should have failed'),
    (error: unknown) => error as ToolError,
  );
const stoppedTask = (over: Partial<Task> = {}): Task =>
  taskRecord({
    lastStatus: 'STOPPED',
    desiredStatus: 'STOPPED',
    stoppedAt: NOW - 5 * MINUTE,
    createdAt: NOW - 40 * MINUTE,
    stoppedReason: 'Essential container in task exited',
    containers: [
      containerRecord({
        lastStatus: 'STOPPED',
        exitCode: 137,
        reason: 'OutOfMemoryError: Container killed due to memory usage',
      }),
    ],
    ...over,
  });

describe('without following', () => {
  test('lines of all tasks and containers are ordered by time, equal times by arrival, across pages', async () => {
    const world = new World();
    world.tasks = [taskRecord({ id: idOf(1) }), taskRecord({ id: idOf(2) })];
    world.containers = [
      { name: 'app', log: awslogs() },
      { name: 'envoy', log: awslogs({ 'awslogs-group': '/ecs/envoy' }) },
    ];
    world.logs.pageSize = 2;
    const put = (group: string, stream: string, offset: number, text: string): void =>
      world.logs.put(group, stream, text, NOW - MINUTE + offset);
    put(GROUP, streamOf({ id: idOf(1) }), 0, 'a');
    put('/ecs/envoy', streamOf({ id: idOf(2) }, 'envoy'), 1, 'b');
    put('/ecs/envoy', streamOf({ id: idOf(1) }, 'envoy'), 9, 'h');
    put(GROUP, streamOf({ id: idOf(2) }), 5, 'd');
    put(GROUP, streamOf({ id: idOf(1) }), 5, 'e');
    put(GROUP, streamOf({ id: idOf(2) }), 5, 'f');
    put(GROUP, streamOf({ id: idOf(2) }), 4, 'c');
    put('/ecs/envoy', streamOf({ id: idOf(1) }, 'envoy'), 5, 'g');
    const lines = await world.all();
    expect(messages(lines).join('')).toBe('abcdefgh');
    expect(lines[1]).toMatchObject({
      service: 'orders-api',
      task: idOf(2),
      container: 'envoy',
      group: '/ecs/envoy',
      region: 'eu-west-1',
      stream: streamOf({ id: idOf(2) }, 'envoy'),
    });
  });

  test('a service needs five calls: two lists, the tasks, the task definition and one page', async () => {
    const world = new World();
    world.logs.put(GROUP, streamOf(taskRecord()), 'one', NOW - MINUTE);
    await world.all();
    expect(world.calls).toEqual(['ListTasks', 'ListTasks', 'DescribeTasks', 'DescribeTaskDefinition']);
    expect(world.logs.calls).toHaveLength(1);
    expect(world.logs.lookups).toEqual([]);
  });

  test('the log of a task definition that names a region is read there, and otherwise in the region of the account', async () => {
    const world = new World();
    const frankfurt = new FakeLogs(world.clock, 'eu-central-1');
    world.regions.set('eu-central-1', frankfurt);
    world.containers = [
      { name: 'app', log: awslogs({ 'awslogs-region': 'eu-central-1' }) },
      {
        name: 'envoy',
        log: { driver: 'awslogs', options: { 'awslogs-group': GROUP, 'awslogs-stream-prefix': 'x' } },
      },
    ];
    frankfurt.put(GROUP, streamOf(taskRecord()), 'far', NOW - MINUTE);
    world.logs.put(GROUP, `x/envoy/${taskRecord().id}`, 'near', NOW - MINUTE);
    const lines = await world.all();
    expect(lines.map(({ region, message }) => `${region} ${message}`).sort()).toEqual([
      'eu-central-1 far',
      'eu-west-1 near',
    ]);
  });

  test('a stream without a prefix has the runtime id as its name', async () => {
    const world = new World();
    world.containers = [{ name: 'app', log: { driver: 'awslogs', options: { 'awslogs-group': GROUP } } }];
    world.logs.put(GROUP, 'abc-123', 'here', NOW - MINUTE);
    expect(messages(await world.all())).toEqual(['here']);
  });

  test('more than a hundred streams are read a hundred at a time', async () => {
    const world = new World();
    world.tasks = Array.from({ length: 230 }, (_, index) => taskRecord({ id: idOf(index) }));
    for (const [index, task] of world.tasks.entries())
      world.logs.put(GROUP, streamOf(task), String(index), NOW - MINUTE + index);
    expect(messages(await world.all())).toEqual(world.tasks.map((_, index) => String(index)));
    expect(world.logs.calls.map(({ streams }) => streams.length)).toEqual([100, 100, 30]);
  });

  test('a stream that does not exist does not prevent reading the others', async () => {
    const world = new World();
    world.tasks = [1, 2, 3].map((number) => taskRecord({ id: idOf(number) }));
    world.logs.put(GROUP, streamOf({ id: idOf(1) }), 'one', NOW - MINUTE);
    world.logs.put(GROUP, streamOf({ id: idOf(3) }), 'three', NOW - MINUTE + 1);
    expect(messages(await world.all())).toEqual(['one', 'three']);
  });

  test('a stream that is created while the missing one is looked for is read', async () => {
    const world = new World();
    const { logs } = world;
    logs.put(GROUP, streamOf({ id: idOf(9) }), 'of another task', NOW - MINUTE);
    const events = logs.events.bind(logs);
    logs.events = (request) => {
      const answer = events(request);
      // Between this answer and the next call.
      if (logs.calls.length === 1) logs.put(GROUP, streamOf(taskRecord()), 'first', NOW - SECOND);
      return answer;
    };
    expect(messages(await world.all())).toEqual(['first']);
  });

  test('a stream that is missing in each call, and in no look-up, is an error and no endless loop', async () => {
    const world = new World();
    world.logs.put(GROUP, streamOf(taskRecord()), 'first', NOW - SECOND);
    world.logs.events = () =>
      Promise.reject(
        noMatch('log-stream-not-found', 'no stream', { details: { group: GROUP, region: 'eu-west-1' } }),
      );
    expect(await thrown(world.all())).toMatchObject({ code: 'log-stream-not-found' });
  });

  test('a log group that does not exist is an error if it is the only one', async () => {
    const world = new World();
    expect(await thrown(world.all())).toMatchObject({ code: 'log-group-not-found', exitStatus: 3 });
  });

  test('if no task runs, the last lines of the stopped tasks are returned, with the reasons', async () => {
    const world = new World();
    world.tasks = [stoppedTask()];
    world.logs.put(GROUP, streamOf(stoppedTask()), 'starting', NOW - 39 * MINUTE);
    expect(messages(await world.all({ since: undefined }))).toEqual(['starting']);
    expect(world.notes('task-stopped')).toEqual([
      'task 1f0e9d8c stopped 5m ago: Essential container in task exited: app exit 137 (out of memory)',
    ]);
  });

  test('lines from before ECS forgot their task are found through the service events', async () => {
    const world = new World();
    const past = idOf(77);
    world.service = serviceRecord({
      events: [
        {
          id: 'a',
          at: NOW - 3 * 60 * MINUTE,
          message: `(service orders-api) has started 1 tasks: (task ${past}).`,
        },
        {
          id: 'b',
          at: NOW - 9 * 60 * MINUTE,
          message: `(service orders-api) has started 1 tasks: (task ${idOf(78)}).`,
        },
        {
          id: 'c',
          at: NOW - 2 * 60 * MINUTE,
          message: `(service orders-api) has started 1 tasks: (task ${idOf(79)}).`,
        },
      ],
    });
    world.logs.put(GROUP, streamOf({ id: past }), 'long ago', NOW - 150 * MINUTE);
    world.logs.put(GROUP, streamOf(taskRecord()), 'now', NOW - MINUTE);
    expect(messages(await world.all({ since: 5 * 60 * MINUTE }))).toEqual(['long ago', 'now']);
  });

  test('a full id finds a task that ECS has forgotten', async () => {
    const world = new World();
    world.logs.put(GROUP, streamOf({ id: idOf(5) }), 'found', NOW - MINUTE);
    expect(messages(await world.all({ task: idOf(5) }))).toEqual(['found']);
  });

  test('if there are no lines, the age of the last line is reported', async () => {
    const world = new World();
    world.logs.put(GROUP, streamOf(taskRecord()), 'old', NOW - 3 * 60 * MINUTE);
    expect(await world.all()).toEqual([]);
    expect(world.notes('no-log-lines')).toEqual(['no line in the last 15m; the last one is 3h old']);
  });

  test.each([
    [undefined, undefined, 'container app has no log configuration, so its output is kept nowhere'],
    [
      { driver: 'splunk', options: {} },
      undefined,
      'container app uses the log driver splunk, whose lines are not in CloudWatch Logs',
    ],
    [
      {
        driver: 'awsfirelens',
        options: { Name: 'cloudwatch_logs', log_group_name: 'all', region: 'eu-west-3' },
      },
      'fluentbit',
      'container app goes through FireLens (fluentbit in container router) to output cloudwatch_logs, log group all, eu-west-3',
    ],
    [
      { driver: 'awsfirelens', options: {} },
      'fluentd',
      'container app goes through FireLens (fluentd in container router); the configuration of the router says where to',
    ],
  ])(
    'lines that are not in CloudWatch Logs are reported with their destination: %#',
    async (log, firelens, text) => {
      const world = new World();
      world.containers = [
        { name: 'app', log },
        ...(firelens === undefined ? [] : [{ name: 'router', log: undefined, firelens }]),
      ];
      expect(await thrown(world.all())).toMatchObject({ code: 'no-log-source', exitStatus: 3 });
      expect(world.notes('logs-elsewhere')[0]).toBe(text);
    },
  );

  test('mode non-blocking is reported, because lines can be missing', async () => {
    const world = new World();
    world.containers = [{ name: 'app', log: awslogs({ mode: 'non-blocking', 'max-buffer-size': '1m' }) }];
    world.logs.put(GROUP, streamOf(taskRecord()), 'one', NOW - MINUTE);
    await world.all();
    expect(world.notes('log-mode')).toHaveLength(1);
  });

  test('a container that no task has is rejected with the existing names', async () => {
    const world = new World();
    expect(await thrown(world.all({ container: 'ap' }))).toMatchObject({
      code: 'container-not-found',
      details: { near: ['app'] },
    });
  });

  test('throttling is retried for a minute, and is an error after that', async () => {
    const world = new World();
    world.logs.put(GROUP, streamOf(taskRecord()), 'one', NOW - MINUTE);
    const busy = (): Error => failed('aws-throttled', 'too many calls', { details: BUSY });
    world.logs.faults = [busy(), busy()];
    expect(messages(await world.all())).toEqual(['one']);
    world.logs.faults = Array.from({ length: 50 }, busy);
    expect(await thrown(world.all())).toMatchObject({ code: 'aws-throttled' });
  });
});

describe('following', () => {
  test('says once that it waits, if there is no line yet', async () => {
    const world = new World();
    world.logs.put(GROUP, streamOf(taskRecord()), 'old', NOW - 3 * 60 * MINUTE);
    const { stop } = world.follow();
    await world.clock.advance(10 * SECOND);
    await stop();
    expect(world.notes('no-log-lines')).toEqual([
      'no line in the last 15m; new lines follow, Ctrl-C ends this',
    ]);
  });

  test('each line is returned once: equal times, pages of any size, up to 60 s late, throttled, with tasks that start and stop', async () => {
    const event = fc.record({
      /** Seconds after the start; many lines have the same millisecond. */
      at: fc.integer({ min: 0, max: 240 }),
      late: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60_000 })),
      task: fc.integer({ min: 0, max: 2 }),
    });
    const run = async (
      events: readonly { at: number; late: number; task: number }[],
      pageSize: number,
      faultsAt: readonly number[],
    ): Promise<void> => {
      const world = new World();
      // The second task starts in the middle, and the third has stopped before the start.
      const tasks = [
        taskRecord({ id: idOf(1) }),
        taskRecord({ id: idOf(2), createdAt: NOW + 100 * SECOND }),
        stoppedTask({ id: idOf(3), stoppedAt: NOW - 10 * SECOND }),
      ];
      world.tasks = [tasks[0]!, tasks[2]!];
      world.logs.pageSize = pageSize;
      for (const task of [tasks[0]!, tasks[2]!]) world.logs.put(GROUP, streamOf(task), 'first', NOW - MINUTE);
      const expected: string[] = ['first', 'first'];
      const { lines, stop } = world.follow();
      const byTime = [...events.entries()].sort(([, a], [, b]) => a.at - b.at);
      for (let second = 0; second <= 330; second++) {
        if (second === 100) world.tasks = [...tasks];
        if (faultsAt.includes(second)) {
          world.logs.faults.push(
            failed('aws-throttled', 'busy', { details: BUSY }),
            transport('aws-unreachable', 'no answer'),
          );
        }
        for (const [number, { at, late, task }] of byTime) {
          // The lines of the stopped task can only be late ones from before.
          const time = task === 2 ? NOW - 11 * SECOND : NOW + (task === 1 ? at + 101 : at) * SECOND;
          const due = task === 2 ? second === 0 : time === NOW + second * SECOND;
          if (!due || (task === 1 && at > 200)) continue;
          world.logs.put(GROUP, streamOf(tasks[task]!), `line ${number}`, time, late);
          expected.push(`line ${number}`);
        }
        await world.clock.advance(SECOND);
      }
      await world.clock.advance(2 * MINUTE);
      await stop();
      expect([...messages(lines)].sort()).toEqual(expected.sort());
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 60 }),
        fc.constantFrom(1, 2, 3, 7, 10_000),
        fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 4 }),
        run,
      ),
      { numRuns: 15 },
    );
  }, 120_000);

  test('an outage of ten minutes loses no line, neither of old tasks nor of one that started meanwhile', async () => {
    const world = new World();
    const fresh = taskRecord({ id: idOf(9), createdAt: NOW + 3 * MINUTE });
    world.logs.put(GROUP, streamOf(taskRecord()), 'before', NOW - SECOND);
    const { lines, stop } = world.follow();
    await world.clock.advance(5 * SECOND);
    world.logs.faults = Array.from({ length: 25 }, () => transport('aws-unreachable', 'no answer'));
    await world.clock.advance(MINUTE);
    world.logs.put(GROUP, streamOf(taskRecord()), 'during', world.clock.now());
    world.tasks = [...world.tasks, fresh];
    for (let minute = 3; minute < 10; minute++)
      world.logs.put(GROUP, streamOf(fresh), `fresh ${minute}`, NOW + minute * MINUTE);
    await world.clock.advance(20 * MINUTE);
    await stop();
    expect([...messages(lines)].sort()).toEqual([
      'before',
      'during',
      ...[3, 4, 5, 6, 7, 8, 9].map((minute) => `fresh ${minute}`),
    ]);
    expect(world.notes('logs-delayed')).toHaveLength(1);
    expect(world.notes('task-joined')).toEqual(['task 00000000 is new: its lines follow']);
  });

  test('makes at most four calls a second, however many pages there are', async () => {
    const world = new World();
    world.logs.pageSize = 10;
    for (let number = 0; number < 400; number++)
      world.logs.put(GROUP, streamOf(taskRecord()), 'x', NOW - MINUTE + number);
    const { stop } = world.follow();
    await world.clock.advance(30 * SECOND);
    await stop();
    const gaps = world.logs.callTimes.slice(1).map((time, index) => time - world.logs.callTimes[index]!);
    expect(world.logs.callTimes.length).toBeGreaterThan(40);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(250);
  });

  test('makes one call every two seconds for an inactive log, and one list every ten', async () => {
    const world = new World();
    world.logs.put(GROUP, streamOf(taskRecord()), 'x', NOW - MINUTE);
    const { stop } = world.follow();
    await world.clock.advance(MINUTE - 1);
    await stop();
    expect(world.logs.calls).toHaveLength(30);
    // Two lists each time: of running and of stopped tasks.
    expect(world.calls.filter((call) => call === 'ListTasks')).toHaveLength(12);
  });

  test('a stopped task is reported with its reason, and following ends if that task was selected', async () => {
    const world = new World();
    world.logs.put(GROUP, streamOf(taskRecord()), 'x', NOW - MINUTE);
    const { lines, ended } = world.follow({ task: taskRecord().id });
    await world.clock.advance(20 * SECOND);
    world.tasks = [stoppedTask({ stoppedAt: world.clock.now() })];
    world.logs.put(GROUP, streamOf(taskRecord()), 'late', world.clock.now(), 55 * SECOND);
    await world.clock.run(ended);
    expect(messages(lines)).toEqual(['x', 'late']);
    expect(world.notes('task-stopped')).toEqual([
      'task 1f0e9d8c stopped: Essential container in task exited: app exit 137 (out of memory)',
    ]);
  });

  test('a permanent error ends following', async () => {
    const world = new World();
    world.logs.put(GROUP, streamOf(taskRecord()), 'x', NOW - MINUTE);
    world.logs.faults = [noMatch('log-pattern-invalid', 'no pattern')];
    expect(await thrown(world.clock.run(world.follow().ended))).toMatchObject({
      code: 'log-pattern-invalid',
    });
  });
});
