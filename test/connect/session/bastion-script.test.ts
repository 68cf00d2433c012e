import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { bastionScript, EndMark } from '../../../src/connect/session/bastion-script.ts';
import { reportSkip } from '../../support/on-path.ts';

const NONCE = '00112233445566778899aabbccddeeff';
const MARK = `\x1e${NONCE}\x1e`;

test('the marker is removed from the stream however it is split, and nothing else is', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', '\x1e', '0', '1') }),
      fc.string(),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      (before, behind, cuts) => {
        const whole = Buffer.from(before + MARK + behind);
        const mark = new EndMark(NONCE);
        const out: Uint8Array[] = [];
        for (let at = 0, i = 0; at < whole.length; i++) {
          const size = cuts[i % cuts.length] ?? 1;
          out.push(mark.push(whole.subarray(at, at + size)));
          at += size;
        }
        expect(mark.isSeen).toBe(true);
        expect(Buffer.concat(out).toString()).toBe(before + behind);
      },
    ),
  );
});

test('a stream without a marker passes completely, its last bytes on flush', () => {
  const mark = new EndMark(NONCE);
  const text = `out\x1e${NONCE}`;
  const passed = Buffer.concat([mark.push(Buffer.from(text)), mark.flush()]).toString();
  expect([passed, mark.isSeen]).toEqual([text, false]);
});

const hasShell = process.platform !== 'win32';
if (!hasShell) reportSkip('the script of a command on the bastion', 'Windows has no /bin/sh');
test.runIf(hasShell)(
  'the script marks both streams and keeps the status; its text does not contain the marker',
  () => {
    const line = bastionScript(['sh', '-c', 'echo out; echo err >&2; exit 7'], NONCE);
    expect(line).not.toContain(NONCE);
    const both = execFileSync('/bin/sh', ['-c', `( ${line} ) 2>&1; echo "status $?"`], { encoding: 'utf8' });
    expect(both).toBe(`out\nerr\n${MARK}${MARK}status 7\n`);
  },
);
