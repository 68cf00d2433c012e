import { parseArn } from '../../core/arn.ts';
import type { ToolEvent } from '../../core/events.ts';
import type { ResolvedContainer } from '../../connect/target/resolve.ts';
import type { Bastion } from '../../provision/bastion/bastion.ts';

/** Reports the account and region of a session or forward before it starts, for people who work in several accounts. */

const note = (message: string, details: Readonly<Record<string, string>>): ToolEvent => ({
  type: 'note',
  level: 'info',
  code: 'session-place',
  message,
  details,
});

/** The ARN of the task names region and account, so no call is needed. */
export function containerPlace({ cluster, task, container }: ResolvedContainer): ToolEvent {
  const { region, account } = parseArn(task.arn) ?? { region: '', account: '' };
  return note(
    `container ${container.name} of task ${task.id.slice(0, 8)} in cluster ${cluster}, ${region}, account ${account}`,
    { cluster, task: task.arn, container: container.name, region, account },
  );
}

/** The account is that of the principal that ran `up`; without that tag only the region is known. */
export function bastionPlace({ name, instanceId, owner }: Bastion, region: string): ToolEvent {
  const account = parseArn(owner ?? '')?.account ?? '';
  return note(`bastion ${name} (${instanceId}) in ${region}${account === '' ? '' : `, account ${account}`}`, {
    name,
    instanceId,
    region,
    account,
  });
}
