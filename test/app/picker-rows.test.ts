import { describe, expect, it } from 'vitest';
import {
  clusterRow,
  type PickerRow,
  serviceRow,
  standaloneRow,
  taskRow,
} from '../../src/app/listing/picker-rows.ts';
import type { Service, Task } from '../../src/connect/ports.ts';
import { judgeContainer } from '../../src/diagnose/ecs/container.ts';
import { textOf } from '../../src/ui/row-text.ts';
import { containerRecord, RECORD_TIME, serviceRecord, taskRecord } from '../support/ecs-records.ts';

const NOW = RECORD_TIME;
const texts = ({ cells }: PickerRow): readonly string[] => cells.map(textOf);

const service = (over: Partial<Service>, tasks: readonly Task[] = [], isForShell = false) =>
  serviceRow({
    name: 'orders-api',
    service: serviceRecord(over),
    tasks,
    isForShell,
    recency: 0,
    now: NOW + 3_600_000,
  });

describe('a service', () => {
  it('has its name only until it is described', () => {
    const row = serviceRow({
      name: 'orders-api',
      service: undefined,
      tasks: [],
      isForShell: true,
      recency: 0,
      now: NOW,
    });
    expect(texts(row)).toEqual(['orders-api']);
    expect(row.disabled).toBeUndefined();
  });

  it('shows running tasks, health, deployment, exec, age and launch type', () => {
    const unhealthy = taskRecord({ healthStatus: 'UNHEALTHY' });
    expect(texts(service({ runningCount: 4, desiredCount: 4 }, [unhealthy, taskRecord()]))).toEqual([
      'orders-api',
      '4/4',
      '1 unhealthy',
      '',
      'on',
      '1h',
      'FARGATE',
    ]);
    expect(texts(service({ runningCount: 0, pendingCount: 2, execEnabled: false }))).toEqual([
      'orders-api',
      '0/1',
      '2 pending',
      '',
      'off',
      '1h',
      'FARGATE',
    ]);
  });

  it.each([
    ['IN_PROGRESS', 'in progress'],
    ['FAILED', 'failed'],
    ['COMPLETED', ''],
  ])('with a deployment that is %s', (rolloutState, text) => {
    const deployment = {
      id: 'd',
      status: 'PRIMARY',
      taskDefinitionArn: 'td',
      desiredCount: 1,
      runningCount: 0,
      pendingCount: 1,
      failedTasks: 0,
      rolloutState,
      rolloutReason: undefined,
      createdAt: NOW,
    };
    expect(texts(service({ deployments: [deployment] }))[3]).toBe(text);
  });

  it('cannot be chosen for a shell while nothing runs', () => {
    expect(service({ runningCount: 0 }, [], true).disabled).toBe('no running task');
    expect(service({ runningCount: 0 }).disabled).toBeUndefined();
  });

  it('is found by the ids, addresses, containers and images of its tasks', () => {
    const { search } = service({}, [taskRecord({ privateIp: '10.0.1.77' })]);
    for (const text of ['1f0e9d8c', '10.0.1.77', 'app', 'registry/app:1', 'orders:42'])
      expect(search).toContain(text);
  });
});

describe('a task', () => {
  const task = (over: Partial<Task> = {}) =>
    texts(taskRow(taskRecord().arn, taskRecord(over), judgeContainer, NOW));

  it('shows health, age and whether exec is ready', () => {
    expect(task().slice(0, 5)).toEqual([taskRecord().id, 'healthy', '1h', 'ready', '10.0.1.1']);
    expect(task({ execEnabled: false })[3]).toBe('off');
  });

  it('that is pending shows what it waits for', () => {
    const containers = [containerRecord({ lastStatus: 'PENDING', runtimeId: undefined })];
    expect(task({ lastStatus: 'PENDING', healthStatus: 'UNKNOWN', containers })[5]).toContain(
      'its images and secrets',
    );
  });

  it('of no service is a row beside services, with its family', () => {
    const row = standaloneRow(
      taskRecord({ serviceName: undefined, startedBy: 'events-rule/nightly' }),
      judgeContainer,
      NOW,
    );
    expect(texts(row).slice(0, 2)).toEqual(['orders 1f0e9d8c', 'scheduled']);
    expect(row.value).toMatchObject({ service: null, task: { id: taskRecord().id } });
  });
});

it('a cluster with running tasks ranks above one without', () => {
  const cluster = { arn: 'arn', name: 'a', status: 'ACTIVE', runningTasks: 2, activeServices: 1 };
  expect(clusterRow('a', cluster, 0).rank).toBeGreaterThan(clusterRow('a', undefined, 0).rank ?? 0);
});
