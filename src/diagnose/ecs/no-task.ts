import type { Service, Task } from '../../connect/ports.ts';
import type { Fix } from '../change.ts';

/** What to do where no task of a service runs. Pure. */

/**
 * By the name with which the reason of ECS begins (ECS guide, "Stopped tasks error messages"): its text varies. `last`
 * is the task that stopped last.
 */
export function noTaskFixes(
  cluster: string,
  { desiredCount, name: service }: Pick<Service, 'desiredCount' | 'name'>,
  last: Task | undefined,
  definition: {
    readonly containers: readonly { readonly name: string; readonly image?: string | undefined }[];
  },
): readonly Fix[] {
  if (desiredCount === 0) return [[{ kind: 'set-desired-count', cluster, service, desiredCount: 1 }]];
  if (last === undefined) return [];
  const reasons = [last.stoppedReason, ...last.containers.map(({ reason }) => reason)];
  const isCalled = (error: string): boolean => reasons.some((reason) => reason?.startsWith(error) === true);
  if (isCalled('CannotPullContainerError')) {
    const failed = last.containers.filter(({ reason }) => reason?.startsWith('CannotPull') === true);
    const images = definition.containers
      .filter(({ name }) => failed.length === 0 || failed.some((each) => each.name === name))
      .flatMap(({ image }) => image ?? []);
    return images.length === 0 ? [] : [images.map((image) => ({ kind: 'read-image', image }))];
  }
  if (isCalled('ResourceInitializationError'))
    return [[{ kind: 'follow-path', cluster, service, to: 'secretsmanager' }]];
  return last.containers.some(({ exitCode }) => exitCode !== undefined)
    ? [[{ kind: 'read-logs', cluster, service }]]
    : [];
}
