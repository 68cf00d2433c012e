import { emitKeypressEvents, type Interface } from 'node:readline';
import type { Clock } from '../core/clock.ts';
import { interrupted } from '../core/errors.ts';
import type { BrowseAnswer, Browser, BrowseQuestion, BrowseRow } from './browse.ts';
import { drawList } from './list-drawing.ts';
import {
  cursorIndex,
  edited,
  filteredBy,
  type ListState,
  type Move,
  moved,
  startState,
} from './list-state.ts';
import type { Colors } from './colors.ts';
import { textOf } from './row-text.ts';
import { RowSearch } from './search.ts';
import type { Cell } from './table.ts';
import type { Terminal } from './terminal.ts';

/**
 * A list on the whole screen. It is written on node:readline's key events and not on inquirer, because one screen serves
 * several questions: between two prompts of inquirer the terminal would echo the keys, and Escape would take effect
 * after half a second. The alternate screen leaves nothing behind, also after the window has changed its size.
 */

export interface ListScreenOptions {
  readonly terminal: Terminal;
  readonly colors: Colors;
  readonly clock: Clock;
  /** The window has another size (SIGWINCH); the process runs again after Ctrl-Z and `fg` (SIGCONT). */
  readonly signals: { on(name: 'SIGWINCH' | 'SIGCONT', listener: () => void): () => void };
  readonly signal: AbortSignal;
  /** Removes live output from the screen; the returned function shows it again. */
  readonly suspend: () => () => void;
}

/** The end of an escape sequence arrives within this time, also over a slow connection; else Escape was pressed. */
const ESCAPE_MS = 50;
/** Rows that become known are drawn at most this often; keys are answered at once. */
const REDRAW_MS = 40;
/** And so rarely that drawing them takes at most a fourth of the time, on whatever machine and however many they are. */
const REDRAW_SHARE = 4;

const MOVES: Readonly<Record<string, Move>> = {
  up: 'up',
  down: 'down',
  pageup: 'page-up',
  pagedown: 'page-down',
  home: 'home',
  end: 'end',
};

/** Letters that lead to another list from some lists; in the others the person is told that they do not. */
const PLACE_KEYS: ReadonlySet<string> = new Set(['f', 'p', 'r']);

interface Key {
  readonly name?: string;
  readonly ctrl?: boolean;
  readonly meta?: boolean;
  readonly sequence?: string;
}

/** A question that is on the screen. */
interface Asked {
  readonly question: BrowseQuestion<unknown>;
  state: ListState;
  /** The rows that were known at the last drawing: a key need not wait until newer ones are sorted. */
  rows: readonly BrowseRow<unknown>[];
  matches: readonly BrowseRow<unknown>[];
  /** The widest cells that were drawn so far, so that columns do not move while the person scrolls. */
  widest: readonly Cell[];
  /** Enter was pressed before the row that it means was known. */
  isEntered: boolean;
  /** Lines about the row that Enter could not choose. */
  notice: readonly string[];
  readonly search: RowSearch<BrowseRow<unknown>>;
  answer(answer: BrowseAnswer<unknown>): void;
  fail(error: unknown): void;
}

/** What is on the screen before the first question is known. */
const UNKNOWN_LIST: BrowseQuestion<unknown>['list'] = {
  columns: [],
  rows: () => [],
  progress: () => ({ known: 0, total: 0, isListed: false }),
  error: () => undefined,
  shown: () => undefined,
  subscribe: () => () => undefined,
  loadAll: () => Promise.resolve(),
  close: () => undefined,
};

/** `before`: the screen before the question was known; what was typed into it is the filter of the question. */
const askedOf = (question: BrowseQuestion<unknown>, before?: Asked): Asked => ({
  question,
  state: startState(
    before === undefined || before.state.filter === '' ? question.typed : before.state.filter,
    question.cursor,
  ),
  rows: [],
  matches: [],
  widest: [],
  isEntered: before?.isEntered ?? false,
  notice: [],
  search: new RowSearch((row) => ({
    name: textOf(row.cells[0]),
    search: row.search,
    ...(row.rank === undefined ? {} : { rank: row.rank }),
  })),
  answer: () => undefined,
  fail: () => undefined,
});

export function createListScreen(options: ListScreenOptions): Browser {
  return new ListScreen(options);
}

