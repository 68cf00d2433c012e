import { describe, expect, it } from 'vitest';
import type { BrowseList, BrowseQuestion, BrowseRow } from '../../src/ui/browse.ts';
import { createColors } from '../../src/ui/colors.ts';
import { createListScreen } from '../../src/ui/list-screen.ts';
import { createPlainList } from '../../src/ui/plain-list.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeSignals } from '../support/fake-deps.ts';
import { until } from '../support/eventually.ts';
import { ALL_TTY, fakeTerminal } from '../support/fake-terminal.ts';

const row = (name: string, over: Partial<BrowseRow<string>> = {}): BrowseRow<string> => ({
  id: name,
  value: name,
  cells: [name, 'about'],
  search: `${name} 10.0.0.1`,
  ...over,
});

/** A list whose rows the test adds. */
class Rows implements BrowseList<string> {
  readonly columns = [{ title: 'name' }, { title: 'state' }];
  found: readonly BrowseRow<string>[] = [];
  isListed = false;
  failure: unknown;
  seen: readonly string[] = [];
  isSearching = false;
  isClosed = false;
  #listener: () => void = () => undefined;

  rows() {
    return this.found;
  }
  progress() {
    return this.isListed ? undefined : { known: 0, total: this.found.length, isListed: false };
  }
  error() {
    return this.failure;
  }
  shown(ids: readonly string[], isSearching: boolean) {
    this.seen = ids;
    this.isSearching = isSearching;
  }
  subscribe(listener: () => void) {
    this.#listener = listener;
    return () => undefined;
  }
  loadAll() {
    return Promise.resolve();
  }
  close() {
    this.isClosed = true;
  }
  become(names: readonly (string | BrowseRow<string>)[], isListed = true): void {
    this.found = names.map((each) => (typeof each === 'string' ? row(each) : each));
    this.isListed = isListed;
    this.#listener();
  }
}

function screen(size: { columns?: number; rows?: number } = {}) {
  const terminal = fakeTerminal({ ...ALL_TTY, ...size });
  const clock = new FakeClock();
  const signals = new FakeSignals();
  const stop = new AbortController();
  const browser = createListScreen({
    terminal,
    clock,
    signals,
    colors: createColors(false),
    signal: stop.signal,
    suspend: () => () => undefined,
  });
  const list = new Rows();
  const ask = (over: Partial<BrowseQuestion<string>> = {}) =>
    browser.ask({ message: 'service', flag: '--service', list, back: false, ...over });
  /** Keys reach the screen in the next turn of the event loop. */
  const type = async (keys: string): Promise<void> => {
    terminal.stdin.write(keys);
    await new Promise((resolve) => setImmediate(resolve));
  };
  /** What the last drawing shows. */
  const shown = (): readonly string[] =>
    (terminal.stderr.text.split('\u001b[H').at(-1) ?? '')
      .split('\r\n')
      // oxlint-disable-next-line no-control-regex
      .map((line) => line.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, ''));
  return { browser, terminal, clock, signals, list, ask, type, shown, stop };
}

