import { createColors, paint, type Tone } from './colors.ts';
import { cellWidth, shortened } from './cells.ts';
import { printable } from './printable.ts';

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
  /**
   * True = more rows follow, whose cells may be wider: such a row moves its last columns to the right as far as there is
   * room, and is shortened only beyond that.
   */
  readonly rowsFollow?: boolean;
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
  const layout = layoutTable(columns, rows, options);
  return `${[layout.titles, ...rows.map((row) => layout.line(row))].join('\n')}\n`;
}

/** The widths of a table, computed from some of its rows. */
export interface TableLayout {
  readonly titles: string;
  /** A row that is wider than those of the layout moves its last columns to the right. */
  line(row: readonly Cell[]): string;
}

/** For tables whose later rows are not known yet. */
export function layoutTable(
  columns: readonly (Column | string)[],
  rows: readonly (readonly Cell[])[],
  options: TableOptions,
): TableLayout {
  const colors = createColors(options.color);
  const all: readonly Column[] = columns.map((column) =>
    typeof column === 'string' ? { title: column } : column,
  );
  const visible = columnsThatFit(all, rows, options.width);
  const heads = visible.map(({ head }) => head);
  const widths = fit(
    heads,
    visible.map(({ natural }) => natural),
    options.width,
  );
  const widthsOf = (texts: readonly string[]): readonly number[] =>
    options.rowsFollow === true
      ? fit(
          heads,
          widths.map((width, index) => Math.max(width, cellWidth(texts[index] ?? ''))),
          options.width,
        )
      : widths;
  const line = (texts: readonly string[], paintCell: (text: string, index: number) => string): string => {
    const own = widthsOf(texts);
    return texts
      .map((text, index) => {
        const width = own[index] ?? 0;
        const short = options.width === undefined ? text : shortened(text, width);
        const space = ' '.repeat(Math.max(0, width - cellWidth(short)));
        const shown = paintCell(short, index);
        if (heads[index]?.align === 'right') return space + shown;
        return index === texts.length - 1 ? shown : shown + space;
      })
      .join(GAP)
      .trimEnd();
  };
  return {
    titles: line(
      heads.map((head) => head.title.toUpperCase()),
      (text) => colors.bold(text),
    ),
    line: (row) => {
      const cells = visible.map(({ index }) => row[index]);
      return line(cells.map(textOf), (text, index) => {
        const tone = toneOf(cells[index]);
        return tone === undefined ? text : paint(colors, tone, text);
      });
    },
  };
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
    natural: rows.reduce((most, row) => Math.max(most, cellWidth(textOf(row[index]))), head.title.length),
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
