import { describe, expect, test } from 'vitest';

import { waitsFor, whyStopped } from '../../../src/connect/target/stop-reason.ts';
import { containerRecord, taskRecord } from '../../support/ecs-records.ts';

const PULL = 'CannotPullContainerError: not found';

describe('why a task stopped', () => {
  test.each([
    [
      'Essential container in task exited',
      [{ name: 'app', exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' }],
      'Essential container in task exited: app exit 137 (out of memory)',
    ],
    [
      'Essential container in task exited',
      [
        { name: 'app', exitCode: 1 },
        { name: 'envoy', exitCode: 137 },
      ],
      'Essential container in task exited: app exit 1, envoy exit 137 (killed)',
    ],
    [
      PULL,
      [
        { name: 'app', reason: PULL },
        { name: 'otel', reason: PULL },
      ],
      PULL,
    ],
    ['Task failed to start', [{ name: 'app', reason: PULL }], `Task failed to start: app: ${PULL}`],
    [undefined, [{ name: 'app' }], 'EssentialContainerExited'],
  ])('%s, %j', (stoppedReason, containers, text) => {
    const task = taskRecord({
      stoppedReason,
      stopCode: 'EssentialContainerExited',
      containers: containers.map((over) => containerRecord(over)),
    });
    expect(whyStopped(task)).toBe(text);
  });
});

test.each([
  ['PROVISIONING', [], 'its network interface, or capacity'],
  ['PENDING', [{ name: 'app' }], 'its images and secrets, and the start of app'],
  ['PENDING', [{ name: 'app', reason: PULL }], `app: ${PULL}`],
  ['RUNNING', [], undefined],
  ['STOPPED', [], undefined],
])('a task in %s with %j waits for: %s', (lastStatus, containers, text) => {
  const waiting = containers.map((over) => containerRecord({ lastStatus: 'PENDING', ...over }));
  expect(waitsFor(taskRecord({ lastStatus, containers: waiting }))).toBe(text);
});
