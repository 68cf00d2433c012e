import { expect, it } from 'vitest';
import { noTaskFixes } from '../../../src/diagnose/ecs/no-task.ts';
import { containerRecord as container, taskRecord as task } from '../../support/ecs-records.ts';

const SERVICE = { name: 'orders-api', desiredCount: 1 };
const DEFINITION = {
  containers: [
    { name: 'app', image: 'registry/app:1' },
    { name: 'envoy', image: 'envoy:2' },
  ],
};
const about = { cluster: 'demo', service: 'orders-api' };

it('asks for a task where none is wanted', () => {
  expect(noTaskFixes('demo', { ...SERVICE, desiredCount: 0 }, undefined, DEFINITION)).toEqual([
    [{ kind: 'set-desired-count', ...about, desiredCount: 1 }],
  ]);
});

it('names the image that could not be pulled, and all images where ECS does not say which', () => {
  const reason = 'CannotPullContainerError: pull image manifest has been retried 7 time(s): not found';
  const stopped = task({
    stoppedReason: reason,
    containers: [container({ reason }), container({ name: 'envoy' })],
  });
  expect(noTaskFixes('demo', SERVICE, stopped, DEFINITION)).toEqual([
    [{ kind: 'read-image', image: 'registry/app:1' }],
  ]);
  const unnamed = task({ stoppedReason: reason, containers: [] });
  expect(noTaskFixes('demo', SERVICE, unnamed, DEFINITION)[0]).toHaveLength(2);
});

it('follows the path to the secrets that could not be read', () => {
  const stopped = task({
    stoppedReason: 'ResourceInitializationError: unable to pull secrets or registry auth',
    containers: [],
  });
  expect(noTaskFixes('demo', SERVICE, stopped, DEFINITION)).toEqual([
    [{ kind: 'follow-path', ...about, to: 'secretsmanager' }],
  ]);
});

it('names the logs of a container that ended, and nothing where no container started', () => {
  const ended = task({
    stoppedReason: 'Essential container in task exited',
    containers: [container({ exitCode: 1 })],
  });
  expect(noTaskFixes('demo', SERVICE, ended, DEFINITION)).toEqual([[{ kind: 'read-logs', ...about }]]);
  const never = task({ stoppedReason: 'Scaling activity', containers: [container()] });
  expect(noTaskFixes('demo', SERVICE, never, DEFINITION)).toEqual([]);
  expect(noTaskFixes('demo', SERVICE, undefined, DEFINITION)).toEqual([]);
});
