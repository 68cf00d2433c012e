import { describe, expect, it } from 'vitest';
import { findCluster, findTasks, type Wanted } from '../../../src/connect/target/discover.ts';
import type { EcsPort, Task } from '../../../src/connect/ports.ts';
import { failed } from '../../../src/core/errors.ts';
import { denied } from '../../support/denied.ts';
import { serviceRecord, taskRecord } from '../../support/ecs-records.ts';

const NOTHING: Wanted = { cluster: undefined, service: undefined, task: undefined, container: undefined };
const HEX = '1f0e9d8c7b6a45948372615049382716';
const ARN = 'arn:aws:ecs:eu-west-1:111122223333';

/** `running` are the tasks that ListTasks returns, `known` those that DescribeTasks returns. */
function port({
  running = [],
  known = running,
  services = [],
}: {
  readonly running?: readonly Task[];
  readonly known?: readonly Task[];
  readonly services?: readonly string[];
}) {
  const filters: Parameters<EcsPort['taskArns']>[1][] = [];
  const described: (readonly string[])[] = [];
  const ecs: Partial<EcsPort> = {
    async *taskArns(_, filter) {
      filters.push(filter);
      yield running.map(({ arn }) => arn);
    },
    describeTasks(_, ids) {
      described.push(ids);
      return Promise.resolve(known.filter(({ arn, id }) => ids.includes(arn) || ids.includes(id)));
    },
    describeServices: (_, names) =>
      Promise.resolve(
        names.flatMap((name) =>
          services.includes(name) ? [serviceRecord({ name, desiredCount: 2, pendingCount: 1 })] : [],
        ),
      ),
    async *serviceNames() {
      yield services;
    },
  };
  return { ecs: ecs as EcsPort, filters, described };
}

describe('the tasks of a request', () => {
  it.each([
    [undefined, { desiredStatus: 'RUNNING' }],
    ['web', { desiredStatus: 'RUNNING', service: 'web' }],
    [`${ARN}:service/demo/web`, { desiredStatus: 'RUNNING', service: 'web' }],
  ])('of service %s are listed with the filter %j', async (service, filter) => {
    const { ecs, filters } = port({ running: [taskRecord()], services: ['web'] });
    expect(await findTasks(ecs, 'demo', { ...NOTHING, service })).toHaveLength(1);
    expect(filters).toEqual([filter]);
    const byId = port({ running: [taskRecord({ id: HEX })], services: ['web'] });
    await findTasks(byId.ecs, 'demo', { ...NOTHING, service, task: HEX.slice(0, 6) });
    expect(byId.filters).toEqual([filter]);
  });

  it('several ids may have white space after the comma, and each task is returned once', async () => {
    const { ecs } = port({ known: [taskRecord({ id: HEX })] });
    expect(await findTasks(ecs, 'demo', { ...NOTHING, task: `${HEX}, ${HEX}` })).toHaveLength(1);
  });

  it('a whole id needs no listing while the task is known', async () => {
    const { ecs, filters } = port({ known: [taskRecord({ id: HEX })] });
    expect(await findTasks(ecs, 'demo', { ...NOTHING, task: HEX })).toMatchObject([{ id: HEX }]);
    expect(filters).toEqual([]);
  });

  it('the start of an id is looked for in the listing, not described as it is', async () => {
    const { ecs, described } = port({ running: [taskRecord({ id: HEX })] });
    await findTasks(ecs, 'demo', { ...NOTHING, task: '1f0e' });
    expect(described).toEqual([[HEX]]);
  });

  it('a task that stops between the two calls', async () => {
    const { ecs } = port({ running: [taskRecord({ id: HEX })], known: [] });
    await expect(findTasks(ecs, 'demo', { ...NOTHING, task: HEX })).rejects.toMatchObject({
      code: 'task-not-found',
      message: `task ${HEX} has just stopped`,
      details: { task: HEX, cluster: 'demo' },
    });
  });

  it('of a cluster in which no task runs: nothing is described', async () => {
    const { ecs, described } = port({});
    await expect(findTasks(ecs, 'demo', NOTHING)).rejects.toMatchObject({
      code: 'no-running-task',
      role: 'no-match',
      message: 'no task runs in cluster demo',
      details: { cluster: 'demo' },
    });
    expect(described).toEqual([]);
  });

  it('of a service without a running task', async () => {
    const { ecs } = port({ services: ['web'] });
    await expect(findTasks(ecs, 'demo', { ...NOTHING, service: 'web' })).rejects.toMatchObject({
      code: 'no-running-task',
      message: 'service web has no running task (desired 2, pending 1)',
      details: { cluster: 'demo', service: 'web', desiredCount: 2, pendingCount: 1 },
    });
  });

  it('of a service that does not exist, with the nearest name', async () => {
    const { ecs } = port({ services: ['orders-api'] });
    await expect(findTasks(ecs, 'demo', { ...NOTHING, service: 'order-api' })).rejects.toMatchObject({
      code: 'service-not-found',
      message: 'no service order-api in cluster demo',
      details: { cluster: 'demo', service: 'order-api', near: ['orders-api'] },
    });
  });
});

