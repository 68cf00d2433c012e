import { nameOfArn } from '../../core/arn.ts';
import { ToolError } from '../../core/errors.ts';
import { isOverdue } from '../../provision/bastion/ephemeral.ts';
import { isEmpty, readInventory, runningOldestFirst } from '../../provision/bastion/inventory.ts';
import { TAG } from '../../provision/bastion/names.ts';
import { bastionOfIamName } from '../../provision/roles/iam-names.ts';
import { tearDown } from '../../provision/teardown/teardown.ts';
import { awsClock } from '../aws-clock.ts';
import type { Needs } from '../collaborators.ts';
import { iamNaming, type IamOverrides } from './iam-naming.ts';

type SweepNeeds = Needs<'account' | 'clock' | 'random' | 'report' | 'signal', 'iamPath' | 'iamPrefix'>;

/**
 * Deletes what killed `run --ephemeral` commands have left: roles, profiles, groups and templates of bastions whose
 * instance is gone. Never rejects: a caller without the permissions has nothing to sweep, and the next command tries again.
 */
export async function sweepEphemeral(iam: IamOverrides, deps: SweepNeeds): Promise<void> {
  try {
    await sweep(iam, deps);
  } catch (error) {
    // A person who may not read these lists has not created any of it.
    if (deps.signal.aborted || (error instanceof ToolError && error.role === 'access')) return;
    deps.report({
      type: 'note',
      level: 'info',
      code: 'not-swept',
      message: `leftovers of earlier ephemeral bastions were not looked for: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}

async function sweep(overrides: IamOverrides, deps: SweepNeeds): Promise<void> {
  const account = await deps.account();
  const [ec2, iam] = await Promise.all([account.ec2(), account.iam()]);
  const naming = iamNaming(overrides, deps.settings);
  const { region } = account;
  // The first resources that are created and the last that are deleted: one of them exists as long as any other does.
  const [roles, policies, groups] = await Promise.all([
    iam.roleNames(naming.path),
    iam.policyArns(naming.path),
    ec2.securityGroups({ tag: { key: TAG.bastion } }),
  ]);
  const names = new Set([
    ...[...roles, ...policies.map(nameOfArn)].map((each) => bastionOfIamName(each, region, naming)),
    ...groups.map(({ tags }) => tags[TAG.bastion]),
  ]);
  const now = awsClock(account, deps.clock).now();
  const overdue = [...names].filter((name) => name !== undefined).filter((name) => isOverdue(name, now));
  if (overdue.length === 0) return;
  const { accountId, partition } = await (await account.identity()).caller();
  for (const name of overdue) {
    const scope = { name, region, accountId, partition, iam: naming };
    const inventory = await readInventory({ ec2, iam }, scope);
    if (isEmpty(inventory) || runningOldestFirst(inventory.instances).length > 0) continue;
    const { clock, signal, random, report } = deps;
    await tearDown(inventory, scope, {
      ec2,
      iam,
      clock,
      signal,
      random: () => random.number(),
      // Each deletion is a step; the person did not ask for it, and is told once.
      report: () => undefined,
    });
    report({
      type: 'note',
      level: 'info',
      code: 'swept',
      message: `deleted what a command of an earlier ephemeral bastion had left: ${name}`,
      details: { name },
    });
  }
}
