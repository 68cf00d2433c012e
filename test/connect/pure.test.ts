import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { EscapeKeys } from '../../src/connect/session/escape-keys.ts';
import { StdinFrames } from '../../src/connect/session/exec-script-input.ts';
import { ExecOutputReader, NewlineRestorer } from '../../src/connect/session/exec-script-output.ts';
import {
  isLoopback,
  parseForward,
  parseListener,
  parseTarget,
} from '../../src/connect/forward/forward-spec.ts';
import { candidatesFor } from '../../src/core/candidates.ts';
import { hostPort } from '../../src/core/host-port.ts';
import { nearest } from '../../src/core/nearest.ts';
import { shellCommand } from '../../src/connect/session/shell-command.ts';
import { quoteWord, quoteWords } from '../../src/core/shell-words.ts';
import { splitCommand } from '../../src/sandbox/machines/split-command.ts';
import { anyWord } from '../support/any-word.ts';

const NONCE = '0123456789abcdef0123456789abcdef';
const marker = (body: string): string => `\x1e${NONCE}:${body}\x1e`;

describe('quoting', () => {
  test('the agent’s splitter, which is not a shell, returns exactly the arguments', () => {
    fc.assert(
      fc.property(fc.array(anyWord, { minLength: 1 }), (words) => {
        expect(splitCommand(quoteWords(words))).toEqual(words);
      }),
    );
  });

  test('arguments without special characters are not quoted', () => {
    expect(quoteWord('/usr/bin/psql')).toBe('/usr/bin/psql');
    expect(quoteWord('')).toBe("''");
    expect(quoteWord("it's")).toBe(String.raw`'it'\''s'`);
    expect(shellCommand('WINDOWS_SERVER_2022_CORE')).toBe('powershell.exe');
    expect(shellCommand('Linux')).toContain('bash');
  });
});