describe('the cluster of a request', () => {
  const clusters = (
    names: readonly string[],
    describeServices: EcsPort['describeServices'] = () => Promise.resolve([]),
  ): EcsPort => {
    const ecs: Partial<EcsPort> = {
      async *clusterNames() {
        yield names;
      },
      async *serviceNames() {
        yield ['orders-api'];
      },
      describeServices,
    };
    return ecs as EcsPort;
  };

  it('is asked for in order of the names', async () => {
    await expect(findCluster(clusters(['b', 'a']), NOTHING)).rejects.toMatchObject({
      code: 'cluster-needed',
      message: 'there are 2 clusters: which one?',
      details: { candidates: ['a', 'b'] },
    });
  });

  it('does not exist', async () => {
    await expect(findCluster(clusters([]), NOTHING)).rejects.toMatchObject({
      code: 'no-clusters',
      message: 'this account has no ECS cluster in this region',
    });
  });

  it.each([
    [{ task: `${ARN}:task/demo/${HEX}` }, 'demo'],
    [{ task: `${ARN}:task/demo/${HEX},${ARN}:task/other/${HEX}` }, 'demo'],
    [{ service: `${ARN}:service/prod/web` }, 'prod'],
    [{ task: `${ARN}:task/${HEX}` }, 'only'],
    [{ service: 'web' }, 'only'],
  ])('%j: %s', async (wanted, expected) => {
    expect(await findCluster(clusters(['only']), { ...NOTHING, ...wanted })).toBe(expected);
  });

  it('is asked for where several have the service', async () => {
    const ecs = clusters(['b', 'a'], (_, [name = '']) => Promise.resolve([serviceRecord({ name })]));
    await expect(findCluster(ecs, { ...NOTHING, service: 'web' })).rejects.toMatchObject({
      code: 'cluster-needed',
      message: '2 clusters have a service web: which one?',
      details: { candidates: ['a', 'b'] },
    });
  });

  it('has no such service', async () => {
    await expect(
      findCluster(clusters(['b', 'a']), { ...NOTHING, service: 'order-api' }),
    ).rejects.toMatchObject({
      code: 'service-not-found',
      message: 'no service order-api in any of the 2 clusters',
      details: { service: 'order-api', near: ['orders-api'] },
    });
  });

  it('is the one that may be read, if the others may not', async () => {
    const ecs = clusters(['a', 'b'], (cluster, [name = '']) =>
      cluster === 'a'
        ? Promise.reject(denied('ecs:DescribeServices'))
        : Promise.resolve([serviceRecord({ name })]),
    );
    expect(await findCluster(ecs, { ...NOTHING, service: 'web' })).toBe('b');
  });

  it.each([
    ['that is no denial', failed('aws-error', 'broken', { details: {} })],
    ['that is not of the tool', new TypeError('broken')],
  ])('stays unknown after an error %s', async (_, error) => {
    const ecs = clusters(['a', 'b'], (cluster, [name = '']) =>
      cluster === 'a' ? Promise.reject(error) : Promise.resolve([serviceRecord({ name })]),
    );
    await expect(findCluster(ecs, { ...NOTHING, service: 'web' })).rejects.toBe(error);
  });
});
