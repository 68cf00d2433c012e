import { denied } from '../../support/denied.ts';
import { describe, expect, test } from 'vitest';

import { findCluster, findTasks } from '../../../src/connect/target/discover.ts';
import {
  actionEntries,
  advance,
  canGoBack,
  containerEntries,
  idleActionEntries,
  startPicker,
} from '../../../src/connect/target/picker.ts';
import type { Container, ContainerDefinition, EcsPort, Service, Task } from '../../../src/connect/ports.ts';
import { judgeContainer } from '../../../src/diagnose/ecs/container.ts';
import { resolveContainer, startExec } from '../../../src/connect/target/resolve.ts';
import { namedContainer, networkContainer, rankTasks } from '../../../src/connect/target/select.ts';
import { failed, noMatch, type ToolError } from '../../../src/core/errors.ts';
import type { ToolEvent } from '../../../src/core/events.ts';
import {
  containerDefinitionRecord,
  containerRecord,
  serviceRecord,
  taskRecord,
} from '../../support/ecs-records.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const ID = [
  '1f0e9d8c7b6a45948372615049382716',
  '2a3b4c5d6e7f48091a2b3c4d5e6f7081',
  '2a99999999999999999999999999999f',
];
const arn = (id: string): string => `arn:aws:ecs:eu-west-1:111122223333:task/demo/${id}`;

const container = containerRecord;
const task = (over: Partial<Task> = {}): Task => taskRecord({ id: ID[0] ?? '', ...over });
const service = (over: Partial<Service> = {}): Service => serviceRecord({ taskDefinitionArn: 'td', ...over });

/** An in-memory account that counts its calls. */
class FakeEcs implements EcsPort {
  calls: string[] = [];
  clusters: Record<string, Record<string, readonly Task[]>> = { demo: { 'orders-api': [task()] } };
  services: Service[] = [service()];
  definitions: ContainerDefinition[] = [];
  execute: () => Promise<{ sessionId: string; streamUrl: string; tokenValue: string }> = () =>
    Promise.resolve({ sessionId: 's', streamUrl: 'wss://x', tokenValue: 't' });

  async *clusterNames() {
    this.calls.push('ListClusters');
    yield Object.keys(this.clusters);
  }
  describeClusters() {
    return Promise.resolve([]);
  }
  async *serviceNames(cluster: string) {
    this.calls.push('ListServices');
    yield Object.keys(this.clusters[cluster] ?? {});
  }
  describeServices(_cluster: string, names: readonly string[]) {
    this.calls.push('DescribeServices');
    if (_cluster !== 'demo' || this.clusters['demo'] === undefined) {
      const own = Object.keys(this.clusters[_cluster] ?? {});
      return Promise.resolve(names.filter((name) => own.includes(name)).map((name) => service({ name })));
    }
    return Promise.resolve(this.services.filter((each) => names.includes(each.name)));
  }
  async *taskArns(cluster: string, filter: { readonly service?: string }) {
    this.calls.push('ListTasks');
    const found = this.clusters[cluster];
    if (found === undefined)
      throw noMatch('cluster-not-found', `no cluster ${cluster}`, { details: { cluster } });
    if (filter.service !== undefined && found[filter.service] === undefined)
      throw noMatch('service-not-found', `no service ${filter.service}`, {
        details: { service: filter.service },
      });
    const tasks = filter.service === undefined ? Object.values(found).flat() : (found[filter.service] ?? []);
    yield tasks.map((each) => each.arn);
  }
  describeTasks(cluster: string, tasks: readonly string[]) {
    this.calls.push('DescribeTasks');
    const all = Object.values(this.clusters[cluster] ?? {}).flat();
    return Promise.resolve(all.filter((each) => tasks.includes(each.arn) || tasks.includes(each.id)));
  }
  taskDefinition(name: string) {
    this.calls.push('DescribeTaskDefinition');
    return Promise.resolve({ arn: name, taskRoleArn: undefined, containers: this.definitions });
  }
  deployWithExec() {
    this.calls.push('UpdateService');
    return Promise.resolve('ecs-svc/2');
  }
  executeCommand() {
    this.calls.push('ExecuteCommand');
    return this.execute();
  }
}

