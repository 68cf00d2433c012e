import { createInterface, type Interface } from 'node:readline/promises';
import { interrupted } from '../core/errors.ts';
import type { BrowseAnswer, Browser, BrowseQuestion, BrowseRow } from './browse.ts';
import { grouped } from './list-drawing.ts';
import { printable } from './printable.ts';
import { textOf } from './row-text.ts';
import { RowSearch } from './search.ts';
import type { Terminal } from './terminal.ts';

/**
 * The picker for screen readers and for terminals that cannot move the cursor: a numbered list, line by line, and a
 * line to type.
 */

export interface PlainListOptions {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly suspend: () => () => void;
}

const ROWS_AT_A_TIME = 20;

export function createPlainList({ terminal, signal, suspend }: PlainListOptions): Browser {
  let notice = '';
  let resume: (() => void) | undefined;
  let reader: Interface | undefined;
  /** Lines that were typed before they were asked for. */
  const lines: string[] = [];
  let isOver = false;
  let wake: () => void = () => undefined;
  const { stderr } = terminal;

  function takeTerminal(): void {
    if (reader !== undefined) return;
    resume = suspend();
    reader = createInterface({ input: terminal.stdin, output: stderr, terminal: false });
    reader.on('line', (line) => {
      lines.push(line.trim());
      wake();
    });
    const end = (): void => {
      isOver = true;
      wake();
    };
    reader.once('close', end);
    signal.addEventListener('abort', end, { once: true });
  }

  /** A line that the person typed; throws `interrupted` at the end of stdin and on Ctrl-C. */
  async function readLine(prompt: string): Promise<string> {
    stderr.write(prompt);
    while (lines.length === 0) {
      if (isOver || signal.aborted) throw interrupted();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return lines.shift() ?? '';
  }

  return {
    open: takeTerminal,
    async ask<T>({ message, list, back, choosesOnly, typed = '', keys = [] }: BrowseQuestion<T>) {
      takeTerminal();
      await list.loadAll();
      const rows = list.rows();
      const error = list.error();
      if (rows.length === 0 && error !== undefined) throw error;
      if (rows.length === 0) return { type: 'empty' };
      const [only] = rows;
      if (choosesOnly === true && rows.length === 1 && only !== undefined && only.disabled === undefined)
        return { type: 'chose', row: only, filter: '', only: true };
      const search = new RowSearch<BrowseRow<T>>((row) => ({
        name: textOf(row.cells[0]),
        search: row.search,
        ...(row.rank === undefined ? {} : { rank: row.rank }),
      }));
      let filter = typed;
      let from = 0;
      if (notice !== '') stderr.write(`${notice}\n`);
      notice = '';
      for (;;) {
        const matches = search.search(filter, rows);
        stderr.write(
          `${message}${filter === '' ? '' : `, search "${printable(filter)}"`}: ${grouped(matches.length)}\n`,
        );
        const shown = matches.slice(from, from + ROWS_AT_A_TIME);
        for (const [index, row] of shown.entries()) stderr.write(`${from + index + 1}. ${rowText(row)}\n`);
        const hasMore = from + shown.length < matches.length;
        const help = [
          'number',
          'text to search',
          ...(hasMore ? ['Enter for more'] : []),
          ...(back ? ['b to go back'] : []),
          ...keys.map(({ letter, label }) => `^${letter} for ${label}`),
        ];
        const line = await readLine(`${help.join(', ')}: `);
        const answer = answerTo(line, matches, { back, filter, keys: keys.map(({ letter }) => letter) });
        if (answer === undefined) {
          from = line === '' && hasMore ? from + ROWS_AT_A_TIME : 0;
          if (line !== '') filter = line;
        } else if (typeof answer === 'string') stderr.write(`${answer}\n`);
        else return answer;
      }
    },
    notice(text) {
      notice = text;
    },
    close() {
      reader?.close();
      reader = undefined;
      resume?.();
      resume = undefined;
    },
  };
}

/** Undefined = the line is a search; a text = why it chooses nothing. */
function answerTo<T>(
  line: string,
  matches: readonly BrowseRow<T>[],
  {
    back,
    filter,
    keys,
  }: { readonly back: boolean; readonly filter: string; readonly keys: readonly string[] },
): BrowseAnswer<T> | string | undefined {
  if (back && line === 'b') return { type: 'back' };
  const key = keys.find((letter) => line.toLowerCase() === `^${letter}`);
  if (key !== undefined) return { type: 'key', letter: key, filter };
  if (!/^\d{1,5}$/.test(line)) return undefined;
  const row = matches[Number(line) - 1];
  if (row === undefined) return undefined;
  if (row.disabled === undefined) return { type: 'chose', row, filter, only: false };
  return [`${textOf(row.cells[0])}: ${row.disabled}`, ...(row.remedy ?? [])].join('\n');
}

const rowText = (row: BrowseRow<unknown>): string =>
  [
    ...row.cells.map((cell) => printable(textOf(cell))).filter((text) => text !== ''),
    ...(row.disabled === undefined ? [] : [row.disabled]),
  ].join(', ');
