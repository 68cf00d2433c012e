import { awsClock } from '../aws-clock.ts';
import { accountText } from '../../core/account-text.ts';
import { type Fact, textFact } from '../../core/facts/fact.ts';
import { access, interrupted, ToolError } from '../../core/errors.ts';
import type { Report, ToolEvent } from '../../core/events.ts';
import {
  findNames,
  type Inventory,
  type InventoryScope,
  isEmpty,
  type Read,
  readInventory,
} from '../../provision/bastion/inventory.ts';
import { checkBastionName, TAG } from '../../provision/bastion/names.ts';
import { planDown } from '../../provision/plan/plan-down.ts';
import type { Plan } from '../../provision/plan/plan.ts';
import { RESOURCE_KINDS, stepTitle } from '../../provision/plan/resource-kinds.ts';
import { refuseIfInUse, tearDown, type TeardownResult } from '../../provision/teardown/teardown.ts';
import type { Needs } from '../collaborators.ts';
import { iamNaming, type IamOverrides } from './iam-naming.ts';
import { RefusedActions } from './refused-actions.ts';

/** Deletes bastions: finds all their resources, asks for agreement, deletes them, and verifies that none is left. */

export interface DownRequest {
  readonly name: string;
  /** Every bastion of the account and region. */
  readonly all: boolean;
  /** Deletes also while other people are connected. */
  readonly force: boolean;
  readonly iam: IamOverrides;
}

/** One bastion and its existing resources. */
interface Found {
  readonly scope: InventoryScope;
  readonly inventory: Inventory;
}

export interface BastionOwner {
  readonly name: string;
  /** ARN of the principal that ran `up`; undefined where no instance has the tag. */
  readonly owner: string | undefined;
  /** Age by AWS's clock; undefined without an instance. */
  readonly ageMs: number | undefined;
}

export interface FoundBastions {
  readonly region: string;
  /** ARN of the caller. */
  readonly callerArn: string;
  readonly accountId: string;
  /** Undefined if the account has none, or it may not be read. */
  readonly accountAlias: string | undefined;
  /** True if all bastions were requested, not one by its name. */
  readonly all: boolean;
  /** The owners of the bastions, in the order of `full`. */
  readonly owners: readonly BastionOwner[];
  /** The bastions of which any resource exists. */
  readonly full: readonly Found[];
  /** Resources that look like a part of one of them but must not be deleted. */
  readonly kept: Inventory['foreign'];
  /** Names of other bastions; read only when no resource of the requested one exists. */
  readonly others: readonly string[];
  /** What the caller was not allowed to read, so that resources may be missing here. */
  readonly refused: RefusedActions;
}

/** Throws `bastion-name`, `iam-path`, `iam-prefix`, and what the ports throw. */
export async function findForDown(
  request: DownRequest,
  deps: Needs<'account' | 'clock', 'iamPath' | 'iamPrefix'>,
): Promise<FoundBastions> {
  const account = await deps.account();
  const reading = account.alias();
  const [ec2, iam, identityPort] = await Promise.all([account.ec2(), account.iam(), account.identity()]);
  const { accountId, partition, arn } = await identityPort.caller();
  const { region } = account;
  const refused = new RefusedActions();
  const naming = iamNaming(request.iam, deps.settings);
  const names = request.all
    ? await findNames({ ec2, iam }, region, naming, (list) => refused.or([], list))
    : [checkBastionName(request.name)];
  const found = await Promise.all(
    names.map(async (name): Promise<Found> => {
      const scope = { name, region, accountId, partition, iam: naming };
      return { scope, inventory: await readInventory({ ec2, iam }, scope, readerOf(refused)) };
    }),
  );
  const full = found.filter(({ inventory }) => !isEmpty(inventory));
  // Where nothing is seen, a denial could be the reason.
  if (full.length === 0 && refused.first !== undefined) throw refused.first;
  // Bastions of other names, and what is left of them, cost money too, so the person is informed about them.
  const others =
    full.length > 0 || request.all
      ? []
      : await findNames({ ec2, iam }, region, naming, (list) => refused.or([], list));
  return {
    region,
    callerArn: arn,
    accountId,
    accountAlias: await reading,
    all: request.all,
    owners: full.map(({ inventory }) => ownerOf(inventory, awsClock(account, deps.clock).now())),
    full,
    kept: found.flatMap(({ inventory }) => inventory.foreign),
    others: [...new Set(others)].sort(),
    refused,
  };
}

const readerOf =
  (refused: RefusedActions): Read =>
  (call, instead) =>
    refused.or(instead, call);

function ownerOf({ name, instances: [instance] }: Inventory, now: number): BastionOwner {
  return {
    name,
    owner: instance?.tags[TAG.owner],
    ageMs: instance === undefined ? undefined : Math.max(0, now - instance.launchedAt),
  };
}

export interface PlannedTeardown {
  /** The resources to delete, for each bastion. */
  readonly plans: readonly Plan[];
  /** True if bastions run and the caller may not read who is connected to them. */
  readonly sessionsUnknown: boolean;
}

/**
 * Throws `sessions-active` while other people are connected, unless forced. If the caller may not read the sessions, a
 * person can still agree to the question; `--yes` was given before anybody could know, so it throws `sessions-unknown`.
 * A bastion without a running instance has no sessions, and needs no permission to read them.
 */
