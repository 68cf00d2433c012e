import type { ForwardState, ListenerState } from '../../app/supervisor/control-messages.ts';
import { hostPort } from '../../core/host-port.ts';
import { type Cell, renderTable } from '../../ui/table.ts';

/** The JSON form of a detached forward. */
export function printDetached(forward: ForwardState): object {
  const { identity: _, since, ...state } = forward;
  return { ...state, since: new Date(since).toISOString() };
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Three digits are enough: `0 B`, `12 kB`, `1.2 MB`. */
function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit > 0 && value < 10 ? value.toFixed(1) : String(Math.round(value))} ${UNITS[unit] ?? ''}`;
}

const remoteText = ({ remote }: ListenerState): string =>
  'host' in remote
    ? hostPort(String(remote['host']), Number(remote['port']))
    : 'proxy' in remote
      ? 'any host'
      : `document ${String(remote['document'])}`;

/** One row for each listener; a forward that has none yet, or none any more, has one row. */
export function detachedTable(
  forwards: readonly ForwardState[],
  options: { readonly color: boolean; readonly width?: number | undefined },
): string {
  const rows = forwards.flatMap((forward): readonly (readonly Cell[])[] => {
    const tone = forward.state === 'open' ? 'good' : forward.state === 'starting' ? 'dim' : 'bad';
    const state = { text: forward.state, tone } as const;
    const since = new Date(forward.since).toLocaleTimeString();
    const of = (listener: ListenerState | undefined): readonly Cell[] => [
      forward.name,
      state,
      listener === undefined ? undefined : hostPort(listener.local.host, listener.local.port),
      listener === undefined ? undefined : remoteText(listener),
      listener?.via,
      listener?.open,
      listener === undefined ? undefined : bytesText(listener.sent),
      listener === undefined ? undefined : bytesText(listener.received),
      since,
      forward.reason,
    ];
    return forward.listeners.length === 0 ? [of(undefined)] : forward.listeners.map(of);
  });
  return renderTable(
    [
      'name',
      'state',
      'local',
      { title: 'remote', shrink: true },
      { title: 'via', dropOrder: 2 },
      { title: 'open', align: 'right', dropOrder: 1 },
      { title: 'sent', align: 'right' },
      { title: 'received', align: 'right' },
      { title: 'since', dropOrder: 3 },
      { title: 'reason', shrink: true },
    ],
    rows,
    options,
  );
}
