import type { EventRecord, ServiceHistory, StoppedTask } from '../../app/listing/service-history.ts';
import type { Deployment } from '../../connect/ports.ts';
import { describeDuration } from '../../core/duration.ts';
import { printable } from '../../ui/printable.ts';
import { renderTable } from '../../ui/table.ts';
import type { CommandContext } from '../context.ts';

/**
 * The output of `ls tasks --stopped`, of `ls events`, and of the picker's action that shows reasons. The last column is
 * never shortened, because it holds the reason. `now` is AWS's time, in milliseconds since the epoch.
 */

/** Number of events that the picker shows; `ls events` prints all. */
const SHOWN_EVENTS = 10;

export function writeStoppedTasks(tasks: readonly StoppedTask[], now: number, context: CommandContext): void {
  if (asJson(tasks, context)) return;
  const { settings, terminal } = context;
  const rows = tasks.map(({ id, service, stoppedAt, outOfMemory, why }) => [
    id,
    service ?? undefined,
    stoppedAt === null ? 'stopping' : `${describeDuration(now - Date.parse(stoppedAt))} ago`,
    outOfMemory ? ({ text: why, tone: 'bad' } as const) : why,
  ]);
  terminal.stdout.write(renderTable(['id', 'service', 'stopped', 'why'], rows, { color: settings.color }));
}

export function writeEvents(events: readonly EventRecord[], now: number, context: CommandContext): void {
  if (asJson(events, context)) return;
  const { settings, terminal } = context;
  const rows = events.map(({ at, message }) => [`${describeDuration(now - Date.parse(at))} ago`, message]);
  terminal.stdout.write(renderTable(['when', 'event'], rows, { color: settings.color }));
}

/** Deployments that are not complete, then the tasks that stopped, then the last events. */
export function writeHistory(
  { service, stopped, events }: ServiceHistory,
  now: number,
  context: CommandContext,
): void {
  const { deployments, runningCount, desiredCount, pendingCount } = service;
  if (asJson({ deployments, stopped, events }, context)) return;
  const { stdout } = context.terminal;
  stdout.write(
    `${printable(service.name)}: ${runningCount} of ${desiredCount} running, ${pendingCount} pending\n`,
  );
  for (const deployment of deployments) stdout.write(`${deploymentLine(deployment)}\n`);
  stdout.write('\n');
  if (stopped.length === 0) stdout.write('No task stopped within the last hour.\n');
  else writeStoppedTasks(stopped, now, context);
  stdout.write('\n');
  writeEvents(events.slice(0, SHOWN_EVENTS), now, context);
}

function deploymentLine(deployment: Deployment): string {
  const { status, rolloutState, rolloutReason, runningCount, desiredCount, failedTasks } = deployment;
  const failures = failedTasks === 0 ? '' : `, ${failedTasks} failed`;
  const reason = rolloutReason === undefined ? '' : `: ${rolloutReason}`;
  return printable(
    `deployment ${status} ${rolloutState ?? ''} ${runningCount} of ${desiredCount} running${failures}${reason}`.replace(
      '  ',
      ' ',
    ),
  );
}

function asJson(value: unknown, { settings, terminal }: CommandContext): boolean {
  if (settings.output !== 'json') return false;
  terminal.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  return true;
}