export async function planTeardown(
  { full, callerArn, all }: FoundBastions,
  { force }: DownRequest,
  deps: Needs<'account', 'yes'>,
): Promise<PlannedTeardown> {
  const denied = new RefusedActions();
  if (!force) {
    const ssm = await (await deps.account()).ssm();
    for (const { inventory } of full)
      await refuseIfInUse(inventory, callerArn, (instanceId) =>
        denied.or([], ssm.activeSessions(instanceId)),
      );
  }
  if (denied.first !== undefined && deps.settings.yes) throw sessionsUnknown(denied.first, all);
  return {
    plans: full.map(({ inventory }) => planDown(inventory)),
    sessionsUnknown: denied.first !== undefined,
  };
}

const sessionsUnknown = (denial: ToolError, all: boolean): ToolError =>
  access(
    'sessions-unknown',
    `whether other people are connected is not known, so nothing was deleted: ${denial.message}`,
    { details: { ...denial.details, action: textFact(denial.details, 'action'), all }, cause: denial },
  );

export interface TakenDown {
  readonly done: readonly { readonly name: string; readonly result: TeardownResult }[];
  /** Ids of the resources that remain. */
  readonly left: readonly string[];
  /** Why resources remain; undefined = none does. */
  readonly problem: ToolError | undefined;
  /** IAM actions that the caller was not allowed to use; what they read was not verified. */
  readonly notAllowed: readonly string[];
}

/**
 * Asks for agreement, then deletes one bastion after the other; if one cannot be deleted, the others still are. Throws
 * `interrupted`, when the person does not agree, or after a note that names what is not deleted yet.
 */
export async function takeDown(
  { full, all, region, accountId, accountAlias, refused }: FoundBastions,
  { sessionsUnknown }: Pick<PlannedTeardown, 'sessionsUnknown'>,
  deps: Needs<'account' | 'clock' | 'prompter' | 'random' | 'report' | 'signal'>,
): Promise<TakenDown> {
  const names = full.map(({ inventory }) => inventory.name).join(', ');
  const agreed = await deps.prompter.confirm({
    message: `Delete ${full.length === 1 ? `bastion ${names}` : `the bastions ${names}`} in ${region} of ${accountText(accountId, accountAlias)}?`,
    flag: '--yes',
    // Bastions of other people may be among them, or people whose sessions could not be seen.
    defaultAnswer: !all && !sessionsUnknown,
  });
  if (!agreed) throw interrupted('nothing was deleted');
  const account = await deps.account();
  const [ec2, iam] = await Promise.all([account.ec2(), account.iam()]);
  const { clock, signal } = deps;
  const random = (): number => deps.random.number();
  const deleted = new Set<string>();
  const report: Report = (event) => {
    if (event.type === 'step-done') deleted.add(event.title);
    deps.report(event);
  };
  const teardown = { ec2, iam, clock, random, report, signal, read: readerOf(refused) };
  const done: { readonly name: string; readonly result: TeardownResult }[] = [];
  const problems: ToolError[] = [];
  for (const { scope, inventory } of full) {
    try {
      done.push({ name: scope.name, result: await tearDown(inventory, scope, teardown) });
    } catch (error) {
      if (signal.aborted) deps.report(stoppedIn(inventory, deleted, all));
      if (signal.aborted || !(error instanceof ToolError)) throw error;
      problems.push(error);
    }
  }
  const unread = notVerified(refused);
  if (unread !== undefined) problems.push(unread);
  return {
    done,
    left: problems.flatMap(leftBy),
    problem: together(problems),
    notAllowed: refused.actions,
  };
}

/** The note of a run that the person stopped while it deleted `inventory`; `deleted` holds the titles of finished steps. */
function stoppedIn(inventory: Inventory, deleted: ReadonlySet<string>, all: boolean): ToolEvent {
  const { steps } = planDown(inventory);
  const left = steps.filter((step) => !deleted.has(stepTitle(step)));
  const names = left.map(({ kind, name }) => `${RESOURCE_KINDS[kind].title} ${name}`);
  return {
    type: 'note',
    level: 'warning',
    code: 'teardown-unfinished',
    message: `bastion ${inventory.name} is not deleted completely: ${steps.length - left.length} of ${steps.length} resources are deleted; not yet: ${names.join(', ')}`,
    details: { name: inventory.name, all, left: names },
  };
}

/** The error that ends a run in which something could not be read, although everything that was seen is deleted. */
function notVerified({ actions, first }: RefusedActions): ToolError | undefined {
  if (first === undefined) return undefined;
  return access(
    'access-denied',
    `not allowed to call ${actions.join(', ')}, so it is not verified that nothing is left`,
    { details: { ...first.details, action: actions[0] ?? '', actions }, cause: first },
  );
}

const listOf = (fact: Fact): readonly Fact[] => (Array.isArray(fact) ? (fact as readonly Fact[]) : []);

/**
 * Combines the errors, so that the remaining resources of each bastion are named, whichever error determines the exit
 * status.
 */
function together(problems: readonly ToolError[]): ToolError | undefined {
  const [first, ...others] = problems;
  if (first === undefined || others.length === 0) return first;
  const message = problems.map((problem) => problem.message).join('; ');
  return new ToolError(first.role, first.code, message, {
    details: {
      ...first.details,
      names: problems.flatMap(({ details }) => listOf(details['names'])),
      left: problems.flatMap(leftBy),
      remaining: problems.flatMap(({ details }) => listOf(details['remaining'])),
    },
    cause: first,
  });
}

/** If the inventory could not be read in the end, resources may remain. */
const leftBy = ({ details: { left } }: ToolError): readonly string[] =>
  Array.isArray(left) ? (left as readonly string[]) : ['not known'];
