import { Command } from 'commander';
import { interrupted, ToolError } from '../../core/errors.ts';
import type { Inventory, InventoryScope } from '../../provision/bastion/inventory.ts';
import type { Ec2Port } from '../../provision/ports/ec2.ts';
import type { Identity } from '../../provision/ports/iam.ts';
import type { TeardownResult } from '../../provision/teardown/teardown.ts';
import type { IamNaming } from '../../provision/roles/iam-names.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { addIamFlags, type IamFlags, iamFlagsOf, iamNaming } from '../iam-flags.ts';

export interface DownOptions {
  readonly name: string;
  readonly all: boolean;
  /** Also while others are connected. */
  readonly force: boolean;
  /** As typed. */
  readonly iam: IamFlags;
}

interface DownFlags extends IamFlags {
  readonly name: string;
  readonly all?: boolean;
  readonly force?: boolean;
}

export function downCommand(invoke: Invoke, run: Run<DownOptions> = runDown): Command {
  const command = new Command('down')
    .description('delete everything that up made, found by tags; verify; name what is left')
    .option('--name <name>', 'name of the bastion', 'default')
    .option('--all', 'every bastion of this account and region')
    .option('--force', "also while other people's sessions are open");
  return addIamFlags(command)
    .addHelpText(
      'after',
      `
Works from any machine and after any crash; running it twice does no harm. Exit 5: something is left, and named.

Examples:
  $ fargate-connect down
  $ fargate-connect down --name orders --yes
  $ fargate-connect down --all`,
    )
    .action((flags: DownFlags, command: Command) =>
      invoke(
        run,
        { name: flags.name, all: flags.all === true, force: flags.force === true, iam: iamFlagsOf(flags) },
        command,
      ),
    );
}

interface Target {
  readonly scope: InventoryScope;
  readonly inventory: Inventory;
}

async function runDown(options: DownOptions, context: CommandContext): Promise<void> {
  const [{ readInventory, isEmpty }, { checkBastionName }] = await Promise.all([
    import('../../provision/bastion/inventory.ts'),
    import('../../provision/bastion/names.ts'),
  ]);
  const account = await context.account();
  const [ec2, iam, identityPort] = await Promise.all([account.ec2(), account.iam(), account.identity()]);
  const identity = await identityPort.caller();
  const naming = await iamNaming(options.iam, context);
  const names = options.all ? await allNames(naming, context) : [checkBastionName(options.name)];
  const targets = await Promise.all(
    names.map(async (name): Promise<Target> => {
      const { accountId, partition } = identity;
      const scope = { name, region: account.region, accountId, partition, iam: naming };
      return { scope, inventory: await readInventory({ ec2, iam }, scope) };
    }),
  );
  const full = targets.filter((target) => !isEmpty(target.inventory));
  if (full.length === 0) {
    const kept = targets.flatMap((target) => target.inventory.foreign);
    writeResult([], kept, 0, context);
    const what = options.all ? 'no bastion' : `nothing of bastion ${options.name}`;
    context.report({
      type: 'note',
      level: 'info',
      code: 'nothing-to-delete',
      message: `${what} exists in ${account.region}`,
    });
    if (!options.all) await tellOfOthers(ec2, context);
    return;
  }
  await agree(full, identity, options, context);
  await deleteAll(targets, full, context);
}

/** Who takes everything down must not overlook what has another name and costs money. */
async function tellOfOthers(ec2: Ec2Port, { report }: CommandContext): Promise<void> {
  const { findBastions } = await import('../../provision/bastion/inventory.ts');
  const names = [...new Set((await findBastions(ec2, {})).map((bastion) => bastion.name))].sort();
  if (names.length === 0) return;
  report({
    type: 'note',
    level: 'warning',
    code: 'others-run',
    message: `other bastions run: ${names.join(', ')}; fargate-connect down --name NAME, or --all`,
    details: { names },
  });
}

/** Strict: with a listing that is denied, something could stay unseen. */
async function allNames(naming: IamNaming, context: CommandContext): Promise<readonly string[]> {
  const { findNames } = await import('../../provision/bastion/inventory.ts');
  const account = await context.account();
  const [ec2, iam] = await Promise.all([account.ec2(), account.iam()]);
  return findNames({ ec2, iam }, account.region, naming);
}