const wanted = (over: Partial<Parameters<typeof findTasks>[2]> = {}) => ({
  cluster: undefined,
  service: undefined,
  task: undefined,
  container: undefined,
  ...over,
});

const thrown = async (work: Promise<unknown>): Promise<ToolError> =>
  work.then(
    () => expect.fail('it should have failed'),
    (error: unknown) => error as ToolError,
  );

function resolving(ecs: EcsPort, clock = new FakeClock(NOW), purpose: 'exec' | 'network' = 'exec') {
  const random = { number: () => 0.5 };
  return { ecs, judge: judgeContainer, clock, random, report: () => undefined, purpose };
}

describe('from names to a session', () => {
  test('needs three API calls when cluster and service are given', async () => {
    const ecs = new FakeEcs();
    const options = resolving(ecs);
    const resolved = await resolveContainer(wanted({ cluster: 'demo', service: 'orders-api' }), options);
    await startExec(resolved, 'sh', options);
    expect(ecs.calls).toEqual(['ListTasks', 'DescribeTasks', 'ExecuteCommand']);
    expect(resolved.target).toBe(`ecs:demo_${ID[0]}_abc-123`);
  });

  test('accepts ARNs instead of names', async () => {
    const ecs = new FakeEcs();
    const clusterArn = 'arn:aws:ecs:eu-west-1:111122223333:cluster/demo';
    const serviceArn = 'arn:aws:ecs:eu-west-1:111122223333:service/demo/orders-api';
    await resolveContainer(wanted({ cluster: clusterArn, service: serviceArn }), resolving(ecs));
    await resolveContainer(wanted({ task: arn(ID[0] ?? '') }), resolving(ecs));
    expect(ecs.calls).toEqual(['ListTasks', 'DescribeTasks', 'DescribeTasks']);
  });

  test('uses the only cluster, or the only cluster with the service, and otherwise lists the choices', async () => {
    const ecs = new FakeEcs();
    expect(await findCluster(ecs, wanted())).toBe('demo');
    ecs.clusters = { ...ecs.clusters, other: { web: [] } };
    expect(await findCluster(ecs, wanted({ service: 'web' }))).toBe('other');
    expect(await thrown(findCluster(ecs, wanted()))).toMatchObject({
      code: 'cluster-needed',
      role: 'usage',
      details: { candidates: ['demo', 'other'] },
    });
    ecs.clusters = { a: { web: [] }, b: { web: [] } };
    expect(await thrown(findCluster(ecs, wanted({ service: 'web' })))).toMatchObject({
      code: 'cluster-needed',
    });
    expect(await thrown(findCluster(ecs, wanted({ service: 'wbe' })))).toMatchObject({
      code: 'service-not-found',
      details: { service: 'wbe', near: ['web'] },
    });
    ecs.clusters = {};
    expect(await thrown(findCluster(ecs, wanted()))).toMatchObject({ code: 'no-clusters', role: 'no-match' });
  });

  test('finds a service without permission to list all clusters', async () => {
    const ecs = new FakeEcs();
    ecs.clusters = { demo: { web: [] }, closed: { web: [] } };
    const open = ecs.serviceNames.bind(ecs);
    ecs.services = [service({ name: 'web' })];
    const refusal = denied('ecs:DescribeServices');
    const describe = ecs.describeServices.bind(ecs);
    ecs.describeServices = (cluster, names) =>
      cluster === 'closed' ? Promise.reject(refusal) : describe(cluster, names);
    ecs.serviceNames = async function* (cluster) {
      if (cluster === 'closed') throw refusal;
      yield* open(cluster);
    };
    expect(await findCluster(ecs, wanted({ service: 'web' }))).toBe('demo');
    expect(await thrown(findCluster(ecs, wanted({ service: 'orders-api' })))).toBe(refusal);
  });

  test('asks each cluster for the service by name, however many services there are', async () => {
    const ecs = new FakeEcs();
    ecs.clusters = { demo: {}, a: { web: [] }, b: {} };
    expect(await findCluster(ecs, wanted({ service: 'web' }))).toBe('a');
    expect(ecs.calls).toEqual(['ListClusters', 'DescribeServices', 'DescribeServices', 'DescribeServices']);
  });

  test('suggests the nearest existing names for an unknown name', async () => {
    const ecs = new FakeEcs();
    expect(await thrown(findTasks(ecs, 'dmeo', wanted()))).toMatchObject({
      code: 'cluster-not-found',
      role: 'no-match',
      details: { cluster: 'dmeo', near: ['demo'] },
    });
    expect(await thrown(findTasks(ecs, 'demo', wanted({ service: 'order-api' })))).toMatchObject({
      code: 'service-not-found',
      role: 'no-match',
      details: { service: 'order-api', near: ['orders-api'] },
    });
    ecs.clusters = { demo: { 'orders-api': ID.map((id) => task({ id })) } };
    expect(await thrown(findTasks(ecs, 'demo', wanted({ task: '99' })))).toMatchObject({
      code: 'task-not-found',
      details: { task: '99', cluster: 'demo', existing: ID.length },
    });
  });

  test('finds a task by the start of its id, and lists the candidates if several match', async () => {
    const ecs = new FakeEcs();
    ecs.clusters = { demo: { 'orders-api': ID.map((id) => task({ id })) } };
    const [found] = await findTasks(ecs, 'demo', wanted({ task: '1f0' }));
    expect(found?.id).toBe(ID[0]);
    expect(await thrown(findTasks(ecs, 'demo', wanted({ task: '2a' })))).toMatchObject({
      code: 'task-ambiguous',
      role: 'usage',
      details: { candidates: [ID[1], ID[2]] },
    });
    expect(await thrown(findTasks(ecs, 'demo', wanted({ task: 'ffff' })))).toMatchObject({
      code: 'task-not-found',
    });
  });

  test('reports the desired count of a service without running tasks', async () => {
    const ecs = new FakeEcs();
    ecs.clusters = { demo: { 'orders-api': [] } };
    ecs.services = [service({ desiredCount: 0, runningCount: 0 })];
    expect(await thrown(findTasks(ecs, 'demo', wanted({ service: 'orders-api' })))).toMatchObject({
      code: 'no-running-task',
      details: { cluster: 'demo', service: 'orders-api', desiredCount: 0 },
    });
  });

  test('waits for a new task, but not for an old one', async () => {
    const ecs = new FakeEcs();
    const clock = new FakeClock(NOW);
    const young = task({
      startedAt: NOW - 10_000,
      containers: [container({ execAgent: { status: 'PENDING', reason: undefined, startedAt: undefined } })],
    });
    ecs.clusters = { demo: { 'orders-api': [young] } };
    const done = resolveContainer(wanted({ cluster: 'demo', service: 'orders-api' }), resolving(ecs, clock));
    await clock.advance(20_000);
    ecs.clusters = { demo: { 'orders-api': [task({ startedAt: NOW - 10_000 })] } };
    expect((await clock.run(done)).target).toContain('ecs:demo_');

    ecs.clusters = { demo: { 'orders-api': [{ ...young, startedAt: NOW - HOUR }] } };
    ecs.calls = [];
    const error = await thrown(
      resolveContainer(wanted({ cluster: 'demo', service: 'orders-api' }), resolving(ecs, clock)),
    );
    expect(error).toMatchObject({ code: 'exec-agent-not-running', role: 'failed' });
    expect(ecs.calls).toEqual(['ListTasks', 'DescribeTasks']);
  });

  test('retries for a minute with a new task whose agent is not connected yet', async () => {
    const ecs = new FakeEcs();
    const clock = new FakeClock(NOW);
    const resolved = {
      cluster: 'demo',
      task: task({ startedAt: NOW - 20_000 }),
      container: container(),
      target: 't',
      settledAt: NOW + 100_000,
    };
    ecs.execute = () =>
      Promise.reject(failed('target-not-connected', 'not connected', { details: { target: 't' } }));
    const failing = clock.run(startExec(resolved, 'sh', resolving(ecs, clock)));
    expect(await thrown(failing)).toMatchObject({ code: 'target-not-connected' });
    expect(ecs.calls.length).toBeGreaterThan(8);
    expect(clock.now() - NOW).toBeGreaterThan(45_000);

    ecs.calls = [];
    const old = { ...resolved, settledAt: NOW - HOUR };
    await thrown(startExec(old, 'sh', resolving(ecs, clock)));
    expect(ecs.calls).toEqual(['ExecuteCommand']);
  });

  describe('a task that was chosen without being named', () => {
    const refused = (): ToolError =>
      failed('target-not-connected', 'not connected', { details: { target: 't' } });
    const names = wanted({ cluster: 'demo', service: 'orders-api' });

    /** Resolves `orders-api`, which has these tasks, and starts a session that the first `refusals` tasks refuse. */
    async function start(tasks: readonly Task[], refusals: number, named = names) {
      const ecs = new FakeEcs();
      const clock = new FakeClock(NOW);
      ecs.clusters = { demo: { 'orders-api': [...tasks] } };
      const notes: string[] = [];
      const options = {
        ...resolving(ecs, clock),
        report: (event: ToolEvent) => event.type === 'note' && notes.push(event.message),
      };
      const resolved = await resolveContainer(named, options);
      ecs.execute = () =>
        refusals-- > 0
          ? Promise.reject(refused())
          : Promise.resolve({ sessionId: 's', streamUrl: 'wss://x', tokenValue: 't' });
      ecs.calls = [];
      const outcome = await clock.run(
        startExec(resolved, 'sh', options).then(
          (started) => started.resolved.task.id,
          (error: unknown) => (error as ToolError).code,
        ),
      );
      return { outcome, notes, calls: ecs.calls.length, waitedMs: clock.now() - NOW };
    }

    const best = task({ id: 'a', arn: arn('a') });
    const second = task({ id: 'b', arn: arn('b'), startedAt: NOW - 2 * HOUR });

    test('says why it is used', async () => {
      const { outcome, notes } = await start([best, second], 0);
      expect([outcome, notes]).toEqual(['a', ['using task a, the newest of 2']]);
    });

    test('is replaced once by the next one if its agent is not connected, and that is said', async () => {
      const { outcome, notes, calls } = await start([best, second], 1);
      expect([outcome, calls]).toEqual(['b', 2]);
      expect(notes.at(-1)).toBe('task a cannot be connected to, trying task b: not connected');
    });

    test('is not replaced a second time', async () => {
      const third = task({ id: 'c', arn: arn('c'), startedAt: NOW - 3 * HOUR });
      expect(await start([best, second, third], 2)).toMatchObject({
        outcome: 'target-not-connected',
        calls: 2,
      });
    });

    test('is not replaced by one that is not ready, or that lacks the container', async () => {
      const off = { ...second, execEnabled: false };
      const other = { ...second, containers: [container({ name: 'other' })] };
      expect(await start([best, off, other], 1)).toMatchObject({ outcome: 'target-not-connected', calls: 1 });
    });

    test('is not replaced if it was named', async () => {
      const named = wanted({ cluster: 'demo', service: 'orders-api', task: 'a' });
      expect(await start([best, second], 1, named)).toMatchObject({
        outcome: 'target-not-connected',
        calls: 1,
        notes: [],
      });
    });

    test('is waited for if it is young and the other one belongs to an older deployment', async () => {
      const young = { ...best, startedAt: NOW - 10_000, createdAt: NOW - 20_000, startedBy: 'ecs-svc/2' };
      const old = { ...second, startedBy: 'ecs-svc/1', createdAt: NOW - 2 * HOUR };
      const waited = await start([young, old], 3);
      expect(waited).toMatchObject({ outcome: 'a', calls: 4 });
      expect(waited.notes).toEqual(['using task a, one of 2: it belongs to the newest deployment']);
      const given = await start([young, old], 100);
      expect(given.outcome).toBe('target-not-connected');
      expect(given.waitedMs).toBeGreaterThan(45_000);
      const sibling = await start([young, { ...old, startedBy: 'ecs-svc/2' }], 1);
      expect(sibling).toMatchObject({ outcome: 'b', calls: 2, waitedMs: 0 });
    });
  });

  describe('which container', () => {
    const names = wanted({ cluster: 'demo', service: 'orders-api' });
    const otel = container({ name: 'otel', image: 'public.ecr.aws/aws-observability/aws-otel-collector:v1' });
    const account = (...containers: Container[]): FakeEcs => {
      const ecs = new FakeEcs();
      ecs.clusters = { demo: { 'orders-api': [task({ containers })] } };
      return ecs;
    };

    test('asks if several belong to the application, or lists them without a terminal', async () => {
      const ecs = account(container(), container({ name: 'worker' }), otel);
      expect(await thrown(resolveContainer(names, resolving(ecs)))).toMatchObject({
        code: 'container-needed',
        details: { candidates: ['app', 'worker'] },
      });
      const asked = { ...resolving(ecs), chooseContainer: () => Promise.resolve(otel) };
      expect((await resolveContainer(names, asked)).container.name).toBe('otel');
      const network = await resolveContainer(names, resolving(ecs, new FakeClock(NOW), 'network'));
      expect(network.container.name).toBe('app');
    });

    test('takes the only one of the application, and reports it with the side-cars', async () => {
      const ecs = account(otel, container());
      const events: ToolEvent[] = [];
      const options = { ...resolving(ecs), report: (event: ToolEvent) => events.push(event) };
      expect((await resolveContainer(names, options)).container.name).toBe('app');
      expect(ecs.calls).toEqual(['ListTasks', 'DescribeTasks']);
      expect(events).toMatchObject([
        { code: 'container-chosen', message: 'using container app (otel: OpenTelemetry collector)' },
      ]);
    });

    test('reads the task definition if names and images do not decide', async () => {
      const ecs = account(container(), container({ name: 'agent', image: 'registry/telemetry:3' }));
      ecs.definitions = [
        containerDefinitionRecord(),
        containerDefinitionRecord({ name: 'agent', variables: ['AOT_CONFIG_CONTENT'] }),
      ];
      expect((await resolveContainer(names, resolving(ecs))).container.name).toBe('app');
      expect(ecs.calls).toEqual(['ListTasks', 'DescribeTasks', 'DescribeTaskDefinition']);
    });

    test('asks all the same if the task definition may not be read, and names the action without a terminal', async () => {
      const ecs = account(container(), container({ name: 'agent', image: 'registry/telemetry:3' }));
      ecs.taskDefinition = () => Promise.reject(denied('ecs:DescribeTaskDefinition'));
      expect(await thrown(resolveContainer(names, resolving(ecs)))).toMatchObject({
        code: 'access-denied',
        details: { action: 'ecs:DescribeTaskDefinition' },
      });
      const asked = {
        ...resolving(ecs),
        chooseContainer: (of: Task) => Promise.resolve(of.containers[1] as Container),
      };
      expect((await resolveContainer(names, asked)).container.name).toBe('agent');
    });

    test('a named container needs no task definition, whatever it is', async () => {
      const ecs = account(otel, container());
      const named = { ...names, container: 'otel' };
      expect((await resolveContainer(named, resolving(ecs))).container.name).toBe('otel');
      expect(ecs.calls).toEqual(['ListTasks', 'DescribeTasks']);
    });
  });
});

