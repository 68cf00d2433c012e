import { describe, expect, test } from 'vitest';

import type { Container, Service, Task } from '../../../src/connect/ports.ts';
import { containerFinding, judgeContainer } from '../../../src/diagnose/ecs/container.ts';
import {
  containerRecord as container,
  RECORD_TIME as NOW,
  serviceRecord as service,
  taskRecord as task,
} from '../../support/ecs-records.ts';

const HOUR = 3_600_000;

describe('a container before a session', () => {
  const check = (over: Partial<Task>, c: Partial<Container> = {}, described?: Service) =>
    judgeContainer(task(over), container(c), described, NOW);

  test.each([
    [{ lastStatus: 'STOPPED', stoppedReason: 'OutOfMemory' }, {}, 'task-not-running', false],
    [{ lastStatus: 'PENDING' }, {}, 'task-not-running', true],
    [{ execEnabled: false }, {}, 'exec-not-enabled', false],
    [{}, { lastStatus: 'STOPPED' }, 'container-not-running', false],
    [{}, { runtimeId: undefined }, 'container-not-running', false],
    [{ startedAt: NOW - 5_000 }, { runtimeId: undefined }, 'container-not-running', true],
    [{}, { execAgent: undefined }, 'exec-agent-not-running', false],
    [
      {},
      { execAgent: { status: 'STOPPED', reason: 'no route', startedAt: NOW - HOUR } },
      'exec-agent-not-running',
      false,
    ],
  ] as const)('%j %j → %s', (taskPart, containerPart, code, mayStart) => {
    const state = check(taskPart, containerPart);
    expect(state).toMatchObject({ ready: false, mayStart, error: { code } });
  });

  test('exec off: the finding says what to enable where, and distinguishes an old task from a service without exec', () => {
    const off = check({ execEnabled: false }, {}, service({ execEnabled: false }));
    const old = check({ execEnabled: false }, {}, service({ execEnabled: true }));
    const loose = check({ execEnabled: false, serviceName: undefined });
    const facts = { cluster: 'demo', service: 'orders-api' };
    expect(off).toMatchObject({
      error: { message: 'exec is off in service orders-api', details: { ...facts, serviceEnabled: false } },
    });
    expect(old).toMatchObject({
      error: {
        message: expect.stringContaining('before exec was switched on') as string,
        details: { ...facts, serviceEnabled: true },
      },
    });
    expect(loose).toMatchObject({
      error: { details: { taskDefinition: expect.any(String) as string } },
    });
  });

  test('the state and age of the agent and the reason are named', () => {
    const state = check(
      {},
      { execAgent: { status: 'STOPPED', reason: 'no route', startedAt: NOW - 3 * HOUR } },
    );
    expect(state.ready ? '' : state.error.message).toBe(
      'the exec agent of container app is STOPPED for 3h: no route',
    );
  });
});

describe('the fix for a container', () => {
  const fixes = (over: Partial<Task>, described?: Service) =>
    containerFinding(task(over), container(), described, NOW)?.fixes;

  test('is to change a service with exec off, and only to start new tasks of one with exec on', () => {
    const change = { kind: 'redeploy-service', cluster: 'demo', service: 'orders-api' };
    expect(fixes({ execEnabled: false }, service({ execEnabled: false }))).toEqual([
      [{ ...change, enableExecuteCommand: true }],
    ]);
    expect(fixes({ execEnabled: false }, service())).toEqual([[change]]);
  });

  test('is to run a task without a service again', () => {
    expect(fixes({ execEnabled: false, serviceName: undefined })).toEqual([
      [{ kind: 'run-task', cluster: 'demo', taskDefinition: 'orders:42', enableExecuteCommand: true }],
    ]);
  });

  test('is empty for a ready container, whose state is final two minutes after its start', () => {
    expect(containerFinding(task(), container(), undefined, NOW)).toBeUndefined();
    expect(judgeContainer(task(), container(), undefined, NOW)).toEqual({
      ready: true,
      runtimeId: 'abc-123',
      settledAt: NOW - HOUR + 120_000,
    });
  });
});
