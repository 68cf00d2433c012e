import { DescribeInstancesCommand, DescribeSecurityGroupsCommand } from '@aws-sdk/client-ec2';
import { afterEach, describe, expect, it } from 'vitest';

import { seeded } from '../connect/port-lab.ts';
import { sandboxClients } from '../../support/sandbox-clients.ts';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli, type CliOutcome, hurried } from './cli-in-process.ts';
import { Turns } from './turns.ts';

/** Two people at the same bastion at the same time; a seed orders their API calls. */

const sandbox = testSandbox();
const SEEDS = 64;
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

afterEach(() => calm(['down', '--all', '--yes', '--force']));

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

describe('races', () => {
  it(`two up end with one bastion, whatever the order of their calls (${SEEDS} seeds)`, async () => {
    const before = sandbox().snapshot();
    const bad: string[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const second = seed % 2 === 0 ? [...UP, '--db', 'orders-db'] : UP;
      const [a, b] = await race(seed, UP, second);
      const living = await alive();
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
    process.stdout.write(`races of two up: ${SEEDS} seeds, ${bad.length} bad\n`);
    expect(bad).toEqual([]);
  }, 600_000);

  it(`up against down ends with one bastion or none (${SEEDS} seeds)`, async () => {
    const before = sandbox().snapshot();
    const bad: string[] = [];
    const ends = new Map<string, number>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      // Half of the races begin with a bastion that runs already.
      if (seed % 2 === 0) await calm(UP);
      const [up, down] = await race(1_000 + seed, UP, DOWN);
      const living = await alive();
      const end = `up ${up?.status}, down ${down?.status}, ${living.length} left`;
      ends.set(end, (ends.get(end) ?? 0) + 1);
      if (living.length > 1) bad.push(`seed ${seed}: ${living.length} bastions`);
      if (seed % 8 === 0) {
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
    process.stdout.write(
      `races of up and down: ${SEEDS} seeds, ${bad.length} bad; ${JSON.stringify(Object.fromEntries(ends))}\n`,
    );
    expect(bad).toEqual([]);
  }, 600_000);
});
