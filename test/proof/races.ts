import { DescribeInstancesCommand, DescribeSecurityGroupsCommand } from '@aws-sdk/client-ec2';

import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { sandboxClients } from '../support/sandbox-clients.ts';
import { seeded } from '../contract/connect/port-lab.ts';
import { cli, type CliOutcome, hurried } from '../support/cli-in-process.ts';
import { type Pace, Turns } from './turns.ts';

/** Runs two commands at the same time in the same account; a seed decides the order of their API calls. */

export const UP = ['up', '--cluster', 'demo', '--yes', '--no-wait', '--json'] as const;
export const DOWN = ['down', '--yes', '--json'] as const;

type Env = Readonly<Record<string, string>>;

/** One of the commands that run at the same time. */
export interface Runner {
  readonly env: Env;
  readonly args: readonly string[];
}

export const calm = (env: Env, args: readonly string[]): Promise<CliOutcome> =>
  cli(args, { env, clock: hurried(200) });

/** Runs all commands at the same time, with their API calls in the order that the seed decides. */
export function race(seed: number, runners: readonly Runner[], pace?: Pace): Promise<readonly CliOutcome[]> {
  const turns = new Turns(seeded(seed), pace);
  return Promise.all(
    runners.map(({ env, args }, index) =>
      cli(args, {
        env,
        clock: hurried(200),
        account: (account) => turns.account(`run ${index}`, account),
      }),
    ),
  );
}

/** Ids of the bastion's instances that are pending or running. */
export async function alive(sandbox: Sandbox, name = 'default'): Promise<readonly string[]> {
  const filters = [
    { Name: 'tag:fargate-connect:bastion', Values: [name] },
    { Name: 'instance-state-name', Values: ['pending', 'running'] },
  ];
  const found = await sandboxClients(sandbox.env).ec2.send(
    new DescribeInstancesCommand({ Filters: filters }),
  );
  return (found.Reservations ?? [])
    .flatMap((item) => item.Instances ?? [])
    .map((each) => each.InstanceId ?? '');
}

/** Whether the bastion's security group allows the port outbound and the tag of the instance names the port. */
export async function reaches(sandbox: Sandbox, instanceId: string, port: number): Promise<boolean> {
  const { ec2 } = sandboxClients(sandbox.env);
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

/** Reads the output of `up --json`. */
export const instanceOf = (outcome: CliOutcome): string =>
  (JSON.parse(outcome.stdout) as { readonly instanceId: string }).instanceId;

/** Returns the error code on the stderr of a command with --json, or an empty string without an error. */
export function codeOf(outcome: CliOutcome | undefined): string {
  const line = outcome?.stderr
    .trim()
    .split('\n')
    .findLast((text) => text.startsWith('{"error"'));
  return line === undefined ? '' : (JSON.parse(line) as { readonly error: { code: string } }).error.code;
}

export const tail = (outcome: CliOutcome | undefined): string =>
  `exit ${outcome?.status} ${outcome?.stderr.slice(-400)}`;

/** Counts how often each outcome occurred, and prints the counts at the end. */
export class Ends {
  readonly #times = new Map<string, number>();

  count(end: string): void {
    this.#times.set(end, (this.#times.get(end) ?? 0) + 1);
  }

  tell(title: string): void {
    const lines = [...this.#times].map(([end, times]) => `  ${end}: ${times} times`).sort();
    process.stdout.write(`${title}:\n${lines.join('\n')}\n`);
  }
}
