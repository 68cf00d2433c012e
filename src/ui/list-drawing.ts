import { ToolError } from '../core/errors.ts';
import type { BrowseKey, BrowseRow } from './browse.ts';
import { cellWidth, shortened } from './cells.ts';
import type { Colors } from './colors.ts';
import { folded } from './fold.ts';
import { cursorIndex, type ListState, scrolled } from './list-state.ts';
import { printable } from './printable.ts';
import { type Cell, type Column, layoutTable } from './table.ts';

/** What a list looks like on a screen of a given size. Pure. */

export interface ListPicture {
  readonly message: string;
  readonly state: ListState;
  readonly columns: readonly Column[];
  /** The rows that match the filter. */
  readonly rows: readonly BrowseRow<unknown>[];
  /** How many rows there are without the filter. */
  readonly total: number;
  readonly progress:
    | { readonly known: number; readonly total: number; readonly isListed: boolean }
    | undefined;
  readonly error: unknown;
  /** Lines about the last key. */
  readonly notice: readonly string[];
  readonly back: boolean;
  readonly keys: readonly BrowseKey[];
  /** The widest cells of earlier drawings. */
  readonly widest: readonly Cell[];
}

export interface ListDrawing {
  /** Everything to write to the terminal. */
  readonly text: string;
  /** Scrolled so that the cursor is on the screen. */
  readonly state: ListState;
  /** How many rows fit. */
  readonly height: number;
  readonly widest: readonly Cell[];
}

const MOST_NOTICE_LINES = 5;

export function drawList(
  picture: ListPicture,
  { columns: width, rows: screenRows }: { readonly columns: number; readonly rows: number },
  colors: Colors,
): ListDrawing {
  const { rows, message } = picture;
  const notice = picture.notice
    .flatMap((line) => folded(printable(line), width).split('\n'))
    .slice(0, MOST_NOTICE_LINES)
    .map((line) => shortened(line, width));
  // The question, the titles of the columns and the last line; the last line may have the notice above it.
  const height = Math.max(1, screenRows - 3 - notice.length);
  const state = scrolled(picture.state, rows, height);
  const at = cursorIndex(state, rows);
  const shown = rows.slice(state.top, state.top + height);
  const widest = widestOf(picture, shown);
  // While rows are being loaded every column has its place; afterwards those without any text are left out.
  const used = picture.columns.flatMap((_, index) =>
    picture.progress === undefined && widthOf(widest[index]) === 0 ? [] : [index],
  );
  const columns = used.flatMap((index) => picture.columns[index] ?? []);
  const cells = shown.map((row) => used.map((index) => row.cells[index] ?? NOTHING));
  const sample = [...cells, used.map((index) => widest[index] ?? NOTHING)];
  const room = { width: width - 2, color: false };
  const plain = layoutTable(columns, sample, room);
  const colored = layoutTable(columns, sample, { ...room, color: colors.isColorSupported });
  const filter = printable(state.filter);
  const question = shortened(
    message === '' ? '? ' : `? ${printable(message)}: `,
    Math.max(8, width - cellWidth(filter) - 1),
  );
  const lines = [
    `${colors.blue(question.slice(0, 1))}${colors.bold(question.slice(1))}${colors.cyan(filter)}`,
    colors.dim(`  ${plain.titles}`),
    ...cells.map((row, index) => {
      const { disabled } = shown[index] ?? {};
      if (state.top + index === at) return colors.cyan(`❯ ${plain.line(row)}`);
      return disabled === undefined ? `  ${colored.line(row)}` : colors.dim(`  ${plain.line(row)}`);
    }),
  ];
  while (lines.length < screenRows - 1 - notice.length) lines.push('');
  lines.push(
    ...notice.map((line) => colors.yellow(line)),
    colors.dim(shortened(footer(picture, width), width)),
  );
  const column = Math.min(width, cellWidth(question) + cellWidth(filter) + 1);
  const body = lines.slice(0, screenRows).join('\u001b[K\r\n');
  return {
    text: `\u001b[?25l\u001b[H${body}\u001b[K\u001b[J\u001b[1;${column}H\u001b[?25h`,
    state,
    height,
    widest,
  };
}

/** An absent value is a blank here; tables for reading have a dash. */
const NOTHING: Cell = ' ';

/** A row of the widest cells of each column, as seen so far. */
function widestOf({ columns, widest }: ListPicture, shown: readonly BrowseRow<unknown>[]): readonly Cell[] {
  return columns.map((_, index) =>
    shown.reduce<Cell>((most, row) => {
      const cell = row.cells[index];
      return widthOf(cell) > widthOf(most) ? cell : most;
    }, widest[index]),
  );
}

const widthOf = (cell: Cell): number =>
  cell === undefined ? 0 : cellWidth(printable(typeof cell === 'object' ? cell.text : String(cell)));

/** `412 of 1 667 · 3 match · enter choose · esc back · ^F everywhere` */
function footer({ rows, total, progress, error, state, back, keys }: ListPicture, width: number): string {
  const parts: string[] = [];
  if (progress?.total === 0) parts.push('loading…');
  else if (progress === undefined) parts.push(grouped(total));
  else
    parts.push(
      `${grouped(progress.known)} of ${grouped(progress.total)}${progress.isListed ? '' : '+'}${error === undefined ? '…' : ''}`,
    );
  if (state.filter.trim() !== '') parts.push(`${grouped(rows.length)} match`);
  if (error !== undefined)
    parts.push(error instanceof ToolError ? error.message : 'the rest cannot be loaded');
  parts.push('enter choose', `esc ${state.filter === '' ? (back ? 'back' : 'quit') : 'clear'}`);
  for (const { letter, label } of keys) parts.push(`^${letter.toUpperCase()} ${label}`);
  while (parts.length > 2 && cellWidth(parts.join(' · ')) > width) parts.pop();
  return parts.join(' · ');
}

/** `1 667` */
export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ' ');