class ListScreen implements Browser {
  readonly #options: ListScreenOptions;
  #undo: (() => void) | undefined;
  #asked: Asked | undefined;
  /** Keys that were pressed between two questions. */
  readonly #early: { text: string | undefined; key: Key }[] = [];
  #notice: string | undefined;
  #cancelRedraw: (() => void) | undefined;
  /** How long the last rows that became known took to draw. */
  #drawingMs = 0;
  #isEnded = false;

  constructor(options: ListScreenOptions) {
    this.#options = options;
  }

  open(): void {
    this.#takeTerminal();
    this.#asked = askedOf({ message: '', flag: undefined, list: UNKNOWN_LIST, back: false });
    this.#draw();
  }

  async ask<T>(question: BrowseQuestion<T>): Promise<BrowseAnswer<T>> {
    const { signal } = this.#options;
    if (signal.aborted || this.#isEnded) throw interrupted();
    this.#takeTerminal();
    const { list } = question;
    const before = this.#asked;
    const answer = await new Promise<BrowseAnswer<unknown>>((resolve, reject) => {
      this.#asked = askedOf(question, before);
      if (this.#notice !== undefined) this.#asked.notice = [this.#notice];
      this.#notice = undefined;
      if (this.#asked.state.filter !== '') list.shown([], true);
      const unsubscribe = list.subscribe(() => this.#changed());
      const forget = (): void => {
        unsubscribe();
        this.#asked = undefined;
      };
      const asked = this.#asked;
      asked.answer = (given) => {
        forget();
        resolve(given);
      };
      asked.fail = (error) => {
        forget();
        reject(error);
      };
      this.#update();
      for (const { text, key } of this.#early.splice(0)) this.#onKey(text, key);
    });
    return answer as BrowseAnswer<T>;
  }

  notice(text: string): void {
    this.#notice = text;
  }

  close(): void {
    this.#undo?.();
    this.#undo = undefined;
  }

  /** Takes the terminal until `close`. */
  #takeTerminal(): void {
    if (this.#undo !== undefined) return;
    const { terminal, signals, signal, suspend } = this.#options;
    const { stdin } = terminal;
    const resume = suspend();
    let leave = takeTerminal(terminal);
    const onKey = (text: string | undefined, key: Key = {}): void => this.#onKey(text, key);
    const onEnd = (): void => this.#end();
    emitKeypressEvents(stdin, { escapeCodeTimeout: ESCAPE_MS } as unknown as Interface);
    stdin.on('keypress', onKey);
    stdin.once('end', onEnd);
    stdin.resume();
    signal.addEventListener('abort', onEnd, { once: true });
    const offs = [
      signals.on('SIGWINCH', () => this.#draw()),
      // After `fg` the shell has set the terminal to its own mode and has written on the screen.
      signals.on('SIGCONT', () => {
        leave();
        leave = takeTerminal(terminal);
        this.#draw();
      }),
    ];
    this.#undo = () => {
      this.#cancelRedraw?.();
      this.#cancelRedraw = undefined;
      for (const off of offs) off();
      stdin.removeListener('keypress', onKey);
      stdin.removeListener('end', onEnd);
      signal.removeEventListener('abort', onEnd);
      stdin.pause();
      leave();
      resume();
    };
    this.#stop = () => {
      leave();
      terminal.stop();
    };
  }

  /** Stops the process as Ctrl-Z does in a shell. */
  #stop: () => void = () => undefined;

  #end(): void {
    this.#isEnded = true;
    this.#asked?.fail(interrupted());
  }

  /** Rows have changed: draws soon, so that many small changes cause few drawings. */
  #changed(): void {
    if (this.#cancelRedraw !== undefined) return;
    const { clock } = this.#options;
    this.#cancelRedraw = clock.timer(Math.max(REDRAW_MS, this.#drawingMs * REDRAW_SHARE), () => {
      this.#cancelRedraw = undefined;
      const start = clock.now();
      this.#update();
      this.#drawingMs = clock.now() - start;
    });
  }

  /** Applies the filter to the rows known by now, answers what needs no key, and draws. */
  #update(): void {
    const asked = this.#asked;
    if (asked === undefined) return;
    const { list, choosesOnly } = asked.question;
    const rows = list.rows();
    this.#search(asked, rows);
    const progress = list.progress();
    const error = list.error();
    if (rows.length === 0 && error !== undefined) {
      asked.fail(error);
      return;
    }
    if (rows.length === 0 && progress === undefined) {
      asked.answer({ type: 'empty' });
      return;
    }
    const [only] = rows;
    const isOnly = progress === undefined && error === undefined && rows.length === 1;
    if (isOnly && choosesOnly === true && only?.disabled === undefined && only !== undefined) {
      asked.answer({ type: 'chose', row: only, filter: asked.state.filter, only: true });
      return;
    }
    // The filter of the question is a guess: a list in which nothing matches it is shown as a whole.
    if (asked.matches.length === 0 && asked.state.filter === asked.question.typed && progress === undefined)
      this.#filter(asked, '');
    if (asked.isEntered) this.#choose(asked);
    this.#draw();
  }

