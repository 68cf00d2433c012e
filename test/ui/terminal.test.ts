import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createTerminal, guardTerminal } from '../../src/ui/terminal.ts';
import { ALL_TTY, fakeTerminal } from '../support/fake-terminal.ts';

const screen = (columns: number, rows: number) =>
  Object.assign(new PassThrough(), { isTTY: true, columns, rows });
const pipe = () => new PassThrough();

function keyboard(isRaw = false) {
  const modes: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    isRaw,
    setRawMode: (raw: boolean) => modes.push(raw),
  });
  return { stdin, modes };
}

describe('createTerminal', () => {
  it.each([
    ['stdout', screen(120, 40), screen(90, 30), { columns: 120, rows: 40 }],
    ['stderr when stdout is piped', pipe(), screen(90, 30), { columns: 90, rows: 30 }],
    ['80 × 24 without a screen', pipe(), pipe(), { columns: 80, rows: 24 }],
    ['80 × 24 for a pty that was never sized', screen(0, 0), pipe(), { columns: 80, rows: 24 }],
  ])('takes its size from %s', (_from, stdout, stderr, size) => {
    expect(createTerminal({ stdin: pipe(), stdout, stderr }).size()).toEqual(size);
  });

  it.each([false, true])('restores the previous mode (%s), once', (before) => {
    const { stdin, modes } = keyboard(before);
    const restore = createTerminal({ stdin, stdout: pipe(), stderr: pipe() }).raw();
    restore();
    restore();
    expect(modes).toEqual([true, before]);
  });

  it('has no raw mode without a TTY', () => {
    const terminal = createTerminal({ stdin: pipe(), stdout: pipe(), stderr: pipe() });
    expect(() => terminal.raw()()).not.toThrow();
  });

  it('does not throw when the reader of its output has exited', () => {
    const stdout = pipe();
    createTerminal({ stdin: pipe(), stdout, stderr: pipe() });
    expect(() => stdout.emit('error', new Error('EPIPE'))).not.toThrow();
  });
});

describe('guardTerminal', () => {
  it('leaves raw mode when the run ends, and suspends live output meanwhile', () => {
    const inner = fakeTerminal(ALL_TTY);
    const live: string[] = [];
    const guarded = guardTerminal(inner, () => {
      live.push('off');
      return () => live.push('on');
    });
    const first = guarded.raw();
    guarded.raw();
    expect(inner.rawDepth()).toBe(2);
    first();
    first();
    expect(inner.rawDepth()).toBe(1);
    guarded.restore();
    guarded.restore();
    expect(inner.rawDepth()).toBe(0);
    expect(live).toEqual(['off', 'off', 'on', 'on']);
  });
});