/** Nobody is cut off unasked, and nothing goes before the person has seen what. */
async function agree(
  full: readonly Target[],
  identity: Identity,
  options: DownOptions,
  context: CommandContext,
): Promise<void> {
  const [{ refuseIfInUse }, { planDown }, { describePlan }, { talkWidth }] = await Promise.all([
    import('../../provision/teardown/teardown.ts'),
    import('../../provision/plan/plan-down.ts'),
    import('../../provision/plan/plan-text.ts'),
    import('../render/up-text.ts'),
  ]);
  if (!options.force) {
    const ssm = await (await context.account()).ssm();
    for (const { inventory } of full)
      await refuseIfInUse(inventory, identity.arn, (instanceId) => ssm.activeSessions(instanceId));
  }
  for (const { inventory } of full) {
    for (const message of describePlan(planDown(inventory), talkWidth(context)))
      context.report({ type: 'note', level: 'info', code: 'plan', message });
  }
  const names = full.map((target) => target.inventory.name).join(', ');
  const agreed = await context.prompter.confirm({
    message: `Delete ${full.length === 1 ? `bastion ${names}` : `the bastions ${names}`}?`,
    flag: '--yes',
    defaultAnswer: true,
  });
  if (!agreed) throw interrupted('nothing was deleted');
}

async function deleteAll(
  targets: readonly Target[],
  full: readonly Target[],
  context: CommandContext,
): Promise<void> {
  const { tearDown } = await import('../../provision/teardown/teardown.ts');
  const account = await context.account();
  const [ec2, iam] = await Promise.all([account.ec2(), account.iam()]);
  const { clock, report, signal } = context;
  const random = (): number => context.random.number();
  const deps = { ec2, iam, clock, random, report, signal, profile: context.settings.profile };
  const done: { readonly name: string; readonly result: TeardownResult }[] = [];
  const problems: ToolError[] = [];
  for (const { scope, inventory } of full) {
    try {
      const result = await tearDown(inventory, scope, deps);
      done.push({ name: scope.name, result });
    } catch (error) {
      if (signal.aborted || !(error instanceof ToolError)) throw error;
      problems.push(error);
    }
  }
  const kept = targets.flatMap((target) => target.inventory.foreign);
  writeResult(done, kept, problems.flatMap(leftBy).length, context);
  const [first, ...others] = problems;
  if (first !== undefined) throw others.length === 0 ? first : together(first, others);
}

/** What is left of each is named with its commands, whichever ends the program. */
function together(first: ToolError, others: readonly ToolError[]): ToolError {
  const all = [first, ...others];
  const message = all.map((problem) => problem.message).join('; ');
  return new ToolError(first.role, first.code, message, {
    hints: [...new Set(all.flatMap((problem) => problem.hints))],
    details: { ...first.details, left: all.flatMap(leftBy) },
    cause: first,
  });
}

/** Where it could not be looked at in the end, something may be left. */
const leftBy = ({ details: { left } }: ToolError): readonly string[] =>
  Array.isArray(left) ? (left as readonly string[]) : ['not known'];

function writeResult(
  done: readonly { readonly name: string; readonly result: TeardownResult }[],
  kept: Inventory['foreign'],
  left: number,
  context: CommandContext,
): void {
  for (const item of kept) {
    context.report({
      type: 'note',
      level: 'warning',
      code: 'kept',
      message: `kept ${item.kind} ${item.id}: it ${item.why}`,
    });
  }
  if (context.settings.output === 'json') {
    context.terminal.stdout.write(
      `${JSON.stringify({
        bastions: done.map(({ name, result }) => ({
          name,
          deleted: result.deleted.map((step) => ({ kind: step.kind, name: step.name, id: step.id ?? null })),
        })),
        kept: kept.map(({ kind, id, why }) => ({ kind, id, why })),
        left,
      })}\n`,
    );
    return;
  }
  for (const { name, result } of done) {
    context.report({
      type: 'note',
      level: 'info',
      code: 'bastion-down',
      message: `bastion ${name}: ${result.deleted.length} resources deleted, 0 left (looked again)`,
    });
  }
}