describe('order of candidates', () => {
  test('tasks are ordered: with a running agent, about to have one, healthy, newest first', () => {
    const tasks = [
      task({ id: 'e', execEnabled: false }),
      task({ id: 'd', lastStatus: 'PENDING' }),
      task({ id: 'c', healthStatus: 'UNHEALTHY' }),
      task({ id: 'b', startedAt: NOW - 2 * HOUR }),
      task({ id: 'a' }),
    ];
    expect(rankTasks(tasks).map((each) => each.id)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('a container is found by its whole name only', () => {
    expect(namedContainer(task(), 'app').name).toBe('app');
    expect(() => namedContainer(task(), 'ap')).toThrowError(
      expect.objectContaining({ code: 'container-not-found', role: 'no-match' }),
    );
  });

  test('for a network forward, a container with a running agent is preferred', () => {
    const stopped = container({ name: 'a', execAgent: undefined });
    expect(networkContainer(task({ containers: [stopped, container({ name: 'b' })] }), undefined)?.name).toBe(
      'b',
    );
  });
});

describe('the picker', () => {
  test('asks in order, skips what is known, and goes back past automatic choices', () => {
    let state = startPicker();
    expect(state.step).toBe('cluster');
    expect(canGoBack(state)).toBe(false);
    state = advance(state, { type: 'chose', choices: { cluster: 'demo' }, automatic: false });
    state = advance(state, { type: 'chose', choices: { service: 'orders-api' }, automatic: true });
    state = advance(state, { type: 'chose', choices: { task: task() }, automatic: true });
    expect(state.step).toBe('container');
    expect(advance(state, { type: 'back' })).toMatchObject({ step: 'cluster', choices: {}, asked: [] });
    state = advance(state, { type: 'chose', choices: { container: container() }, automatic: false });
    expect(advance(state, { type: 'back' }).step).toBe('container');
    expect(advance(state, { type: 'chose', choices: { action: 'shell' }, automatic: false }).step).toBe(
      'done',
    );
    const database = advance(state, { type: 'chose', choices: { action: 'database' }, automatic: false });
    expect(database.step).toBe('database');
    expect(advance(database, { type: 'back' })).toMatchObject({
      step: 'action',
      choices: { cluster: 'demo' },
    });
  });

  test('choices from flags are neither asked nor undone', () => {
    let state = startPicker({ service: 'orders-api' });
    expect(state.step).toBe('cluster');
    state = advance(state, { type: 'chose', choices: { cluster: 'demo' }, automatic: false });
    expect(state.step).toBe('task');
    expect(advance(state, { type: 'back' })).toMatchObject({
      step: 'cluster',
      choices: { service: 'orders-api' },
    });
    expect(advance(startPicker(), { type: 'back' })).toEqual(startPicker());
  });

  test('a container entry shows the reason if it cannot be chosen', () => {
    expect(containerEntries(task({ execEnabled: false }), judgeContainer, NOW)[0]?.disabled).toContain(
      'exec is off',
    );
  });

  test('for a service without running tasks, the choice of reasons or logs is next, and Back leads to the services', () => {
    let state = startPicker({ cluster: 'demo' });
    state = advance(state, { type: 'chose', choices: { service: 'nightly' }, automatic: false });
    state = advance(state, { type: 'chose', choices: { isIdle: true }, automatic: true });
    expect(state.step).toBe('action');
    expect(idleActionEntries().map(({ value }) => value)).toEqual(['reasons', 'logs']);
    expect(advance(state, { type: 'back' })).toMatchObject({ step: 'service', choices: { cluster: 'demo' } });
    expect(advance(state, { type: 'back' }).choices).not.toHaveProperty('isIdle');
    state = advance(state, { type: 'chose', choices: { action: 'reasons' }, automatic: false });
    expect(state.step).toBe('done');
  });

  test('reasons and logs can be chosen if no session can be opened', () => {
    const entries = actionEntries(true, 'exec is off');
    const free = entries.filter(({ disabled }) => disabled === undefined).map(({ value }) => value);
    expect(free).toEqual(['logs', 'reasons']);
    expect(
      containerEntries(task({ execEnabled: false }), judgeContainer, NOW, false)[0]?.disabled,
    ).toBeUndefined();
  });
});
