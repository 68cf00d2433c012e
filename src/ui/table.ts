import { createColors, paint, type Tone } from './colors.ts';
import { printable, shortened } from './printable.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /**
   * True = it may be shortened when the table is wider than the terminal; if no column may, the widest ones are
   * shortened.
   */
  readonly shrink?: boolean;
  /**
   * The column is left out if the table does not fit otherwise; the highest number is left out first. Absent = always
   * shown.
   */
  readonly dropOrder?: number;
}

export type Cell = string | number | undefined | { readonly text: string; readonly tone: Tone };

export interface TableOptions {
  readonly color: boolean;
  /** Columns of the terminal; absent = no text is shortened (stdout is not a terminal). */
  readonly width?: number | undefined;
}

const GAP = '  ';
const MIN_WIDTH = 6;

/**
 * A table with upper-case titles, two spaces between columns, `-` for absent values, one line per row, and a newline at
 * the end.
 */
export function renderTable(
  columns: readonly (Column | string)[],
  rows: readonly (readonly Cell[])[],
  options: TableOptions,
): string {
  const colors = createColors(options.color);
  const all: readonly Column[] = columns.map((column) =>
    typeof column === 'string' ? { title: column } : column,
  );
  const visible = columnsThatFit(all, rows, options.width);
  const heads = visible.map(({ head }) => head);
  const cells = rows.map((row) => visible.map(({ index }) => row[index]));
  const texts = cells.map((row) => row.map(textOf));
  const widths = fit(
    heads,
    visible.map(({ natural }) => natural),
    options.width,
  );
  const line = (cells: readonly string[], tones: readonly (Tone | undefined)[], title: boolean): string =>
    cells
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        const short = shortened(cell, width);
        const space = ' '.repeat(Math.max(0, width - Array.from(short).length));
        const tone = tones[index];
        const shown = title ? colors.bold(short) : tone === undefined ? short : paint(colors, tone, short);
        if (heads[index]?.align === 'right') return space + shown;
        return index === cells.length - 1 ? shown : shown + space;
      })
      .join(GAP)
      .trimEnd();
  const titles = heads.map((head) => head.title.toUpperCase());
  const lines = [
    line(titles, [], true),
    ...texts.map((row, at) =>
      line(
        row,
        heads.map((_, index) => toneOf(cells[at]?.[index])),
        false,
      ),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function textOf(cell: Cell): string {
  if (cell === undefined || cell === '') return '-';
  if (typeof cell === 'number') return String(cell);
  return printable(typeof cell === 'string' ? cell : cell.text);
}

const toneOf = (cell: Cell): Tone | undefined => (typeof cell === 'object' ? cell.tone : undefined);

interface ShownColumn {
  readonly head: Column;
  /** Index of the cell in the row. */
  readonly index: number;
  readonly natural: number;
}

/** Removes columns until the others fit, when all that may be shortened are as short as possible. */
function columnsThatFit(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width = Number.POSITIVE_INFINITY,
): readonly ShownColumn[] {
  let visible: readonly ShownColumn[] = columns.map((head, index) => ({
    head,
    index,
    natural: Math.max(head.title.length, ...rows.map((row) => Array.from(textOf(row[index])).length)),
  }));
  const least = ({ head, natural }: ShownColumn): number =>
    head.shrink === true ? Math.min(natural, MIN_WIDTH) : natural;
  while (visible.reduce((sum, each) => sum + least(each) + GAP.length, -GAP.length) > width) {
    const [dropped] = visible
      .filter(({ head }) => head.dropOrder !== undefined)
      .sort((a, b) => (b.head.dropOrder ?? 0) - (a.head.dropOrder ?? 0));
    if (dropped === undefined) break;
    visible = visible.filter((each) => each !== dropped);
  }
  return visible;
}

/**
 * Shortens the widest column that may be shortened by one character at a time, until the table fits or no column can be
 * shortened further.
 */
function fit(
  heads: readonly Column[],
  natural: readonly number[],
  width: number | undefined,
): readonly number[] {
  const widths = [...natural];
  if (width === undefined) return widths;
  const some = heads.some((head) => head.shrink === true);
  const total = (): number => widths.reduce((sum, one) => sum + one, 0) + GAP.length * (widths.length - 1);
  while (total() > width) {
    let widest = -1;
    for (const [index, one] of widths.entries()) {
      if (some && heads[index]?.shrink !== true) continue;
      if (one > MIN_WIDTH && (widest === -1 || one > (widths[widest] ?? 0))) widest = index;
    }
    if (widest === -1) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}