describe('the marker reader', () => {
  test('finds markers and frames of stderr however the stream is split, and keeps every other byte', () => {
    const tricky = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.constant(Buffer.from('\x1e')),
      fc.constant(Buffer.from(`\x1e${NONCE}`)),
      fc.constant(Buffer.from(`\x1e${NONCE}:`)),
      fc.constant(Buffer.from(`\x1e${NONCE}:exit/x\x1e`)),
      fc.constant(Buffer.from(`\x1e${NONCE}:end\x1e`)),
      fc.constant(Buffer.from(`\x1e${'9'.repeat(32)}:exit/0\x1e`)),
    );
    const frame = fc.record({
      bytes: fc.uint8Array({ maxLength: 90 }),
      encoding: fc.constantFrom('base64', 'hex'),
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(tricky, frame)),
        fc.array(fc.nat(400)),
        fc.nat(255),
        (parts, cuts, code) => {
          const stream = Buffer.concat([
            Buffer.from(`noise\r\n${marker('begin/raw/counted/base64/pipes')}`),
            ...parts.flatMap(([data, { bytes, encoding }]) => [
              data,
              // Data must not end with bytes that would form a marker with the frame after it.
              Buffer.from(marker(`${encoding}/${Buffer.from(bytes).toString(encoding as BufferEncoding)}`)),
            ]),
            Buffer.from(`${marker(`exit/${code}`)}rest${marker('end')}late`),
          ]);
          const reader = new ExecOutputReader(NONCE);
          const stdout: Uint8Array[] = [];
          const stderr: Uint8Array[] = [];
          const told: unknown[] = [];
          let at = 0;
          for (const cut of [...cuts.toSorted((a, b) => a - b), stream.byteLength]) {
            const to = Math.min(Math.max(cut, at), stream.byteLength);
            for (const event of reader.push(stream.subarray(at, to))) {
              if (event.type === 'stdout') stdout.push(Uint8Array.from(event.bytes));
              else if (event.type === 'stderr') stderr.push(event.bytes);
              else told.push(event.type === 'exit' ? event.status : event.type);
            }
            at = to;
          }
          expect(told).toEqual(['begin', code, 'end']);
          expect(Buffer.concat(stderr).equals(Buffer.concat(parts.map(([, { bytes }]) => bytes)))).toBe(true);
          const data = Buffer.concat([...parts.map(([bytes]) => bytes), Buffer.from('rest')]);
          expect(Buffer.concat(stdout).equals(data)).toBe(true);
        },
      ),
    );
  });

  test('output after the exit marker is kept, and a second exit marker is data', () => {
    const reader = new ExecOutputReader(NONCE);
    const stream = `${marker('begin/raw/counted/base64/pipes')}${marker('exit/3')}${marker('exit/0')}`;
    expect(reader.push(Buffer.from(stream)).map(({ type }) => type)).toEqual([
      'begin',
      'exit',
      'stdout',
      'stdout',
    ]);
  });

  test('buffers little before the begin marker', () => {
    const reader = new ExecOutputReader(NONCE);
    for (let i = 0; i < 100; i++) reader.push(Buffer.alloc(1_000, 'x'));
    expect(reader.noise.length).toBeLessThanOrEqual(400);
  });

  test('restores line ends across chunk boundaries', () => {
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

  /** The identifier of a block, as the script expects it. */
  const id = (generation: number, number: number): string => `${generation}.${number}:${NONCE.slice(16)}`;
  const block = (generation: number, number: number, data: string): string =>
    `${id(generation, number)}:${1 + data.length}:${id(generation, number)}\n\n${data},${id(generation, number)}\n`;
  const dots = (generation: number, number: number): string => `.${id(generation, number)}\n`.repeat(2);
  const takeText = (frames: StdinFrames): string => Buffer.from(frames.take()).toString('latin1');

  test('stdin as text: sends printable lines that a pty accepts, from which printf %b restores all bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 2_000 })), (chunks) => {
        const frames = new StdinFrames('text', NONCE);
        for (const chunk of chunks) frames.push(chunk);
        frames.end();
        const sent = takeText(frames).split('\n');
        const lines = sent.slice(0, -3);
        expect(sent.slice(-3)).toEqual([`.${id(0, lines.length)}`, `.${id(0, lines.length)}`, '']);
        const received = lines.map((line, at) => {
          expect(line).toMatch(/^[ -~]{1,4090}$/);
          const [start, end] = [`=${id(0, at)}:`, `,${id(0, at)}`];
          expect([line.startsWith(start), line.endsWith(end)]).toEqual([true, true]);
          const [, length, encoded = ''] = /^(\d+):([^]*)$/.exec(line.slice(start.length, -end.length)) ?? [];
          expect(Number(length)).toBe(encoded.length);
          const bytes = encoded.replaceAll(/\\0([0-7]{3})/g, (_, octal: string) =>
            String.fromCharCode(parseInt(octal, 8)),
          );
          return Buffer.from(bytes, 'latin1');
        });
        expect(Buffer.concat(received).equals(Buffer.concat(chunks))).toBe(true);
      }),
    );
  });

  test('stdin as text: never sends more ahead than the pipe of the command holds', () => {
    const frames = new StdinFrames('text', NONCE);
    frames.push(new Uint8Array(100_000));
    expect(takeText(frames).split('\\0000').length - 1).toBe(65_536);
    expect(takeText(frames)).toBe('');
    frames.taken();
    expect(takeText(frames).split('\\0000').length - 1).toBe(780);
  });

  test('stdin in counted blocks: never sends more ahead than the remote side can hold', () => {
    const frames = new StdinFrames('counted', NONCE);
    frames.push(new Uint8Array(1_000_000));
    frames.end();
    expect(takeText(frames) === block(0, 0, '\0'.repeat(262_144)) + block(0, 1, '\0'.repeat(131_072))).toBe(
      true,
    );
    expect(takeText(frames)).toBe('');
    expect(frames.isFull).toBe(true);
    frames.taken();
    expect(takeText(frames) === block(0, 2, '\0'.repeat(262_144))).toBe(true);
    let last = '';
    for (let i = 0; i < 8; i++) {
      frames.taken();
      last += takeText(frames);
    }
    expect(last.endsWith(`\0,${id(0, 4)}\n${dots(0, 5)}`)).toBe(true);
    expect(frames.isFull).toBe(false);
  });

  test('stdin in counted blocks: small pieces that wait become one block', () => {
    const frames = new StdinFrames('counted', NONCE);
    const sent: string[] = [];
    for (const piece of ['a', 'b', 'c', 'd']) {
      frames.push(Buffer.from(piece));
      sent.push(takeText(frames));
    }
    expect(sent).toEqual([block(0, 0, 'a'), block(0, 1, 'b'), '', '']);
    expect(frames.isFull).toBe(false);
    frames.taken();
    expect(takeText(frames)).toBe(block(0, 2, 'cd'));
  });

  test('stdin: what was not taken is sent again, in shorter blocks and with the end', () => {
    const frames = new StdinFrames('counted', NONCE);
    frames.push(Buffer.from('a'.repeat(262_144)));
    frames.push(Buffer.from('b'.repeat(100_000)));
    frames.end();
    expect(takeText(frames).endsWith(dots(0, 2))).toBe(true);
    frames.taken();
    expect(frames.again()).toBe(true);
    expect(takeText(frames) === block(1, 1, 'b'.repeat(100_000)) + dots(1, 2)).toBe(true);
    expect(frames.again()).toBe(true);
    expect(
      takeText(frames) === block(2, 1, 'b'.repeat(65_536)) + block(2, 2, 'b'.repeat(34_464)) + dots(2, 3),
    ).toBe(true);
    frames.taken();
    frames.taken();
    expect(takeText(frames)).toBe('');
  });

  test('stdin: is given up when a block arrives damaged 50 times in a row', () => {
    const frames = new StdinFrames('counted', NONCE);
    frames.push(Buffer.alloc(10_000));
    for (let n = 1; n < 50; n++) {
      frames.take();
      expect(frames.again()).toBe(true);
    }
    frames.take();
    expect(frames.again()).toBe(false);
    frames.taken();
    expect(frames.again()).toBe(true);
  });

  test('stdin in counted blocks arrives whole, however it is pushed, taken and sent again', () => {
    const period = 251;
    const pattern = Buffer.from(Uint8Array.from({ length: 600_000 }, (_, index) => index % period));
    const bytesFrom = (start: number, length: number): Buffer =>
      pattern.subarray(start % period, (start % period) + length);
    const step = fc.record({ pushed: fc.nat(300_000), taken: fc.nat(3), isDamaged: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
        const frames = new StdinFrames('counted', NONCE);
        let [pushed, received, generation, blocks] = [0, 0, 0, 0];
        let underWay: Buffer[] = [];
        let hasEnded = false;
        const take = (): void => {
          let bytes = Buffer.from(frames.take());
          while (bytes.byteLength > 0) {
            const at = id(generation, blocks + underWay.length);
            if (bytes.toString('latin1', 0, 1) === '.') {
              expect(bytes.toString()).toBe(`.${at}\n`.repeat(2));
              hasEnded = true;
              return;
            }
            const header = new RegExp(`^${at}:(\\d+):${at}\n`).exec(
              bytes.subarray(0, 100).toString('latin1'),
            );
            const length = Number(header?.[1]);
            const start = header?.[0].length ?? 0;
            underWay.push(bytes.subarray(start + 1, start + length));
            const end = start + length + `,${at}\n`.length;
            expect(bytes.toString('latin1', start + length, end)).toBe(`,${at}\n`);
            bytes = bytes.subarray(end);
          }
        };
        const takeOver = (): void => {
          const block = underWay.shift() ?? Buffer.alloc(0);
          if (!block.equals(bytesFrom(received, block.byteLength))) throw new Error('moved');
          received += block.byteLength;
          blocks++;
          frames.taken();
        };
        for (const { pushed: length, taken, isDamaged } of steps) {
          frames.push(Uint8Array.from(bytesFrom(pushed, length)));
          pushed += length;
          take();
          for (let n = Math.min(taken, underWay.length); n > 0; n--) takeOver();
          if (isDamaged && underWay.length > 0) {
            generation++;
            underWay = [];
            expect(frames.again()).toBe(true);
          }
          take();
        }
        frames.end();
        take();
        while (underWay.length > 0) {
          takeOver();
          take();
        }
        expect([received, hasEnded]).toEqual([pushed, true]);
      }),
      { numRuns: 25 },
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
  ])('%j is parsed', (keys, sent, actions) => {
    expect(type(keys)).toEqual({ sent, actions });
  });

  test('splitting the input differently changes nothing', () => {
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
  ])('%s is parsed', (text, spec) => {
    expect(parseForward(text)).toEqual(spec);
  });

  test.each([
    ['0.0.0.0:0:80', { bind: '0.0.0.0', localPort: 0, remoteHost: undefined, remotePort: 80 }],
    ['*:8080:80', { bind: '0.0.0.0', localPort: 8080, remoteHost: undefined, remotePort: 80 }],
    ['[::1]:8080:80', { bind: '::1', localPort: 8080, remoteHost: undefined, remotePort: 80 }],
    ['localhost:8080:80', { bind: 'localhost', localPort: 8080, remoteHost: undefined, remotePort: 80 }],
  ])('%s can only be bind:local:port', (text, spec) => {
    expect(parseForward(text)).toEqual(spec);
  });

  test.each([
    ['db:5432:5432', 'db is no port from 0 to 65535', '5432:db:5432'],
    ['db.internal:15432:5432', 'db.internal is no port from 0 to 65535', '15432:db.internal:5432'],
    ['10.0.0.5:8080:80', '10.0.0.5 is no port from 0 to 65535', '8080:10.0.0.5:80'],
    ['[fd00::10]:5432:5432', 'fd00::10 is no port from 0 to 65535', '5432:[fd00::10]:5432'],
    ['5432:5432:db', 'db is no port from 1 to 65535', '5432:db:5432'],
    ['db:5432', 'db is no port from 0 to 65535', '5432:db:5432'],
    ['*:5432', '* is no port from 0 to 65535', '*:5432:5432'],
    ['127.0.0.1:db:5432:5432', 'db is no port from 0 to 65535', '127.0.0.1:5432:db:5432'],
    ['8080', 'it has the wrong number of parts', '8080:8080'],
  ])('%s is refused with the order that was probably meant', (text, reason, suggestion) => {
    expect(() => parseForward(text)).toThrowError(
      expect.objectContaining({
        message: `cannot read ${text}: ${reason}`,
        details: { value: text, form: 'forward', suggestions: [suggestion] },
      }),
    );
    expect(() => parseForward(suggestion)).not.toThrow();
  });

  test.each([
    ['orders-db', { bind: '127.0.0.1', isDefaultBind: true, localPort: 0, isDatabasePort: true }],
    ['5432:orders-db', { bind: '127.0.0.1', isDefaultBind: true, localPort: 5432 }],
    ['0.0.0.0:5432:orders-db', { bind: '0.0.0.0', localPort: 5432 }],
  ])('%s names a database', (text, local) => {
    expect(parseForward(text)).toEqual({
      ...local,
      remoteHost: undefined,
      remotePort: 0,
      database: 'orders-db',
    });
  });

  test.each(['70000:db:5432', 'db:5432:0', 'a:b:5432', '1:2:3:4:5', 'db.internal'])(
    '%s is refused without a guess',
    (text) => {
      expect(() => parseForward(text)).toThrowError(
        expect.objectContaining({ details: { value: text, form: 'forward' } }),
      );
    },
  );

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
  ])('rejects %j and names it', (text) => {
    expect(() => parseForward(text)).toThrowError(
      expect.objectContaining({
        code: 'bad-forward',
        role: 'usage',
        message: expect.stringContaining(text) as string,
      }),
    );
  });

  test('with a session document only the local side is given', () => {
    const spec = { bind: '127.0.0.1', localPort: 5432, remoteHost: undefined, remotePort: 0 };
    expect(parseListener('5432')).toEqual({ ...spec, isDefaultBind: true });
    expect(parseListener('*:0')).toEqual({ ...spec, bind: '0.0.0.0', localPort: 0 });
    expect(parseListener('[::1]:0')).toEqual({ ...spec, bind: '::1', localPort: 0 });
    for (const text of ['', 'a', '5432:db:5432', '70000', ':1'])
      expect(() => parseListener(text)).toThrowError(
        expect.objectContaining({ code: 'bad-forward', details: { value: text, form: 'listener' } }),
      );
  });

  test('-D takes [BIND:]LOCAL', () => {
    expect(parseListener('*:1080', 'proxy')).toMatchObject({ bind: '0.0.0.0', localPort: 1080 });
    expect(() => parseListener('1080:db:80', 'proxy')).toThrowError(
      expect.objectContaining({
        code: 'bad-forward',
        message: 'cannot read 1080:db:80: -D takes [BIND:]LOCAL',
        details: { value: '1080:db:80', form: 'proxy' },
      }),
    );
  });

  test('the targets of --stdio are parsed, and addresses are formatted', () => {
    expect(parseTarget('db:22')).toEqual({ host: 'db', port: 22 });
    expect(parseTarget('22')).toEqual({ host: undefined, port: 22 });
    expect(parseTarget('[fd00::1]:22')).toEqual({ host: 'fd00::1', port: 22 });
    for (const [text, message, ...suggestions] of [
      ['db', 'cannot read db: its port is missing, HOST:PORT is expected'],
      ['[fd00::1]', 'cannot read [fd00::1]: its port is missing, HOST:PORT is expected'],
      ['a:b:22', 'cannot read a:b:22: HOST:PORT is expected'],
      ['fd00::1:22', 'cannot read fd00::1:22: HOST:PORT is expected'],
      ['db:', 'cannot read db:: HOST:PORT is expected'],
      ['22:db', 'cannot read 22:db: db is no port from 1 to 65535', 'db:22'],
      ['5432:db:5432', 'cannot read 5432:db:5432: HOST:PORT is expected', 'db:5432'],
      ['70000', 'cannot read 70000: 70000 is no port from 1 to 65535'],
    ] as const) {
      const details = { value: text, form: 'target', ...(suggestions.length === 0 ? {} : { suggestions }) };
      expect(() => parseTarget(text)).toThrowError(
        expect.objectContaining({ code: 'bad-forward', message, details }),
      );
    }
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
  ])('%s is matched with %s', (typed, meant) => {
    expect(nearest(typed, names)[0]).toBe(meant);
  });

  test('without a close match, a few names are all listed, and of many the number is given', () => {
    expect(candidatesFor('zzzzzzzz', names)).toEqual({ near: [], candidates: names, existing: names.length });
    const many = Array.from({ length: 150 }, (_, i) => `service-number-${i}`);
    expect(candidatesFor('zz', many)).toMatchObject({ near: [], existing: 150 });
    expect(candidatesFor('zz', many).candidates).toHaveLength(100);
    expect(candidatesFor('service-number', many).near).toHaveLength(5);
  });
});