describe('a list on the screen', () => {
  it('takes keys before its rows are known, and draws the rows as they come', async () => {
    const { ask, type, list, clock, shown } = screen();
    const answer = ask();
    await type('ord');
    expect(shown()[0]).toBe('? service: ord');
    list.become(['billing', 'orders-api', 'orders-worker'], false);
    await clock.advance(50);
    expect(shown().slice(2, 4)).toEqual(['❯ orders-api     about', '  orders-worker  about']);
    expect(shown().at(-1)).toContain('0 of 3+… · 2 match');
    expect(list).toMatchObject({ seen: ['orders-api', 'orders-worker'], isSearching: true });
    await type('\r');
    expect(await answer).toMatchObject({ type: 'chose', row: { value: 'orders-api' } });
  });

  it('keeps what is typed, Enter included, from the time before the question', async () => {
    const { browser, ask, type, list, clock } = screen();
    browser.open();
    await type('worker\r');
    const answer = ask();
    list.become(['billing', 'orders-worker'], false);
    await clock.advance(50);
    list.become(['billing', 'orders-worker', 'zeta']);
    await clock.advance(50);
    expect(await answer).toMatchObject({ row: { value: 'orders-worker' } });
  });

  it('fills the height, and moves by rows and pages', async () => {
    const names = Array.from({ length: 100 }, (_, n) => `s${String(n).padStart(2, '0')}`);
    const { ask, type, list, shown } = screen({ rows: 10 });
    list.become(names);
    const answer = ask();
    expect(shown()).toHaveLength(10);
    expect(shown()[2]).toContain('❯ s00');
    const cursor = (): string | undefined =>
      shown()
        .find((line) => line.startsWith('❯'))
        ?.slice(2, 5);
    await type('\u001b[6~');
    expect(cursor()).toBe('s06');
    await type('\u001b[B');
    expect(cursor()).toBe('s07');
    await type('\u001b[F');
    expect(cursor()).toBe('s99');
    await type('\u001b[5~');
    expect(cursor()).toBe('s93');
    await type('\u001b[H');
    expect(cursor()).toBe('s00');
    await type('\u001b[A');
    expect(cursor()).toBe('s99');
    await type('\r');
    expect(await answer).toMatchObject({ row: { value: 's99' } });
  });

  it('keeps the cursor on its row while rows are added above it, and finds it again after Back', async () => {
    const { ask, type, list, clock, shown } = screen();
    list.become(['m', 'n', 'o'], false);
    const answer = ask();
    await type('\u001b[B');
    list.become(['a', 'b', 'm', 'n', 'o']);
    await clock.advance(50);
    expect(shown().find((line) => line.startsWith('❯'))).toContain('n');
    await type('\r');
    expect(await answer).toMatchObject({ row: { id: 'n' } });
    const again = ask({ cursor: 'n' });
    expect(shown().find((line) => line.startsWith('❯'))).toContain('n');
    await type('\r');
    await again;
  });

  it('says why a row cannot be chosen, and what can be done about it', async () => {
    const { ask, type, list, shown } = screen();
    list.become([row('shell', { disabled: 'exec is off', remedy: ['enable-exec orders'] }), 'logs']);
    const answer = ask();
    await type('shell\r');
    expect(shown().slice(-3, -1)).toEqual(['shell: exec is off', 'enable-exec orders']);
    await type('\u0015logs\r');
    expect(await answer).toMatchObject({ row: { value: 'logs' } });
  });

  it('chooses among rows that became known after the last drawing, if that showed none', async () => {
    const { ask, type, list } = screen();
    const answer = ask({ typed: 'orders' });
    list.become(['billing', 'orders-api']);
    await type('\r');
    expect(await answer).toMatchObject({ row: { value: 'orders-api' } });
  });

  it('says that a key for other lists does nothing in this one', async () => {
    const { ask, type, list, shown } = screen();
    list.become(['a', 'b']);
    const answer = ask();
    await type('\u0010');
    expect(shown().at(-2)).toBe('Ctrl-P does nothing in this list');
    await type('\u001b[B');
    expect(shown().at(-2)).toBe('');
    await type('\r');
    expect(await answer).toMatchObject({ row: { value: 'b' } });
  });

  it('Escape clears the filter, then goes back; Ctrl-C and the end of stdin interrupt', async () => {
    const { ask, type, list, terminal, shown } = screen();
    list.become(['a', 'b']);
    const back = ask({ back: true });
    await type('x\u001b');
    // Escape takes effect after the time within which the rest of an escape sequence would follow.
    await until(() => shown()[0]?.includes(': x') === false);
    await type('\u001b');
    expect(await back).toEqual({ type: 'back' });
    const stopped = expect(ask()).rejects.toMatchObject({ role: 'interrupted' });
    await type('\u0003');
    await stopped;
    const other = screen();
    const ended = expect(other.ask()).rejects.toMatchObject({ role: 'interrupted' });
    other.terminal.stdin.end();
    await ended;
    expect(terminal.stdout.text).toBe('');
  });

  it('chooses the only row of a complete list, reports an empty one, and throws the error of one without rows', async () => {
    const only = screen();
    const first = only.ask({ choosesOnly: true });
    only.list.become(['a'], false);
    only.list.become(['a']);
    await only.clock.advance(50);
    expect(await first).toMatchObject({ type: 'chose', only: true });

    const empty = screen();
    const second = empty.ask();
    empty.list.become([]);
    await empty.clock.advance(50);
    expect(await second).toEqual({ type: 'empty' });

    const broken = screen();
    broken.list.failure = new Error('denied');
    await expect(broken.ask()).rejects.toThrow('denied');
  });

  it('draws again when the window changes its size and after fg, and gives the terminal back', async () => {
    const { browser, ask, list, signals, terminal, type } = screen();
    list.become(['a', 'b']);
    const answer = ask();
    expect(terminal.rawDepth()).toBe(1);
    for (const name of ['SIGWINCH', 'SIGCONT'] as const) {
      const before = terminal.stderr.text.length;
      signals.raise(name);
      expect(terminal.stderr.text.slice(before)).toContain('❯ a');
    }
    await type('\r');
    await answer;
    browser.close();
    browser.close();
    expect(terminal.rawDepth()).toBe(0);
    expect(signals.count).toBe(0);
  });

  it('measures wide characters and combining marks in cells', async () => {
    const { ask, list, shown, type } = screen({ columns: 40 });
    list.become(['日本語', 'e\u0301clair', 'plain']);
    const answer = ask();
    expect(shown().slice(2, 5)).toEqual(['❯ 日本語  about', '  e\u0301clair  about', '  plain   about']);
    await type('\r');
    expect(await answer).toMatchObject({ row: { value: '日本語' } });
  });
});

describe('a numbered list', () => {
  function plain() {
    const terminal = fakeTerminal(ALL_TTY);
    const stop = new AbortController();
    const browser = createPlainList({ terminal, signal: stop.signal, suspend: () => () => undefined });
    const list = new Rows();
    list.become(Array.from({ length: 25 }, (_, n) => `service-${n + 1}`));
    return {
      terminal,
      browser,
      list,
      ask: () => browser.ask({ message: 'service', flag: undefined, list, back: true }),
    };
  }

  it('takes a number, a search, Enter for more and b for back, and never moves the cursor', async () => {
    const { terminal, ask, browser } = plain();
    const first = ask();
    terminal.stdin.write('\n');
    await new Promise((resolve) => setImmediate(resolve));
    expect(terminal.stderr.text).toContain('25. service-25, about');
    terminal.stdin.write('21\n');
    expect(await first).toMatchObject({ row: { value: 'service-21' } });
    const second = ask();
    terminal.stdin.write('service-7\n');
    await new Promise((resolve) => setImmediate(resolve));
    terminal.stdin.write('1\n');
    expect(await second).toMatchObject({ row: { value: 'service-7' } });
    const third = ask();
    terminal.stdin.write('b\n');
    expect(await third).toEqual({ type: 'back' });
    // oxlint-disable-next-line no-control-regex
    expect(terminal.stderr.text).not.toMatch(/\u001b/);
    browser.close();
  });
});
