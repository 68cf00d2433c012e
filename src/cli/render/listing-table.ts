import type { ListRecord } from '../../app/listing/list-record.ts';
import type { ListKind } from '../../app/listing/listing.ts';
import type { ListView } from '../../app/listing/list-view.ts';
import { describeDuration } from '../../core/duration.ts';
import type { Cell, Column } from '../../ui/table.ts';

/** The columns of `ls` on a terminal. */

export interface ListColumn extends Column {
  /** The field that the cell shows. */
  readonly field: string;
  cell(record: ListRecord): Cell;
}

/** What one table shows. */
export interface ListTable {
  readonly kind: ListKind;
  readonly view: Pick<ListView, 'columns'>;
  /** True = the items are of several accounts or regions. */
  readonly isOfPlaces: boolean;
}

/** The columns that the person has chosen, in that order; otherwise those of the kind. */
export function tableColumns(
  { kind, view: { columns: fields }, isOfPlaces }: ListTable,
  now: number,
): readonly ListColumn[] {
  const usual = [...(isOfPlaces ? PLACE_COLUMNS : []), ...columnsOf(kind, now)];
  if (fields === undefined) return usual;
  return fields.map((field) => {
    const column = usual.find((each) => each.field === field) ?? text(field);
    // The person asked for it, so that it gives way to no other column.
    return {
      field,
      title: column.title,
      cell: (record) => column.cell(record),
      ...(column.align === undefined ? {} : { align: column.align }),
    };
  });
}

function columnsOf(kind: ListKind, now: number): readonly ListColumn[] {
  switch (kind) {
    case 'clusters':
      return [
        text('name'),
        text('status'),
        number('activeServices', 'services'),
        number('runningTasks', 'tasks'),
      ];
    case 'services':
      return [
        text('name'),
        text('cluster'),
        text('status'),
        number('running'),
        number('desired'),
        { ...number('pending'), dropOrder: 1 },
        yesNo('execEnabled', 'exec'),
        { ...text('launchType', 'launch type'), dropOrder: 2 },
      ];
    case 'tasks':
      return [
        text('id'),
        text('service'),
        text('status'),
        { ...text('health'), dropOrder: 1 },
        yesNo('execReady', 'exec ready'),
        { ...age('startedAt', 'age', now), dropOrder: 2 },
        { ...text('privateIp', 'address'), dropOrder: 3 },
        { ...text('taskDefinition', 'task definition'), dropOrder: 4 },
        { ...text('waitsFor', 'waits for'), dropOrder: 5 },
      ];
    case 'containers':
      return [
        text('name'),
        { field: 'task', title: 'task', cell: (record) => String(record['task']).slice(0, 8) },
        text('service'),
        text('status'),
        text('health'),
        text('execAgent', 'exec agent'),
        { ...text('image'), shrink: true },
      ];
    case 'databases':
      return [
        { ...text('id'), cell: (record) => dimmedUnlessReached(record, record['id']) },
        { ...text('role'), dropOrder: 2 },
        { ...text('engine'), dropOrder: 4 },
        { ...text('status'), dropOrder: 5 },
        { field: 'reach', title: 'reach', dropOrder: 3, cell: reachCell },
        // Host names have up to a hundred characters, and `db` and `-L` take the id instead.
        { ...text('host'), dropOrder: 9 },
        { ...number('port'), dropOrder: 1 },
        { ...text('databaseName', 'database'), dropOrder: 8 },
        { ...yesNo('iamAuthentication', 'iam'), dropOrder: 6 },
        { ...text('tls'), dropOrder: 7 },
      ];
  }
}

const plain = (value: ListRecord[string] | undefined): Cell =>
  value === null || value === undefined ? undefined : typeof value === 'number' ? value : String(value);

const text = (field: string, title = field): ListColumn => ({
  field,
  title,
  cell: (record) => plain(record[field]),
});

const number = (field: string, title = field): ListColumn => ({ ...text(field, title), align: 'right' });

const yesNo = (field: string, title: string): ListColumn => ({
  field,
  title,
  cell: (record) => (record[field] === true ? { text: 'yes', tone: 'good' } : { text: 'no', tone: 'dim' }),
});

/** `-` where no service is named and no bastion runs. */
const REACH: Readonly<Record<string, Cell>> = {
  admitted: { text: 'yes', tone: 'good' },
  refused: { text: 'no', tone: 'dim' },
  unknown: { text: 'unknown', tone: 'dim' },
};
const reachCell = ({ reach }: ListRecord): Cell => REACH[String(reach)];

const dimmedUnlessReached = ({ reach }: ListRecord, value: ListRecord[string] | undefined): Cell =>
  reach === 'refused' ? { text: String(value), tone: 'dim' } : plain(value);

const age = (field: string, title: string, now: number): ListColumn => ({
  field,
  title,
  align: 'right',
  cell: (record) => {
    const value = record[field];
    return typeof value === 'string' ? describeDuration(now - Date.parse(value)) : undefined;
  },
});

/** The profile is what people type; the account is shown by its alias, where there is one. */
const PLACE_COLUMNS: readonly ListColumn[] = [
  text('profile'),
  {
    field: 'account',
    title: 'account',
    dropOrder: 9,
    cell: ({ account, accountAlias }) => plain(accountAlias ?? account),
  },
  text('region'),
];
