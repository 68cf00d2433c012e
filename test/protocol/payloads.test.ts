import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { decodeFrameHeader } from '../../src/protocol/smux-frame.ts';
import {
  encodeExitCode,
  encodeFlag,
  encodeSize,
  readExitCode,
  readFlag,
  readSize,
} from '../../src/protocol/stream-payloads.ts';
import { agentMuxFeatures, clientMuxFeatures } from '../../src/protocol/version-gates.ts';

describe('a terminal size', () => {
  it.each([[{ columns: 80, rows: 24 }], [{ columns: 0, rows: 0 }], [{ columns: 65_535, rows: 65_535 }]])(
    '%j is read as it was written',
    (size) => {
      expect(readSize(encodeSize(size))).toEqual(size);
    },
  );

  it.each([
    ['{"cols":65536,"rows":24}'],
    ['{"cols":80,"rows":65536}'],
    ['{"cols":-1,"rows":24}'],
    ['{"cols":80,"rows":-1}'],
    ['{"cols":80}'],
    ['{"rows":24}'],
    ['{"cols":"80","rows":24}'],
    ['[]'],
    ['80x24'],
    [''],
  ])('%s is not read', (text) => {
    expect(readSize(utf8(text))).toBeUndefined();
  });
});

describe('an exit code', () => {
  it.each([
    ['EXIT_CODE: 0', 0],
    ['EXIT_CODE: 255', 255],
    ['EXIT_CODE: -1', -1],
    ['  EXIT_CODE: 7\n', 7],
    ['EXIT_CODE: 1234567890', 1_234_567_890],
  ])('%j', (text, code) => {
    expect(readExitCode(utf8(text))).toBe(code);
  });

  it.each(['no EXIT_CODE: 0', 'EXIT_CODE: 0 or so', 'EXIT_CODE: 12345678901', 'EXIT_CODE: x', ''])(
    'is not %j',
    (text) => {
      expect(readExitCode(utf8(text))).toBeUndefined();
    },
  );

  it('is read as it was written', () => {
    expect(readExitCode(encodeExitCode(137))).toBe(137);
  });
});

it.each([
  ['DisconnectToPort', 1],
  ['TerminateSession', 2],
  ['ConnectToPortError', 3],
] as const)('flag %s is %i in four bytes, and no other length is read', (flag, value) => {
  expect([...encodeFlag(flag)]).toEqual([0, 0, 0, value]);
  expect(readFlag(encodeFlag(flag))).toBe(flag);
  expect(readFlag(Uint8Array.of(0, 0, 0, value, 0))).toBeUndefined();
  expect(readFlag(Uint8Array.of(0, 0, value))).toBeUndefined();
  expect(readFlag(Uint8Array.of(0, 0, 0, value + 3))).toBeUndefined();
});

describe('the client trusts only agent versions of four integers', () => {
  it.each([
    ['3.0.196.0', false],
    ['3.0.196.1', true],
    ['3.0.197.0', true],
    ['10.0.0.0', true],
    ['3.0.197', false],
    ['3.0.197.0.1', false],
    ['3.0.197.x', false],
    ['3.0.197.1x', false],
    ['3.0.197.x1', false],
    ['x.0.197.0', false],
    ['', false],
  ])('agent %j: smux %j', (version, mux) => {
    expect(clientMuxFeatures(version, true).mux).toBe(mux);
    expect(clientMuxFeatures(version, false)).toEqual({ mux: false, keepAlive: false });
  });
});

describe('the agent counts a shorter client version as older, and an unreadable one as the oldest', () => {
  it.each([
    ['1.1.70', true],
    ['1.1.70.0', true],
    ['1.1.69', false],
    ['1.1.69.9', false],
    ['1.1', false],
    ['1.2', true],
    ['2', true],
    ['1.1.x', false],
    ['', false],
  ])('client %j: smux %j', (version, mux) => {
    expect(agentMuxFeatures(version, true).mux).toBe(mux);
  });

  it.each([
    ['1.2.331.0', true],
    ['1.2.331', true],
    ['1.2.331.1', false],
    ['1.2.331.0.0', false],
  ])('client %j: keep-alive %j', (version, keepAlive) => {
    expect(agentMuxFeatures(version, true).keepAlive).toBe(keepAlive);
  });
});

it.each([
  [[2, 0, 0, 0, 3, 0, 0, 0], 'mux-version', 'multiplexer frame of version 2 instead of 1'],
  [[1, 4, 0, 0, 3, 0, 0, 0], 'mux-command', 'unknown multiplexer command 4'],
  [[1, 0, 1, 0, 3, 0, 0, 0], 'mux-frame-length', 'multiplexer command 0 with 1 bytes of data'],
])('the frame header %j is refused: %s', (bytes, code, message) => {
  const decode = (): unknown => decodeFrameHeader(Buffer.from(bytes));
  expect(decode).toThrow(expect.objectContaining({ code, message }) as Error);
});
