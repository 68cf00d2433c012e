import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { attack, attacks } from '../support/hostile-messages.ts';

/** Whatever arrives, a channel reports, ignores, or ends with a ProtocolError: no other exception, no endless work. More in test/soak. */
test('arbitrary and mutated messages into every kind of end', () => {
  fc.assert(
    fc.property(attacks, (any) => {
      expect(attack(any)).toBeUndefined();
    }),
    { numRuns: 2000 },
  );
});
