import { CreatePolicyCommand } from '@aws-sdk/client-iam';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { VPC } from '../../src/sandbox/world/seed-network.ts';
import { sandboxClients } from '../support/sandbox-clients.ts';
import type { CliOutcome } from '../support/cli-in-process.ts';
import { quickAccount } from './crash-matrix.ts';
import { type Document, shippedDocument } from '../support/grants.ts';
import { alive, calm, codeOf, DOWN, Ends, instanceOf, race, tail, UP } from './races.ts';
import { PACES } from './turns.ts';

/** Two users at the same time in the same account, each with the operator document that we ship. */

const SEEDS = 12;
const ends = new Ends();
afterAll(() => ends.tell(`races of two people, ${SEEDS} seeds of each kind and pace`));

describe.each(Object.entries(PACES))('two people, %s', (paceName, pace) => {
  const account = quickAccount();
  let sandbox: Sandbox;
  /** Creates a user whose policy allows this bastion name only; `*` = any name. */
  const person = (userName: string, bastion: string): Readonly<Record<string, string>> => {
    const values = { bastion, cluster: 'demo', vpc: VPC.main };
    const documents: readonly Document[] = [
      shippedDocument('operator-ec2', values),
      shippedDocument('operator-iam', values),
    ];
    return sandbox.createPrincipal({ userName: `${userName}-${bastion}`, policies: documents });
  };

  beforeAll(async () => {
    sandbox = account();
    await sandboxClients(sandbox.env).iam.send(
      new CreatePolicyCommand({
        PolicyName: 'fargate-connect-bastion-boundary',
        Path: '/fargate-connect/',
        PolicyDocument: JSON.stringify(shippedDocument('bastion-boundary', { cluster: 'demo' })),
      }),
    );
  });
  afterEach(() => calm(sandbox.env, ['down', '--all', '--yes', '--force']));
  const seeds = Array.from({ length: SEEDS }, (_, index) => index + 1);

  it('two up with one name end with one bastion, which both users get, and either may remove it', async () => {
    const [ada, bob] = [person('ada', '*'), person('bob', '*')];
    const before = sandbox.snapshot();
    const bad: string[] = [];
    for (const seed of seeds) {
      const runners = [ada, bob].map((env) => ({ env, args: UP }));
      const [a, b] = await race(3_000 + seed, runners, pace);
      const living = await alive(sandbox);
      ends.count(`one name: ${a?.status} and ${b?.status}, ${living.length} left`);
      if (a?.status !== 0 || b?.status !== 0) bad.push(`seed ${seed}: ${tail(a)} | ${tail(b)}`);
      else if (living.length !== 1) bad.push(`seed ${seed}: ${living.length} bastions`);
      else if ([a, b].some((run) => instanceOf(run) !== living[0]))
        bad.push(`seed ${seed}: told another one`);
      const down = await calm(seed % 2 === 0 ? ada : bob, DOWN);
      if (down.status !== 0 || sandbox.snapshot() !== before) bad.push(`seed ${seed}: down ${tail(down)}`);
    }
    expect(bad).toEqual([]);
  });

  it('two up with two names end with two bastions, and the removal of one leaves the other intact', async () => {
    const people = ['ada', 'bob'].map((name) => ({ name, env: person(name, name) }));
    const before = sandbox.snapshot();
    const bad: string[] = [];
    for (const seed of seeds) {
      const runners = people.map(({ name, env }) => ({ env, args: [...UP, '--name', name] }));
      const both = await race(4_000 + seed, runners, pace);
      const living = await Promise.all(people.map(({ name }) => alive(sandbox, name)));
      ends.count(`two names: ${both.map((run) => run.status).join(' and ')}, ${living.flat().length} left`);
      if (both.some((run) => run.status !== 0)) bad.push(`seed ${seed}: ${both.map(tail).join(' | ')}`);
      else if (living.some((ids, index) => ids.length !== 1 || instanceOf(both[index]!) !== ids[0]))
        bad.push(`seed ${seed}: alive ${JSON.stringify(living)}`);
      const [first, second] = seed % 2 === 0 ? people : people.toReversed();
      const one = await endOf(first!.env, first!.name);
      const left = await alive(sandbox, second!.name);
      if (one.status !== 0 || left.length !== 1) bad.push(`seed ${seed}: ${left.length} left, ${tail(one)}`);
      const other = await endOf(second!.env, second!.name);
      if (other.status !== 0 || sandbox.snapshot() !== before) bad.push(`seed ${seed}: down ${tail(other)}`);
    }
    expect(bad).toEqual([]);
  });

  it('up of one user and down of the other end with one bastion or none, and no orphaned resource', async () => {
    const [ada, bob] = [person('up', '*'), person('down', '*')];
    const before = sandbox.snapshot();
    const bad: string[] = [];
    for (const seed of seeds) {
      if (seed % 2 === 0) await calm(bob, UP);
      const [up, down] = await race(
        5_000 + seed,
        [
          { env: ada, args: UP },
          { env: bob, args: DOWN },
        ],
        pace,
      );
      const living = await alive(sandbox);
      ends.count(`up ${up?.status} ${codeOf(up)}, down ${down?.status}, ${living.length} left`);
      if (living.length > 1) bad.push(`seed ${seed}: ${living.length} bastions`);
      if (up?.status !== 0 && codeOf(up) !== 'removed-during-up') bad.push(`seed ${seed}: up ${tail(up)}`);
      if (down?.status !== 0 && down?.status !== 5) bad.push(`seed ${seed}: down ${tail(down)}`);
      const last = await calm(ada, DOWN);
      if (last.status !== 0 || sandbox.snapshot() !== before) bad.push(`seed ${seed}: down ${tail(last)}`);
    }
    expect(bad).toEqual([]);
  });

  const endOf = (env: Readonly<Record<string, string>>, name: string): Promise<CliOutcome> =>
    calm(env, [...DOWN, '--name', name]);
});
