import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { EscapeKeys } from '../../src/connect/session/escape-keys.ts';
import {
  Base64Lines,
  ExecOutputReader,
  LineMessages,
  NewlineRestorer,
} from '../../src/connect/session/exec-script.ts';
import {
  hostPort,
  isLoopback,
  parseForward,
  parseListener,
  parseTarget,
} from '../../src/connect/forward/forward-spec.ts';
import { candidatesFor } from '../../src/core/candidates.ts';
import { nearest } from '../../src/core/nearest.ts';
import { shellCommand } from '../../src/connect/session/shell-command.ts';
import { quoteWord, quoteWords } from '../../src/core/shell-words.ts';
import { splitCommand } from '../../src/sandbox/machines/split-command.ts';

const NONCE = '0123456789abcdef0123456789abcdef';
const marker = (body: string): string => `\x1e${NONCE}:${body}\x1e`;
const word = fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => !text.includes('\0'));

describe('quoting', () => {
  test('the agent’s splitter, which knows no shell, gives back exactly the words', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (words) => {
        expect(splitCommand(quoteWords(words))).toEqual(words);
      }),
    );
  });

  test('plain words stay readable', () => {
    expect(quoteWord('/usr/bin/psql')).toBe('/usr/bin/psql');
    expect(quoteWord('')).toBe("''");
    expect(quoteWord("it's")).toBe(String.raw`'it'\''s'`);
    expect(shellCommand('WINDOWS_SERVER_2022_CORE')).toBe('powershell.exe');
    expect(shellCommand('Linux')).toContain('bash');
  });
});

describe('the marker reader', () => {
  test('finds the markers however the stream is cut, and keeps every other byte', () => {
    const tricky = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.constant(Buffer.from('\x1e')),
      fc.constant(Buffer.from(`\x1e${NONCE}`)),
      fc.constant(Buffer.from(`\x1e${NONCE}:`)),
      fc.constant(Buffer.from(`\x1e${NONCE}:end/x\x1e`)),
      fc.constant(Buffer.from(`\x1e${'9'.repeat(32)}:end/0\x1e`)),
    );
    fc.assert(
      fc.property(fc.array(tricky), fc.array(fc.nat(400)), fc.nat(255), (parts, cuts, code) => {
        const body = Buffer.concat(parts);
        const stream = Buffer.concat([
          Buffer.from(`noise\r\n${marker('begin/raw/none')}`),
          body,
          Buffer.from(`${marker(`end/${code}`)}late`),
        ]);
        const reader = new ExecOutputReader(NONCE);
        const data: Uint8Array[] = [];
        let status: number | undefined;
        let at = 0;
        for (const cut of [...cuts.toSorted((a, b) => a - b), stream.byteLength]) {
          const to = Math.min(Math.max(cut, at), stream.byteLength);
          for (const event of reader.push(stream.subarray(at, to))) {
            if (event.type === 'data') data.push(Uint8Array.from(event.bytes));
            if (event.type === 'end') status = event.status;
          }
          at = to;
        }
        expect(status).toBe(code);
        expect(Buffer.concat(data).equals(body)).toBe(true);
      }),
    );
  });

  test('memory stays small before the begin marker', () => {
    const reader = new ExecOutputReader(NONCE);
    for (let i = 0; i < 100; i++) reader.push(Buffer.alloc(1_000, 'x'));
    expect(reader.noise.length).toBeLessThanOrEqual(400);
  });

  test('restores line ends across cuts', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', '\n', '\r')), fc.nat(20), (letters, cut) => {
        const original = letters.join('').replaceAll('\r', '');
        const sent = Buffer.from(original.replaceAll('\n', '\r\n'));
        const restorer = new NewlineRestorer();
        const parts = [
          restorer.push(sent.subarray(0, cut)),
          restorer.push(sent.subarray(cut)),
          restorer.flush(),
        ];
        expect(Buffer.concat(parts).toString()).toBe(original);
      }),
    );
  });

  test('base64 lines carry any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 2_000 })), (chunks) => {
        const lines = new Base64Lines();
        const sent = Buffer.concat([...chunks.map((chunk) => lines.push(chunk)), lines.end()])
          .toString()
          .split('\n');
        expect(sent.slice(-2)).toEqual(['.', '']);
        const numbered = sent.slice(0, -2).map((line) => line.split(' '));
        expect(numbered.map(([number]) => number)).toEqual(numbered.map((_, index) => String(index)));
        const received = Buffer.concat(numbered.map(([, data = '']) => Buffer.from(data, 'base64')));
        expect(received.equals(Buffer.concat(chunks))).toBe(true);
      }),
    );
  });

  test('messages of lines hold whole lines, as many as fit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 4_000 })),
        fc.integer({ min: 1, max: 5 }),
        (chunks, takes) => {
          const lines = new Base64Lines();
          const messages = new LineMessages();
          const said: string[] = [];
          const take = (count: number): void => {
            for (let i = 0; i < count; i++) {
              const message = messages.take(1024);
              if (message === undefined) return;
              expect(message.byteLength).toBeLessThanOrEqual(1024);
              said.push(Buffer.from(message).toString());
            }
          };
          const expected: string[] = [];
          for (const chunk of [...chunks.map((each) => lines.push(each)), lines.end()]) {
            expected.push(Buffer.from(chunk).toString());
            messages.push(chunk);
            take(takes);
          }
          take(Number.MAX_SAFE_INTEGER);
          expect(messages.bytes).toBe(0);
          expect(said.join('')).toBe(expected.join(''));
          expect(said.every((message) => message.endsWith('\n'))).toBe(true);
        },
      ),
    );
  });
});

