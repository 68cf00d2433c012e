import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeLine,
  LineReader,
  MAX_NAME_LENGTH,
  parseAnswer,
  parseGreeting,
  parseRequest,
  type StartRequest,
} from '../../../src/app/supervisor/control-messages.ts';

const START: StartRequest = {
  type: 'start',
  name: 'web',
  identity: 'abc',
  argv: ['forward', 'web'],
  cwd: '/work',
  env: { PATH: '/bin' },
  listeners: 1,
};

describe('a request', () => {
  it.each([START, { type: 'list' }, { type: 'stop', names: ['web'] }] as const)(
    '%j is read as it was written',
    (request) => {
      expect(parseRequest(encodeLine(request))).toEqual(request);
    },
  );

  it.each([
    ['{}', 'type'],
    ['[]', 'type'],
    ['{"type":"start"', 'type'],
    ['{"type":"shutdown"}', 'type'],
    ['{"type":"stop","names":"web"}', 'names'],
    [{ ...START, name: '' }, 'name'],
    [{ ...START, name: 'x'.repeat(MAX_NAME_LENGTH + 1) }, 'name'],
    [{ ...START, argv: 'forward' }, 'argv'],
    [{ ...START, argv: Array(1_001).fill('x') }, 'argv'],
    [{ ...START, argv: ['a\0b'] }, 'argv'],
    [{ ...START, env: { A: 1 } }, 'env'],
    [{ ...START, env: { A: 'x\0y' } }, 'env'],
    [{ ...START, cwd: undefined }, 'cwd'],
    [{ ...START, listeners: 0 }, 'listeners'],
    [{ ...START, listeners: 201 }, 'listeners'],
  ])('%j is refused', (message, field) => {
    const line = typeof message === 'string' ? message : JSON.stringify(message);
    expect(() => parseRequest(line)).toThrow(`a message of the control protocol has a wrong ${field}`);
  });

  it('of any other form is refused with the same code', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        expect(() => parseRequest(line)).toThrow(expect.objectContaining({ code: 'control-message' }));
        expect(() => parseAnswer(line)).toThrow(expect.objectContaining({ code: 'control-message' }));
        expect(parseGreeting(line)).toBeUndefined();
      }),
      { seed: 13 },
    );
  });
});

describe('lines', () => {
  it('are the same however their bytes arrive', () => {
    const text = 'one\nzwölf\n\nthree\nrest';
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 6 })), (sizes) => {
        const reader = new LineReader();
        const bytes = Buffer.from(text);
        const lines: string[] = [];
        let at = 0;
        for (const size of [...sizes, bytes.length]) {
          lines.push(...reader.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(lines).toEqual(['one', 'zwölf', '', 'three']);
      }),
      { seed: 13 },
    );
  });

  it('that are too long are refused before they end', () => {
    const reader = new LineReader(10);
    expect(reader.push(Buffer.from('0123456789'))).toEqual([]);
    expect(() => reader.push(Buffer.from('x'))).toThrow(expect.objectContaining({ code: 'control-message' }));
    expect(() => new LineReader(10).push(Buffer.from('01234567890\n'))).toThrow('more than 10 bytes');
  });
});
