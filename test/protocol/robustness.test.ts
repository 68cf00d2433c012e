import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { attack, attacks } from '../support/hostile-messages.ts';

/**
 * For any input, a channel reports it, ignores it, or ends with a ProtocolError: never another exception or an endless
 * loop. More in test/soak.
 */
test('arbitrary and mutated messages are handled by both roles in every state', () => {
  fc.assert(
    fc.property(attacks, (any) => {
      expect(attack(any)).toBeUndefined();
    }),
    { numRuns: 1000 },
  );
});