  #draw(): void {
    const asked = this.#asked;
    if (asked === undefined || this.#undo === undefined) return;
    const { terminal, colors } = this.#options;
    const size = terminal.size();
    const drawing = drawList(
      {
        message: asked.question.message,
        state: asked.state,
        columns: asked.question.list.columns,
        rows: asked.matches,
        total: asked.rows.length,
        progress: asked.question.list.progress(),
        error: asked.question.list.error(),
        notice: asked.notice,
        back: asked.question.back,
        keys: asked.question.keys ?? [],
        widest: asked.widest,
      },
      size,
      colors,
    );
    asked.state = drawing.state;
    asked.widest = drawing.widest;
    terminal.stderr.write(drawing.text);
    const { top } = asked.state;
    const ids = asked.matches.slice(top, top + drawing.height).map(({ id }) => id);
    asked.question.list.shown(ids, asked.state.filter.trim() !== '');
    this.#height = drawing.height;
  }

  #height = 10;

  #onKey(text: string | undefined, key: Key): void {
    if (key.ctrl === true && (key.name === 'c' || key.name === 'd')) {
      this.#end();
      return;
    }
    if (key.ctrl === true && key.name === 'z') {
      this.#stop();
      return;
    }
    const asked = this.#asked;
    if (asked === undefined) {
      this.#early.push({ text, key });
      return;
    }
    asked.notice = [];
    const { filter } = asked.state;
    const name = key.name ?? '';
    const move = key.ctrl === true ? undefined : MOVES[name];
    if (name === 'return' || name === 'enter') {
      // Rows may have become known since the last drawing; where it shows some, the one that the person sees is meant.
      if (asked.matches.length === 0) this.#search(asked, asked.question.list.rows());
      this.#choose(asked);
    } else if (name === 'escape') {
      if (filter !== '') this.#filter(asked, '');
      else if (asked.question.back) asked.answer({ type: 'back' });
      else asked.fail(interrupted());
    } else if (move !== undefined) asked.state = moved(asked.state, move, asked.matches, this.#height);
    else {
      const special = asked.question.keys?.find(({ letter }) => key.ctrl === true && letter === name);
      if (special !== undefined) {
        asked.answer({ type: 'key', letter: special.letter, filter });
        return;
      }
      const next = edited(filter, { ...key, ...(text === undefined ? {} : { sequence: text }) });
      if (next !== undefined) this.#filter(asked, next);
      else if (key.ctrl === true && PLACE_KEYS.has(name))
        asked.notice = [`Ctrl-${name.toUpperCase()} does nothing in this list`];
    }
    this.#draw();
  }

  #filter(asked: Asked, filter: string): void {
    asked.isEntered = false;
    asked.state = filteredBy(asked.state, filter);
    this.#search(asked, asked.rows);
  }

  #search(asked: Asked, rows: Asked['rows']): void {
    asked.rows = rows;
    asked.matches = asked.search.search(asked.state.filter, rows);
  }

  /** Chooses the row under the cursor; while names are still being listed, only a row that surely is the best match. */
  #choose(asked: Asked): void {
    const row = asked.matches[cursorIndex(asked.state, asked.matches)];
    const { filter, cursor } = asked.state;
    const isListed = asked.question.list.progress()?.isListed !== false;
    if (row === undefined) {
      asked.isEntered = !isListed;
      if (isListed) asked.notice = ['no row matches'];
      return;
    }
    const isSure =
      isListed || cursor !== undefined || filter === '' || textOf(row.cells[0]).startsWith(filter);
    if (!isSure) {
      asked.isEntered = true;
      return;
    }
    asked.isEntered = false;
    if (row.disabled === undefined) asked.answer({ type: 'chose', row, filter, only: false });
    else asked.notice = [`${textOf(row.cells[0])}: ${row.disabled}`, ...(row.remedy ?? [])];
  }
}

/** Raw mode and the alternate screen; the returned function gives both back. */
function takeTerminal(terminal: Terminal): () => void {
  const cooked = terminal.raw();
  const back = terminal.screen();
  return () => {
    back();
    cooked();
  };
}
