/** The state of a list on a terminal: filter, cursor and scroll position. Pure: rows are given to each function. */

export interface ListState {
  readonly filter: string;
  /** Id of the row under the cursor; undefined = the first row that can be chosen, whichever that is. */
  readonly cursor: string | undefined;
  /** Index of the first row on the screen. */
  readonly top: number;
}

export const startState = (filter = '', cursor?: string): ListState => ({ filter, cursor, top: 0 });

interface Row {
  readonly id: string;
  readonly disabled?: string;
}

/** Index of the row under the cursor; -1 if there are no rows. */
export function cursorIndex({ cursor }: ListState, rows: readonly Row[]): number {
  const at = cursor === undefined ? -1 : rows.findIndex(({ id }) => id === cursor);
  if (at >= 0) return at;
  const first = rows.findIndex(({ disabled }) => disabled === undefined);
  return first >= 0 ? first : rows.length - 1;
}

export type Move = 'up' | 'down' | 'page-up' | 'page-down' | 'home' | 'end';

/** Moves the cursor among `rows`, of which `height` are on the screen. */
export function moved(state: ListState, move: Move, rows: readonly Row[], height: number): ListState {
  if (rows.length === 0) return state;
  const last = rows.length - 1;
  const at = cursorIndex(state, rows);
  const page = Math.max(1, height - 1);
  const target = {
    up: at === 0 ? last : at - 1,
    down: at === last ? 0 : at + 1,
    'page-up': Math.max(0, at - page),
    'page-down': Math.min(last, at + page),
    home: 0,
    end: last,
  }[move];
  return scrolled({ ...state, cursor: rows[target]?.id }, rows, height);
}

/** The state whose screen of `height` rows contains the cursor. */
export function scrolled(state: ListState, rows: readonly Row[], height: number): ListState {
  const at = Math.max(0, cursorIndex(state, rows));
  const highest = Math.max(0, rows.length - height);
  const top = Math.min(highest, Math.max(at - height + 1, Math.min(state.top, at)));
  return top === state.top ? state : { ...state, top };
}

/** A new filter puts the cursor on the best match. */
export const filteredBy = (state: ListState, filter: string): ListState =>
  filter === state.filter ? state : { filter, cursor: undefined, top: 0 };

/** The filter after a key that edits it; undefined for other keys. Graphemes are deleted as a whole. */
export function edited(
  filter: string,
  key: { name?: string; ctrl?: boolean; meta?: boolean; sequence?: string },
): string | undefined {
  if (key.ctrl === true && key.name === 'u') return '';
  if (key.ctrl === true && key.name === 'w') return filter.replace(/\S+\s*$/, '');
  if (key.name === 'backspace') return withoutLastGrapheme(filter);
  const text = key.sequence ?? '';
  if (key.ctrl === true || key.meta === true || text === '' || /\p{Cc}/u.test(text)) return undefined;
  return filter + text;
}

function withoutLastGrapheme(text: string): string {
  const last = [...new Intl.Segmenter().segment(text)].at(-1);
  return last === undefined ? '' : text.slice(0, last.index);
}
