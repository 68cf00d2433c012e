import { DescribeInstancesCommand, DescribeSecurityGroupsCommand } from '@aws-sdk/client-ec2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { seeded } from '../connect/port-lab.ts';
import type { Sandbox } from '../../../src/sandbox/sandbox.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome, hurried } from './cli-in-process.ts';
import { QUICK } from './crash-matrix.ts';
import { Turns } from './turns.ts';

/** Two people at the same bastion at the same time; a seed orders their API calls. */

/** Seeds of one account: it remembers what was terminated, and every look at it takes longer. */
const LOT = 16;
const LOTS = [0, 1, 2, 3] as const;
let sandbox: () => Sandbox;
const UP = ['up', '--cluster', 'demo', '--yes', '--no-wait', '--json'] as const;
const DOWN = ['down', '--yes', '--json'] as const;

const calm = (args: readonly string[]): Promise<CliOutcome> =>
  cli(args, { env: sandbox().env, clock: hurried(60) });

/** Both at once, their calls in the order of the seed. */
function race(seed: number, ...commands: readonly (readonly string[])[]): Promise<readonly CliOutcome[]> {
  const turns = new Turns(seeded(seed));
  return Promise.all(
    commands.map((args, index) =>
      cli(args, {
        env: sandbox().env,
        clock: hurried(60),
        account: (account) => turns.account(`run ${index}`, account),
      }),
    ),
  );
}

/** Ids of the bastion's instances that start or run. */
async function alive(): Promise<readonly string[]> {
  const filters = [
    { Name: 'tag:fargate-connect:bastion', Values: ['default'] },
    { Name: 'instance-state-name', Values: ['pending', 'running'] },
  ];
  const found = await sandboxClients(sandbox().env).ec2.send(
    new DescribeInstancesCommand({ Filters: filters }),
  );
  return (found.Reservations ?? [])
    .flatMap((item) => item.Instances ?? [])
    .map((each) => each.InstanceId ?? '');
}

/** Group and instance agree that the port is open. */
async function reaches(instanceId: string, port: number): Promise<boolean> {
  const { ec2 } = sandboxClients(sandbox().env);
  const filter = { Name: 'group-name', Values: ['fargate-connect-default'] };
  const [groups, instances] = await Promise.all([
    ec2.send(new DescribeSecurityGroupsCommand({ Filters: [filter] })),
    ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] })),
  ]);
  const tags = instances.Reservations?.[0]?.Instances?.[0]?.Tags ?? [];
  return (
    groups.SecurityGroups?.[0]?.IpPermissionsEgress?.some((rule) => rule.FromPort === port) === true &&
    tags.some((tag) => tag.Key === 'fargate-connect:ports' && tag.Value?.includes(String(port)))
  );
}

const tail = (outcome: CliOutcome): string => `exit ${outcome.status} ${outcome.stderr.slice(-400)}`;

const ends = new Map<string, number>();
const count = (end: string): void => void ends.set(end, (ends.get(end) ?? 0) + 1);
afterAll(() => {
  const lines = [...ends].map(([end, times]) => `  ${end}: ${times} times`).sort();
  process.stdout.write(`races, ${LOT * LOTS.length} seeds of each kind:\n${lines.join('\n')}\n`);
});

describe.each(LOTS)('races, lot %i', (lot) => {
  const account = testSandbox({ timing: QUICK });
  beforeAll(() => {
    sandbox = account;
  });
  afterEach(() => calm(['down', '--all', '--yes', '--force']));
  const seeds = Array.from({ length: LOT }, (_, index) => lot * LOT + index + 1);

  it('two up end with one bastion, whatever the order of their calls', async () => {
    const before = sandbox().snapshot();
    const bad: string[] = [];
    for (const seed of seeds) {
      const second = seed % 2 === 0 ? [...UP, '--db', 'orders-db'] : UP;
      const [a, b] = await race(seed, UP, second);
      const living = await alive();
      count(`two up: ${a?.status} and ${b?.status}, ${living.length} left`);
      if (a?.status !== 0 || b?.status !== 0)
        bad.push(`seed ${seed}: ${[a, b].map((run) => run && tail(run)).join(' | ')}`);
      else if (living.length !== 1) bad.push(`seed ${seed}: ${living.length} bastions`);
      else {
        const told = [a, b].map((run) => (JSON.parse(run.stdout) as { instanceId: string }).instanceId);
        if (seed % 2 === 0 && !(await reaches(living[0] ?? '', 5432)))
          bad.push(`seed ${seed}: the port that one of them asked for is closed`);
        if (told.some((id) => id !== living[0]))
          bad.push(`seed ${seed}: told ${told.join(', ')}, alive ${living[0]}`);
      }
      const down = await calm(DOWN);
      if (down.status !== 0 || sandbox().snapshot() !== before) bad.push(`seed ${seed}: down ${tail(down)}`);
    }
    expect(bad).toEqual([]);
  });

  it('up against down ends with one bastion or none', async () => {
    const before = sandbox().snapshot();
    const bad: string[] = [];
    for (const seed of seeds) {
      // Half of the races begin with a bastion that runs already.
      if (seed % 2 === 0) await calm(UP);
      const [up, down] = await race(1_000 + seed, UP, DOWN);
      const living = await alive();
      const end = `up ${up?.status}, down ${down?.status}, ${living.length} left`;
      count(end);
      if (living.length > 1) bad.push(`seed ${seed}: ${living.length} bastions`);
      if (seed % 3 === 0) {
        const again = await calm(UP);
        const healed = await alive();
        if (again.status !== 0 || healed.length !== 1) bad.push(`seed ${seed}: up again ${tail(again)}`);
      }
      const last = await calm(DOWN);
      if (last.status !== 0 || sandbox().snapshot() !== before)
        bad.push(`seed ${seed} (${end}): down ${tail(last)}`);
      if (up !== undefined && ![0, 1].includes(up.status)) bad.push(`seed ${seed}: up ${tail(up)}`);
      if (down !== undefined && ![0, 5].includes(down.status))
        bad.push(`seed ${seed}: down in the race ${tail(down)}`);
    }
    expect(bad).toEqual([]);
  });
});
