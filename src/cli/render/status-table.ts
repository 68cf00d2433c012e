import { nameOfArn } from '../../core/arn.ts';
import { dollars } from '../../core/dollars.ts';
import { describeDuration } from '../../core/duration.ts';
import { type Cell, type Column, renderTable } from '../../ui/table.ts';
import type { RefusedPlace } from '../../app/account-places.ts';
import type { BastionStatus, Statuses } from '../../app/bastion/status.ts';
import { type PlacedStatus, refusedText, type StatusesOfPlaces } from '../../app/bastion/status-of-places.ts';
import type { CommandContext } from '../context.ts';

/**
 * The output of `status`: one line for each bastion, and notes below the table for the bastions that need an action.
 */

interface StatusColumn extends Column {
  readonly cell: (row: Row, now: number) => Cell;
}

/** The fields of the place are present only if several accounts or regions were asked for. */
type Row = BastionStatus & Partial<Pick<PlacedStatus, 'profile' | 'account' | 'accountAlias'>>;

const PLACE_COLUMNS: readonly StatusColumn[] = [
  { title: 'profile', dropOrder: 4, cell: ({ profile }) => profile ?? undefined },
  { title: 'account', cell: ({ account, accountAlias }) => accountAlias ?? account ?? undefined },
];

/** Shown if a bastion may connect to more than port 443. */
const PORTS = 'ports';

const COLUMNS: readonly StatusColumn[] = [
  { title: 'name', cell: (row) => row.name },
  { title: 'region', cell: (row) => row.region },
  { title: 'instance', cell: (row) => row.instanceId ?? undefined },
  {
    title: 'state',
    cell: (row) => (row.interrupted === true ? { text: stateText(row), tone: 'warning' } : stateText(row)),
  },
  {
    title: 'type',
    shrink: true,
    dropOrder: 2,
    cell: (row) => (row.type === null ? undefined : `${row.type} ${row.market ?? ''}`),
  },
  {
    title: 'age',
    cell: ({ launchedAt }, now) =>
      launchedAt === null ? undefined : describeDuration(now - Date.parse(launchedAt)),
  },
  {
    title: 'left',
    cell: ({ expiresAt }, now) => (expiresAt === null ? undefined : leftText(Date.parse(expiresAt) - now)),
  },
  {
    title: 'idle',
    cell: ({ idleMinutes, idleLeftMinutes }) =>
      idleMinutes === null ? undefined : idleMinutes === 0 ? 'never' : `${idleLeftMinutes ?? idleMinutes}m`,
  },
  {
    title: PORTS,
    dropOrder: 2,
    cell: ({ ports }) => (ports === null ? undefined : ports.join(' ')),
  },
  { title: 'sessions', align: 'right', cell: (row) => row.sessions ?? undefined },
  { title: 'cost', dropOrder: 1, cell: ({ cost }) => (cost === null ? undefined : dollars(cost)) },
  {
    title: 'owner',
    shrink: true,
    dropOrder: 3,
    cell: ({ owner }) => (owner === null ? undefined : nameOfArn(owner)),
  },
];

/**
 * The agent's state is shown only when the agent is not online. An interruption notice is more important and is shown
 * instead of it.
 */
function stateText({ state, agent, interrupted }: BastionStatus): string {
  if (state !== 'running') return state;
  if (interrupted === true) return 'interrupted';
  if (agent === 'Online' || agent === 'unknown') return state;
  return agent === null ? 'no agent yet' : 'agent lost';
}

const leftText = (ms: number): string => (ms <= 0 ? 'over' : describeDuration(ms));

/** Writes table and notes, or the JSON form, whose fields are stable. */
export function writeStatuses(statuses: Statuses | StatusesOfPlaces, context: CommandContext): void {
  const { report, settings, terminal } = context;
  const { bastions, closedRegions, region, notAllowed, now } = statuses;
  const { ofBastions, forOperators } = notAllowed;
  if (settings.output === 'json') {
    const all = [...ofBastions, ...forOperators].sort();
    const refused = 'refused' in statuses ? { refused: statuses.refused.map(refusedJson) } : {};
    terminal.stdout.write(`${JSON.stringify({ bastions, closedRegions, notAllowed: all, ...refused })}\n`);
  } else if (bastions.length > 0) writeTable(bastions, { allRegions: region === undefined, now }, context);
  else {
    report({
      type: 'note',
      level: 'info',
      code: 'no-bastions',
      message: `no bastion in ${region ?? 'any region'}${isPartial(statuses) ? ' that could be read' : ''}`,
    });
  }
  if (forOperators.length === 0) return;
  const message = `not shown: leftovers, sessions or cost, which take ${forOperators.join(', ')}`;
  report({
    type: 'note',
    level: 'warning',
    code: 'for-operators',
    message,
    details: { actions: forOperators },
  });
}

/** Notes for all places that could not be read but the first, whose error is thrown with its own advice. */
export function writeRefused(
  { refused }: StatusesOfPlaces,
  { report }: Pick<CommandContext, 'report'>,
): void {
  const [first, ...others] = refused;
  if (first === undefined) return;
  for (const each of others)
    report({
      type: 'note',
      level: 'warning',
      code: each.error.code,
      message: refusedText(each),
      details: each.error.details,
    });
  throw first.error.with({ message: refusedText(first) });
}

const refusedJson = ({ place: { profile, region }, error: { code, message } }: RefusedPlace) => ({
  profile: profile ?? null,
  region: region ?? null,
  code,
  message,
});

const isPartial = (statuses: Statuses | StatusesOfPlaces): boolean =>
  'refused' in statuses && statuses.refused.length > 0;

function writeTable(
  rows: readonly Row[],
  { allRegions, now }: { readonly allRegions: boolean; readonly now: number },
  context: CommandContext,
): void {
  const { terminal, settings } = context;
  const width = terminal.stdoutIsTty ? terminal.size().columns : undefined;
  const hasPorts = rows.some(({ ports }) => ports !== null && ports.length > 1);
  const isOfPlaces = rows.some(({ account }) => account !== undefined);
  const columns = [
    ...(isOfPlaces ? PLACE_COLUMNS : []),
    ...COLUMNS.filter(({ title }) => (allRegions || title !== 'region') && (hasPorts || title !== PORTS)),
  ];
  const cells = rows.map((row) => columns.map((column) => column.cell(row, now)));
  terminal.stdout.write(renderTable(columns, cells, { color: settings.color, width }));
  for (const row of rows) adviseOn(row, allRegions, context);
}

/** Writes a note for each finding, with what to type next. */
function adviseOn(row: Row, allRegions: boolean, { report }: CommandContext): void {
  const region = allRegions ? row.region : undefined;
  for (const { id: code, message, evidence, fixes } of row.findings)
    report({ type: 'note', level: 'warning', code, message, details: { ...evidence, fixes, region } });
  if (row.state !== 'leftovers') return;
  report({
    type: 'note',
    level: 'warning',
    code: 'leftovers-found',
    message: `bastion ${row.name} has no instance, but resources`,
    details: { name: row.name, region },
  });
}
