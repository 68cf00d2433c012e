import { describe, expect, test } from 'vitest';

import { Recorder, Redactor, verifyRecording } from '../../../src/connect/session/recording.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

function record(secrets: readonly string[] = []) {
  let now = 1_700_000_000_000;
  const lines: string[] = [];
  const recorder = new Recorder({
    append: (line) => lines.push(line.replace(/\n$/, '')),
    now: () => now,
    size: { columns: 80, rows: 24 },
    title: 'exec web',
    secrets,
  });
  return { recorder, lines, wait: (ms: number) => (now += ms) };
}

const events = (lines: readonly string[], code: string): unknown[] =>
  lines
    .slice(1)
    .map((line) => JSON.parse(line) as [number, string, string])
    .filter((event) => event[1] === code);

describe('a recording', () => {
  test('has a header, output with its times, and sizes', () => {
    const { recorder, lines, wait } = record();
    wait(250);
    recorder.output(bytes('$ '), 'stdout');
    wait(750);
    recorder.resize(100, 30);
    recorder.end();
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      version: 2,
      width: 80,
      height: 24,
      timestamp: 1_700_000_000,
      title: 'exec web',
    });
    expect(events(lines, 'o')).toEqual([[0.25, 'o', '$ ']]);
    expect(events(lines, 'r')).toEqual([[1, 'r', '100x30']]);
  });

  test('joins the bytes of a character that arrive apart, for each stream', () => {
    const { recorder, lines } = record();
    const [first, ...rest] = bytes('é');
    recorder.output(Uint8Array.of(first ?? 0), 'stdout');
    recorder.output(bytes('E'), 'stderr');
    recorder.output(Uint8Array.from(rest), 'stdout');
    recorder.end();
    expect(events(lines, 'o').map((event) => (event as string[])[2])).toEqual(['E', 'é']);
  });

  test('masks values in output and input, however they are cut', () => {
    const secret = 'hunter2-ü-secret';
    const text = `password=${secret}; hunter2; ${secret}${secret}`;
    for (let cut = 0; cut <= bytes(text).byteLength; cut++) {
      const { recorder, lines } = record([secret, 'secret']);
      recorder.output(bytes(text).subarray(0, cut), 'stdout');
      recorder.output(bytes(text).subarray(cut), 'stdout');
      recorder.input(bytes(secret));
      recorder.end();
      const output = events(lines, 'o').map((event) => (event as string[])[2]);
      expect(output.join('')).toBe('password=[redacted]; hunter2; [redacted][redacted]');
      expect(lines.join('\n')).not.toContain(secret);
    }
  });
});

test('what could be the start of a secret is written when it is none', () => {
  const redactor = new Redactor(['abcd']);
  expect(Buffer.from(redactor.push(bytes('xabc'))).toString()).toBe('x');
  expect(Buffer.from(redactor.push(bytes('x'))).toString()).toBe('abcx');
  expect(Buffer.from(redactor.push(bytes('ab'))).toString()).toBe('');
  expect(Buffer.from(redactor.flush()).toString()).toBe('ab');
});

describe('the chain of hashes', () => {
  function whole() {
    const { recorder, lines, wait } = record();
    for (let index = 0; index < 20; index++) {
      wait(1_000);
      recorder.output(bytes(`line ${index}\u2028\r\n`), 'stdout');
    }
    return { lines, hash: recorder.end() };
  }

  test('fits a recording that was not changed', async () => {
    const { lines, hash } = whole();
    expect(await verifyRecording(each(lines), undefined)).toEqual({ events: 20, seconds: 20, hash });
    expect(await verifyRecording(each(lines), hash)).toMatchObject({ hash });
    await expect(verifyRecording(each(lines), 'ab')).rejects.toMatchObject({ code: 'recording-damaged' });
  });

  test('does not fit after any line was changed, removed, doubled, or the end was cut off', async () => {
    const { lines } = whole();
    for (const [index, line] of lines.entries()) {
      const without = lines.toSpliced(index, 1);
      const doubled = lines.toSpliced(index, 0, line);
      const changed = lines.with(
        index,
        line.replace(/[02468]/, (digit) => String(Number(digit) + 1)),
      );
      const cut = lines.slice(0, index);
      for (const damagedLines of [without, doubled, changed, cut])
        await expect(verifyRecording(each(damagedLines), undefined)).rejects.toMatchObject({
          code: 'recording-damaged',
        });
    }
  });
});
