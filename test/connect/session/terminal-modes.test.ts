import { describe, expect, test } from 'vitest';
import { TerminalModes } from '../../../src/connect/session/terminal-modes.ts';

const modes = (...chunks: readonly string[]): TerminalModes => {
  const followed = new TerminalModes();
  for (const chunk of chunks) followed.push(Buffer.from(chunk, 'latin1'));
  return followed;
};
const reset = (...chunks: readonly string[]): string => modes(...chunks).takeReset();

describe('modes that a remote program leaves set', () => {
  test.each([
    ['all movement of the mouse, as numbers', '\x1b[?1003h\x1b[?1006h', '\x1b[?1003l\x1b[?1006l'],
    ['several in one sequence', '\x1b[?1000;1004h', '\x1b[?1000l\x1b[?1004l'],
    ['a hidden cursor', '\x1b[?25l', '\x1b[?25h'],
    ['no wrapping', '\x1b[?7l', '\x1b[?7h'],
    ['bracketed paste', '\x1b[?2004h', '\x1b[?2004l'],
    ['application cursor keys and keypad', '\x1b[?1h\x1b=', '\x1b[?1l\x1b>'],
    ['insert mode', '\x1b[4h', '\x1b[4l'],
    ['the alternate screen last', '\x1b[?1049h\x1b[?25l', '\x1b[?25h\x1b[?1049l'],
    ['colours', '\x1b[0;31m', '\x1b[m'],
    ['colour 0 of the palette', '\x1b[38;5;0m', '\x1b[m'],
    ['margins', '\x1b[2;10r', '\x1b7\x1b[r\x1b8'],
    ['a cursor shape', '\x1b[5 q', '\x1b[0 q'],
    ['line drawing', '\x1b(0', '\x0f\x1b(B'],
    ['levels of the kitty keyboard protocol', '\x1b[>1u\x1b[>3u', '\x1b[<2u'],
    ['modified keys', '\x1b[>4;2m', '\x1b[>4m'],
  ])('%s', (_, output, expected) => {
    expect(reset(output)).toBe(expected);
  });

  test('nothing, where the program has reset its modes itself', () => {
    expect(
      reset(
        '\x1b[?1049h\x1b[?1h\x1b=\x1b[?25l\x1b[?2004h\x1b[1;31m\x1b[2;5r\x1b(0\x1b[>1u',
        '\x1b[<u\x1b(B\x1b[r\x1b[m\x1b[?2004l\x1b[?25h\x1b>\x1b[?1l\x1b[?1049l',
      ),
    ).toBe('');
    expect(reset('\x1b[?1003h\x1bc')).toBe('');
  });

  test('nothing, where the output has no sequence, or another one', () => {
    expect(reset('hello\n', '\x1b]0;title\x07', '\x1b[2J\x1b[10;1H\x1b[6n', '\x1b[?1048h')).toBe('');
  });

  test('also when each byte of a sequence arrives alone', () => {
    expect(reset(...'text\x1b[?1003;1006hmore\x1b(0'.split(''))).toBe('\x1b[?1003l\x1b[?1006l\x0f\x1b(B');
  });

  test('and an endless sequence is not kept', () => {
    expect(reset('\x1b[', ...'1;'.repeat(500).split(''), 'h', '\x1b[?25l')).toBe('\x1b[?25h');
  });

  test('once', () => {
    const followed = modes('\x1b[?25l');
    expect([followed.takeReset(), followed.takeReset()]).toEqual(['\x1b[?25h', '']);
  });

  test('the last byte of the output decides whether the cursor is at the start of a line', () => {
    expect(modes('$ ').isAtLineStart).toBe(false);
    expect([modes('$ \r\n'), modes('50 %\r'), modes()].map((each) => each.isAtLineStart)).toEqual([
      true,
      true,
      true,
    ]);
  });
});
