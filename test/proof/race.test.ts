import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { quickAccount } from './crash-matrix.ts';
import { alive, calm, codeOf, DOWN, Ends, instanceOf, race, reaches, tail, UP } from './races.ts';
import { type Pace, PACES } from './turns.ts';

/** Runs two `up` at the same time, and an `up` and a `down`, for one bastion. */

/** The seeds of one account, because an account keeps terminated instances and each listing of them takes longer. */
const LOT = 16;
interface Lot {
  readonly pace: keyof typeof PACES;
  readonly first: number;
}
const LOTS: readonly Lot[] = [
  ...[1, 17, 33, 49].map((first): Lot => ({ pace: 'short and long runs of calls', first })),
  { pace: 'call by call', first: 101 },
  { pace: 'whole phases', first: 201 },
];
/** The outcome of an `up` that noticed that another command removed one of its resources meanwhile. */
const REMOVED = 'removed-during-up';

const ends = new Ends();
afterAll(() => ends.tell(`races, ${LOT * LOTS.length} seeds of each kind`));

describe.each(LOTS)('races, $pace from seed $first on', ({ pace: paceName, first }) => {
  const account = quickAccount();
  let sandbox: Sandbox;
  beforeAll(() => {
    sandbox = account();
  });
  afterEach(() => calm(sandbox.env, ['down', '--all', '--yes', '--force']));
  const pace: Pace = PACES[paceName];
  const seeds = Array.from({ length: LOT }, (_, index) => first + index);
  const both = (a: readonly string[], b: readonly string[]) => [
    { env: sandbox.env, args: a },
    { env: sandbox.env, args: b },
  ];

  it('two up at the same time end with one bastion, in every order of their calls', async () => {
    const before = sandbox.snapshot();
    const bad: string[] = [];
    for (const seed of seeds) {
      const second = seed % 2 === 0 ? [...UP, '--db', 'orders-db'] : UP;
      const [a, b] = await race(seed, both(UP, second), pace);
      const living = await alive(sandbox);
      ends.count(`two up: ${a?.status} and ${b?.status}, ${living.length} left`);
      if (a?.status !== 0 || b?.status !== 0) bad.push(`seed ${seed}: ${tail(a)} | ${tail(b)}`);
      else if (living.length !== 1) bad.push(`seed ${seed}: ${living.length} bastions`);
      else {
        const told = [a, b].map(instanceOf);
        if (seed % 2 === 0 && !(await reaches(sandbox, living[0] ?? '', 5432)))
          bad.push(`seed ${seed}: the port that one of them asked for is closed`);
        if (told.some((id) => id !== living[0]))
          bad.push(`seed ${seed}: told ${told.join(', ')}, alive ${living[0]}`);
      }
      const down = await calm(sandbox.env, DOWN);
      if (down.status !== 0 || sandbox.snapshot() !== before) bad.push(`seed ${seed}: down ${tail(down)}`);
    }
    expect(bad).toEqual([]);
  });

  it('up and down at the same time end with one bastion or none', async () => {
    const before = sandbox.snapshot();
    const bad: string[] = [];
    for (const seed of seeds) {
      // In half of the races a bastion already runs at the start.
      if (seed % 2 === 0) await calm(sandbox.env, UP);
      const [up, down] = await race(1_000 + seed, both(UP, DOWN), pace);
      const living = await alive(sandbox);
      const end = `up ${up?.status} ${codeOf(up)}, down ${down?.status}, ${living.length} left`;
      ends.count(end);
      if (living.length > 1) bad.push(`seed ${seed}: ${living.length} bastions`);
      if (seed % 3 === 0) {
        const again = await calm(sandbox.env, UP);
        const healed = await alive(sandbox);
        if (again.status !== 0 || healed.length !== 1) bad.push(`seed ${seed}: up again ${tail(again)}`);
      }
      const last = await calm(sandbox.env, DOWN);
      if (last.status !== 0 || sandbox.snapshot() !== before)
        bad.push(`seed ${seed} (${end}): down ${tail(last)}`);
      if (up?.status !== 0 && (up?.status !== 1 || codeOf(up) !== REMOVED))
        bad.push(`seed ${seed}: up ${tail(up)}`);
      if (down?.status !== 0 && down?.status !== 5) bad.push(`seed ${seed}: down in the race ${tail(down)}`);
    }
    expect(bad).toEqual([]);
  });
});
