import type { ForwardState, ListenerState } from '../../app/supervisor/control-messages.ts';
import { hostPort } from '../../core/host-port.ts';
import { cellWidth } from '../../ui/cells.ts';
import { folded } from '../../ui/fold.ts';
import { printable } from '../../ui/printable.ts';
import { type Cell, type Column, renderTable } from '../../ui/table.ts';

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

const COLUMNS: readonly Column[] = [
  { title: 'name' },
  { title: 'state' },
  { title: 'local' },
  { title: 'remote' },
  { title: 'via', dropOrder: 2 },
  { title: 'open', align: 'right', dropOrder: 1 },
  { title: 'sent', align: 'right' },
  { title: 'received', align: 'right' },
  { title: 'since', dropOrder: 3 },
  { title: 'reason' },
];

/**
 * One row for each listener; a forward that has none yet, or none any more, has one row. If the terminal is too narrow for it, what the
 * listeners lead to and the reasons are whole lines under the table.
 */
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
  const whole = renderTable(COLUMNS, rows, { color: options.color });
  const { width } = options;
  if (width === undefined || whole.split('\n').every((line) => cellWidth(line) <= width)) return whole;
  const short = new Set(['remote', 'reason']);
  const isShown = COLUMNS.map((column) => !short.has(column.title));
  const table = renderTable(
    COLUMNS.filter((_, index) => isShown[index]),
    rows.map((row) => row.filter((_, index) => isShown[index])),
    options,
  );
  const lines = forwards.flatMap((forward) => [
    ...forward.listeners.map(
      (listener) => `${hostPort(listener.local.host, listener.local.port)} → ${remoteText(listener)}`,
    ),
    ...(forward.reason === undefined ? [] : [`${forward.name}: ${forward.reason}`]),
  ]);
  return `${[table.trimEnd(), ...lines.map((line) => folded(printable(line), width))].join('\n')}\n`;
}
