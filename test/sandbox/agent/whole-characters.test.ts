import { expect, test } from 'vitest';
import { WholeCharacters } from '../../../src/sandbox/agent/whole-characters.ts';

test('text that is split anywhere is sent completely and in whole characters', () => {
  const text = Buffer.from('aé€😀 grün');
  for (let first = 0; first <= text.length; first++)
    for (let second = first; second <= text.length; second++) {
      const characters = new WholeCharacters();
      const pieces = [text.subarray(0, first), text.subarray(first, second), text.subarray(second)].map(
        (piece) => Buffer.from(characters.push(piece)),
      );
      for (const piece of pieces) expect(piece.toString('utf8')).not.toContain('\uFFFD');
      expect(Buffer.concat([...pieces, characters.flush()])).toEqual(text);
    }
});

test('bytes that are not valid UTF-8 are held only briefly, and never lost', () => {
  const characters = new WholeCharacters();
  const binary = Buffer.from([0xff, 0x80, 0x80, 0x80, 0x80, 0xfe, 0xc3]);
  expect(Buffer.concat([characters.push(binary), characters.flush()])).toEqual(binary);
});