describe('escapes', () => {
  const type = (keys: string) => {
    const escapes = new EscapeKeys();
    const results = Array.from(Buffer.from(keys, 'latin1'), (byte) => escapes.push(new Uint8Array([byte])));
    return {
      sent: Buffer.concat(results.map((result) => result.bytes)).toString('latin1'),
      actions: results.flatMap((result) => result.actions),
    };
  };

  test.each([
    ['~.', '', ['end-session']],
    ['ls\r~.', 'ls\r', ['end-session']],
    ['~?x', 'x', ['list-escapes']],
    ['~~', '~', []],
    ['~x', '~x', []],
    ['a~.', 'a~.', []],
    ['cd ~\r', 'cd ~\r', []],
    ['~\r~.', '~\r', ['end-session']],
  ])('%j', (keys, sent, actions) => {
    expect(type(keys)).toEqual({ sent, actions });
  });

  test('cutting the input elsewhere changes nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('~', '.', '?', '\r', 'a')), (keys) => {
        const whole = new EscapeKeys().push(Buffer.from(keys.join('')));
        const single = type(keys.join(''));
        expect({ sent: Buffer.from(whole.bytes).toString('latin1'), actions: whole.actions }).toEqual(single);
      }),
    );
  });
});

describe('-L', () => {
  test.each([
    [
      '8080:80',
      { bind: '127.0.0.1', isDefaultBind: true, localPort: 8080, remoteHost: undefined, remotePort: 80 },
    ],
    ['127.0.0.1:1:h:2', { bind: '127.0.0.1', localPort: 1, remoteHost: 'h', remotePort: 2 }],
    [
      '0:db.internal:5432',
      { bind: '127.0.0.1', isDefaultBind: true, localPort: 0, remoteHost: 'db.internal', remotePort: 5432 },
    ],
    ['0.0.0.0:1:h:2', { bind: '0.0.0.0', localPort: 1, remoteHost: 'h', remotePort: 2 }],
    ['*:1:h:2', { bind: '0.0.0.0', localPort: 1, remoteHost: 'h', remotePort: 2 }],
    [
      '[::1]:5432:[fd00::10]:5432',
      { bind: '::1', localPort: 5432, remoteHost: 'fd00::10', remotePort: 5432 },
    ],
  ])('%s', (text, spec) => {
    expect(parseForward(text)).toEqual(spec);
  });

  test('of nothing says what is missing', () => {
    expect(() => parseForward('')).toThrowError(
      expect.objectContaining({ code: 'bad-forward', message: 'a port is missing' }),
    );
  });

  test.each([
    '80',
    'a:80',
    '1:',
    ':80',
    '1:h:0',
    '1:h:65536',
    '1:h:2:3:4',
    '[::1:5432',
    '1:ho st:2',
    '1::2',
    '70000:h:1',
  ])('refuses %j and names it', (text) => {
    expect(() => parseForward(text)).toThrowError(
      expect.objectContaining({
        code: 'bad-forward',
        role: 'usage',
        message: expect.stringContaining(text) as string,
      }),
    );
  });

  test('with a session document there is a local side only', () => {
    const spec = { bind: '127.0.0.1', localPort: 5432, remoteHost: undefined, remotePort: 0 };
    expect(parseListener('5432')).toEqual({ ...spec, isDefaultBind: true });
    expect(parseListener('*:0')).toEqual({ ...spec, bind: '0.0.0.0', localPort: 0 });
    expect(parseListener('[::1]:0')).toEqual({ ...spec, bind: '::1', localPort: 0 });
    for (const text of ['', 'a', '5432:db:5432', '70000', ':1'])
      expect(() => parseListener(text)).toThrowError(expect.objectContaining({ code: 'bad-forward' }));
  });

  test('targets of --stdio, and how addresses are written', () => {
    expect(parseTarget('db:22')).toEqual({ host: 'db', port: 22 });
    expect(parseTarget('22')).toEqual({ host: undefined, port: 22 });
    expect(parseTarget('[fd00::1]:22')).toEqual({ host: 'fd00::1', port: 22 });
    expect(() => parseTarget('a:b:22')).toThrowError(expect.objectContaining({ code: 'bad-forward' }));
    expect(hostPort('::1', 5)).toBe('[::1]:5');
    expect(['127.0.0.1', '127.1.2.3', '::1', 'localhost', '0.0.0.0', '10.0.0.1'].map(isLoopback)).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('candidates', () => {
  const names = ['orders-api', 'payments-api', 'billing-worker', 'storefront-web'];

  test.each([
    ['order-api', 'orders-api'],
    ['odrers-api', 'orders-api'],
    ['PAYMENTS', 'payments-api'],
    ['web', 'storefront-web'],
  ])('%s → %s', (typed, meant) => {
    expect(nearest(typed, names)[0]).toBe(meant);
  });

  test('nothing close: all of a few, the number of many', () => {
    expect(candidatesFor('zzzzzzzz', names)).toEqual({ near: [], candidates: names, existing: names.length });
    const many = Array.from({ length: 150 }, (_, i) => `service-number-${i}`);
    expect(candidatesFor('zz', many)).toMatchObject({ near: [], existing: 150 });
    expect(candidatesFor('zz', many).candidates).toHaveLength(100);
    expect(candidatesFor('service-number', many).near).toHaveLength(5);
  });
});
