import { nameOfArn } from '../../core/arn.ts';
import { failed } from '../../core/errors.ts';
import type { Container, Task } from '../ports.ts';

/** True for the platform families of Windows containers: `WINDOWS_SERVER_2022_FULL`, `Windows Server 2019 Core`, … */
export const isWindows = (platformFamily: string | undefined): boolean =>
  platformFamily?.toUpperCase().startsWith('WINDOWS') === true;

/**
 * Throws `windows-container` if the task runs on Windows. Called before a session starts, by everything that runs a
 * script of a POSIX shell in the container. `what` is the subject of the sentence: `a command`.
 */
export function refuseWindows(task: Task, container: Container, what: string): void {
  const { platformFamily } = task;
  if (!isWindows(platformFamily)) return;
  throw failed(
    'windows-container',
    `container ${container.name} runs on Windows (${platformFamily ?? ''}), and ${what} needs a POSIX shell there`,
    {
      details: {
        cluster: nameOfArn(task.clusterArn),
        task: task.id,
        container: container.name,
        platformFamily: platformFamily ?? '',
      },
    },
  );
}
