import type { Cell } from './table.ts';

/** The text of a cell; empty for an absent value. */
export const textOf = (cell: Cell): string =>
  cell === undefined ? '' : typeof cell === 'object' ? cell.text : String(cell);
