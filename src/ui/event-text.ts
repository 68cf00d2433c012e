import { describeDuration, describeElapsed } from '../core/duration.ts';
import type { ForwardRemote, ProxyRemote, Repeats, ToolEvent } from '../core/events.ts';
import { hostPort } from '../core/host-port.ts';
import type { Colors } from './colors.ts';
import { printable } from './printable.ts';

/** A finished step. Its words have the same meaning as the mark, so that it can be read without colour or Unicode. */
export function doneLine(
  colors: Colors,
  title: string,
  detail: string | undefined,
  elapsedMs: number,
): string {
  const about = detail === undefined || detail === '' ? '' : `: ${printable(detail)}`;
  return `${colors.green('✓')} ${printable(title)}${about} ${colors.dim(`(${describeElapsed(elapsedMs)})`)}`;
}

export function failedLine(colors: Colors, title: string, detail: string): string {
  return `${colors.red('✗')} ${printable(title)}: ${printable(detail)}`;
}

/**
 * One line, and one more for each hint, for events that are not steps; undefined = the event is not shown at this level
 * of detail.
 */
export function messageLine(
  event: Exclude<ToolEvent, { type: `step-${string}` }>,
  colors: Colors,
  debug: boolean,
): string | undefined {
  switch (event.type) {
    case 'note': {
      const code = debug ? colors.dim(` [${event.code}]`) : '';
      const mark = event.level === 'warning' ? `${colors.yellow('warning:')} ` : '';
      const hints = (event.hints ?? []).map((hint) => `\n  ${printable(hint)}`);
      return `${mark}${printable(event.message)}${more(event.repeats)}${code}${hints.join('')}`;
    }
    case 'forward-ready': {
      const local = hostPort(event.local.host, event.local.port);
      const remote = remoteText(event.remote);
      const name = event.connection === undefined ? '' : `${event.connection}: `;
      return `${name}${colors.green('listening')} on ${colors.bold(local)} → ${printable(remote)} via ${event.via} ${colors.dim(printable(shortTarget(event.target)))}`;
    }
    case 'forward-traffic':
      return undefined;
    case 'forward-connection':
      return debug
        ? colors.dim(`port ${event.localPort}: ${event.open} open${more(event.repeats)}`)
        : undefined;
    case 'session-state': {
      const tone = event.state === 'interrupted' ? colors.yellow : colors.dim;
      const whose = event.forward === undefined ? '' : `${printable(event.forward)}: `;
      return tone(`${whose}session ${event.state}: ${printable(event.reason)}${more(event.repeats)}`);
    }
  }
}

function remoteText(remote: ForwardRemote | ProxyRemote): string {
  if ('document' in remote) return `document ${remote.document}`;
  if (!('proxy' in remote)) return hostPort(remote.host, remote.port);
  const [first, second, ...others] = remote.allowed ?? ['any host'];
  const hosts = [first, second, others.length === 0 ? undefined : `${others.length} more`];
  return `${hosts.filter((host) => host !== undefined).join(', ')} (SOCKS5 and HTTP CONNECT)`;
}

const more = (repeats: Repeats | undefined): string =>
  repeats === undefined
    ? ''
    : ` (${repeats.count === 1 ? 'once' : `${repeats.count} times`} more within ${describeDuration(repeats.withinMs)})`;

/**
 * `ecs:CLUSTER_TASK_RUNTIME` is too long for a line; a task is shown by the start of its id. Ids of instances are not
 * shortened.
 */
const shortTarget = (target: string): string =>
  /^ecs:.*_([0-9a-f]{8})[0-9a-f-]*_/.exec(target)?.[1] ?? target;

/** True for the events that are shown even with `--quiet`. */
export function isImportant(event: ToolEvent): boolean {
  switch (event.type) {
    case 'step-failed':
      return true;
    case 'note':
      return event.level === 'warning';
    case 'session-state':
      return event.state === 'interrupted';
    case 'step-started':
    case 'step-progress':
    case 'step-done':
    case 'forward-ready':
    case 'forward-connection':
    case 'forward-traffic':
      return false;
  }
}
