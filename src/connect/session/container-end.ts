import type { Report, ToolEvent } from '../../core/events.ts';
import type { ToolError } from '../../core/errors.ts';
import type { ContainerWatch } from '../target/task-watch.ts';

/** What a shell or a command does when the container that it runs in stops. */

/** Rejects with the reason of the signal when it is aborted; otherwise never settles. */
export function whenStopped(signal: AbortSignal | undefined): Promise<never> {
  const stopped = new Promise<never>((_, reject) => {
    const stop = (): void => reject(signal?.reason as Error);
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
  stopped.catch(() => undefined);
  return stopped;
}

/** Warns once when ECS begins to stop the task of a session. The returned function ends that. */
export function warnWhenStopping(container: ContainerWatch | undefined, report: Report): () => void {
  const signal = container?.stopping;
  const warn = (): void =>
    report(taskStopping(signal?.reason as ToolError, 'this session ends with its container'));
  signal?.addEventListener('abort', warn, { once: true });
  return () => signal?.removeEventListener('abort', warn);
}

/** `consequence` is a clause that follows what ECS says. */
export const taskStopping = ({ message, details }: ToolError, consequence: string): ToolEvent => ({
  type: 'note',
  level: 'warning',
  code: 'task-stopping',
  message: `${message}; ${consequence}`,
  details,
});

/**
 * The end of the session, or `task-stopped` if it ended because of its task: the service closes the session of a
 * stopped task without saying why. Does not ask when `isKnown` says that the command has ended.
 */
export async function endOf<T>(
  ended: Promise<T>,
  container: ContainerWatch | undefined,
  isKnown: () => boolean = () => false,
): Promise<T> {
  const outcome = await ended.then(
    (end) => ({ end }),
    (error: unknown) => ({ error }),
  );
  const stopped = isKnown() ? undefined : await container?.look();
  if (stopped !== undefined) throw stopped;
  if ('error' in outcome) throw outcome.error;
  return outcome.end;
}
