import { describe, expect, it } from 'vitest';
import { everythingList } from '../../src/app/listing/everything-list.ts';
import { pacedCalls, type PickerList, serviceList, taskList } from '../../src/app/listing/picker-lists.ts';
import type { EcsPort, Task } from '../../src/connect/ports.ts';
import { textOf } from '../../src/ui/row-text.ts';
import { serviceRecord, taskRecord } from '../support/ecs-records.ts';
import { FakeClock } from '../support/fake-clock.ts';

const ID = '1f0e9d8c7b6a4594837261504938';
const taskOf = (n: number, over: Partial<Task> = {}): Task => {
  const id = `${ID}${String(n).padStart(4, '0')}`;
  return taskRecord({ id, arn: `arn:aws:ecs:eu-west-1:111122223333:task/demo/${id}`, ...over });
};

/** Clusters with services, and tasks that are all in the cluster `demo`. */
function ecsOf(clusters: Readonly<Record<string, readonly string[]>>, tasks: readonly Task[] = []) {
  const calls: string[] = [];
  const ecs = {
    async *clusterNames() {
      yield Object.keys(clusters);
    },
    describeClusters: (names: readonly string[]) =>
      Promise.resolve(names.map((name) => ({ name, runningTasks: 1, activeServices: 1 }))),
    async *serviceNames(cluster: string) {
      calls.push('ListServices');
      yield clusters[cluster] ?? [];
    },
    describeServices(_cluster: string, names: readonly string[]) {
      calls.push(`DescribeServices ${names.length}`);
      return Promise.resolve(names.map((name) => serviceRecord({ name })));
    },
    async *taskArns(cluster: string) {
      const arns = cluster === 'demo' ? tasks.map(({ arn }) => arn) : [];
      for (let from = 0; from === 0 || from < arns.length; from += 100) {
        calls.push('ListTasks');
        yield arns.slice(from, from + 100);
      }
    },
    describeTasks(_cluster: string, arns: readonly string[]) {
      calls.push('DescribeTasks');
      return Promise.resolve(tasks.filter(({ arn }) => arns.includes(arn)));
    },
  } as unknown as EcsPort;
  return { ecs, calls };
}

const deps = { clock: new FakeClock(), signal: new AbortController().signal, settings: {} };
const shopping = { ...deps, isForShell: false, recency: () => 0 };
const names = (list: PickerList): readonly string[] => list.rows().map(({ cells }) => textOf(cells[0]));
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe('services of a cluster', () => {
  it('need two calls for the first rows, and describe nothing that is not on the screen', async () => {
    const many = Array.from({ length: 90 }, (_, n) => `service-${String(n).padStart(2, '0')}`);
    const { ecs, calls } = ecsOf({ demo: many });
    const list = serviceList(ecs, 'demo', pacedCalls(deps), shopping);
    await settle();
    expect(calls).toEqual(['ListServices']);
    list.shown(many.slice(0, 10), false);
    await settle();
    expect(calls.slice(0, 3)).toContain('DescribeServices 10');
    expect(calls.filter((call) => call.startsWith('DescribeServices'))).toHaveLength(1);
    expect(list.progress()).toEqual({ known: 10, total: 90, isListed: true });
    list.close();
  });

  it('have tasks of no service beside them', async () => {
    const single = taskOf(1, { serviceName: undefined, startedBy: 'events-rule/nightly' });
    const { ecs } = ecsOf({ demo: ['orders-api'] }, [taskOf(0), single]);
    const list = serviceList(ecs, 'demo', pacedCalls(deps), shopping);
    await list.loadAll();
    expect(names(list)).toEqual(expect.arrayContaining(['orders-api', 'orders 1f0e9d8c']));
    expect(list.rows().find(({ value }) => value.service === null)?.value.task?.id).toBe(single.id);
    expect(list.progress()).toBeUndefined();
  });

  it('with more than 300 tasks lead to those of no service by one row', async () => {
    const tasks = Array.from({ length: 301 }, (_, n) =>
      taskOf(n, n === 300 ? { serviceName: undefined } : {}),
    );
    const { ecs, calls } = ecsOf({ demo: ['orders-api'] }, tasks);
    const list = serviceList(ecs, 'demo', pacedCalls(deps), shopping);
    await list.loadAll();
    expect(names(list)).toEqual(['orders-api', '(tasks without a service)']);
    expect(calls).not.toContain('DescribeTasks');
    const standalone = taskList(ecs, 'demo', null, pacedCalls(deps), deps);
    await standalone.loadAll();
    expect(names(standalone)).toEqual([tasks[300]?.id]);
  });
});

it('tasks are in the order in which a command would choose them', async () => {
  const tasks = [taskOf(0, { healthStatus: 'UNHEALTHY' }), taskOf(1), taskOf(2, { lastStatus: 'PENDING' })];
  const { ecs } = ecsOf({ demo: ['orders-api'] }, tasks);
  const list = taskList(ecs, 'demo', 'orders-api', pacedCalls(deps), deps);
  await list.loadAll();
  expect(names(list)).toEqual([tasks[1]?.id, tasks[0]?.id, tasks[2]?.id]);
});

describe('everything', () => {
  it('has the services of all clusters, and their tasks only while something is searched', async () => {
    const { ecs, calls } = ecsOf({ demo: ['orders-api'], other: ['orders-api', 'web'] }, [taskOf(0)]);
    const list = everythingList(ecs, pacedCalls(deps), shopping);
    await list.loadAll();
    await settle();
    expect(list.rows().map(({ id }) => id)).toEqual(['demo/orders-api', 'other/orders-api', 'other/web']);
    expect(calls).not.toContain('ListTasks');
    list.shown([], true);
    await settle();
    expect(names(list)).toContain('orders-api 1f0e9d8c');
    const task = list.rows().find(({ value }) => value.task !== undefined);
    expect(task?.value).toMatchObject({ cluster: 'demo', service: 'orders-api' });
    expect(task?.search).toContain('10.0.1.1');
    list.close();
  });
});
