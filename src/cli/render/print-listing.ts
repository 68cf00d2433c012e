import { type ListView, filtered, inOrder, withFields } from '../../app/listing/list-view.ts';
import type { ListRecord } from '../../app/listing/list-record.ts';
import { type Listing, type ListingOptions, type ListKind, listing } from '../../app/listing/listing.ts';
import { listingOfPlaces } from '../../app/listing/listing-of-places.ts';
import type { SignIns } from '../../app/account-places.ts';
import type { Needs } from '../../app/collaborators.ts';
import type { Writable } from 'node:stream';
import { type ProgressLine, progressLine } from '../../ui/progress-line.ts';
import { grouped } from '../../ui/list-drawing.ts';
import { layoutTable, renderTable, type TableLayout } from '../../ui/table.ts';
import type { CommandContext } from '../context.ts';
import { tableColumns, type ListColumn, type ListTable } from './listing-table.ts';

/** What `ls` needs to print one list. */
export type ListingContext = Pick<
  CommandContext,
  'account' | 'clock' | 'report' | 'settings' | 'signal' | 'terminal'
>;

/** A list that is complete this early is printed in its order; a longer one row by row as its items become known. */
const GRACE_MS = 400;

interface PrintOptions {
  /** Undefined = the account of the settings. */
  readonly accounts?: SignIns | undefined;
  /** True = no row is printed before the last one is known. */
  readonly isAtOnce?: boolean;
}

/**
 * Lists and prints. Items that AWS refused to list are named in a note, and the error is thrown after the others were
 * printed.
 */
export async function printListing(
  kind: ListKind,
  view: ListView,
  context: ListingContext,
  { accounts, isAtOnce = false }: PrintOptions = {},
): Promise<void> {
  const { settings, terminal, clock, report } = context;
  const isJson = settings.output === 'json';
  const progress = progressLine(terminal, clock, !isJson && !settings.quiet);
  const table: ListTable = { kind, view, isOfPlaces: accounts !== undefined };
  const stream =
    !isJson && !isAtOnce && terminal.stdoutIsTty && view.sort === undefined
      ? new RowStream(table, context, progress)
      : undefined;
  const list = (options: ListingOptions): Promise<Listing> =>
    accounts === undefined
      ? listing(kind, context, options)
      : listingOfPlaces(kind, accounts, context, options);
  const { records, incomplete, now } = await list({
    onProgress: ({ known, total, isListed }) =>
      progress.show(`${grouped(known)} of ${grouped(total)}${isListed ? '' : ' or more'} ${kind}`),
    ...(stream === undefined
      ? {}
      : { onRecords: (found, at) => stream.add(filtered(found, view.filters), at) }),
  }).finally(() => {
    progress.remove();
    stream?.close();
  });
  if (stream?.hasBegun !== true) {
    const shown = inOrder(filtered(records, view.filters), view.sort);
    if (isJson) await writeJson(shown, view, terminal.stdout);
    else writeTable(tableColumns(table, now), shown, context);
  }
  const [first, ...others] = incomplete;
  for (const { missing, error } of accounts === undefined ? incomplete : others)
    report({
      type: 'note',
      level: 'warning',
      ...(accounts === undefined
        ? { code: 'list-incomplete' }
        : { code: error.code, details: error.details }),
      message: `not listed: ${missing} (${error.message})`,
    });
  if (first === undefined) return;
  throw accounts === undefined
    ? first.error
    : first.error.with({ message: `not listed: ${first.missing} (${first.error.message})` });
}

const RECORDS_PER_WRITE = 100;

/** The same text as that of JSON.stringify, but never as a whole in memory: a slow reader is waited for. */
async function writeJson(
  records: readonly ListRecord[],
  { columns }: ListView,
  stdout: Writable,
): Promise<void> {
  if (records.length === 0) stdout.write('[]\n');
  for (let from = 0; from < records.length; from += RECORDS_PER_WRITE) {
    const to = Math.min(records.length, from + RECORDS_PER_WRITE);
    const texts = records
      .slice(from, to)
      .map((record) => `  ${JSON.stringify(withFields(record, columns), null, 2).replaceAll('\n', '\n  ')}`);
    const text = `${from === 0 ? '[\n' : ',\n'}${texts.join(',\n')}${to === records.length ? '\n]\n' : ''}`;
    await new Promise<void>((resolve) => {
      // Called with an error where the reader has gone, which the edge of the process reports.
      stdout.write(text, () => resolve());
    });
  }
}

function writeTable(
  columns: readonly ListColumn[],
  records: readonly ListRecord[],
  { settings, terminal }: ListingContext,
): void {
  const width = terminal.stdoutIsTty ? terminal.size().columns : undefined;
  const rows = records.map((record) => cellsOf(record, columns));
  terminal.stdout.write(renderTable(columns, rows, { color: settings.color, width }));
}

const cellsOf = (record: ListRecord, columns: readonly ListColumn[]) =>
  columns.map((column) => column.cell(record));

/** Prints rows as they come, with the column widths of the first ones. */
class RowStream {
  readonly #table: ListTable;
  /** Those of the first records, whose answer told AWS's time. */
  #columns: readonly ListColumn[] = [];
  readonly #context: Needs<'terminal', 'color'>;
  readonly #progress: ProgressLine;
  readonly #cancel: () => void;
  #waiting: ListRecord[] = [];
  #isDue = false;
  #layout: TableLayout | undefined;

  constructor(table: ListTable, context: ListingContext, progress: ProgressLine) {
    this.#table = table;
    this.#context = context;
    this.#progress = progress;
    this.#cancel = context.clock.timer(GRACE_MS, () => {
      this.#isDue = true;
      this.#print();
    });
  }

  get hasBegun(): boolean {
    return this.#layout !== undefined;
  }

  add(records: readonly ListRecord[], now: number): void {
    if (this.#columns.length === 0) this.#columns = tableColumns(this.#table, now);
    this.#waiting.push(...records);
    if (this.#isDue) this.#print();
  }

  close(): void {
    this.#cancel();
    if (this.hasBegun) this.#print();
  }

  #print(): void {
    if (this.#waiting.length === 0) return;
    const { terminal, settings } = this.#context;
    const rows = this.#waiting.map((record) => cellsOf(record, this.#columns));
    this.#waiting = [];
    const lines: string[] = [];
    if (this.#layout === undefined) {
      this.#progress.remove();
      const width = terminal.size().columns;
      this.#layout = layoutTable(this.#columns, rows, { color: settings.color, width, rowsFollow: true });
      lines.push(this.#layout.titles);
    }
    const layout = this.#layout;
    terminal.stdout.write(`${[...lines, ...rows.map((row) => layout.line(row))].join('\n')}\n`);
  }
}
