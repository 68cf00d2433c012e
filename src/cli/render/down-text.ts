import type { DownRequest, FoundBastions, PlannedTeardown, TakenDown } from '../../app/bastion/take-down.ts';
import { accountText } from '../../core/account-text.ts';
import { describeDuration } from '../../core/duration.ts';
import type { CommandContext } from '../context.ts';
import { planLines } from './up-text.ts';

/** The output of `down`. The fields of the JSON form are stable. */

/** No requested resource exists; with --json that is the result. */
export function writeNothing(request: DownRequest, found: FoundBastions, context: CommandContext): void {
  writeTakenDown({ done: [], left: [], problem: undefined, notAllowed: [] }, found, context);
  const what = request.all ? 'no bastion' : `nothing of bastion ${request.name}`;
  context.report({
    type: 'note',
    level: 'info',
    code: 'nothing-to-delete',
    message: `${what} exists in ${found.region} of ${accountText(found.accountId, found.accountAlias)}`,
  });
  if (found.others.length === 0) return;
  context.report({
    type: 'note',
    level: 'warning',
    code: 'others-run',
    message: `other bastions exist: ${found.others.join(', ')}`,
    details: { names: found.others },
  });
}

export function reportTeardown(
  { plans, sessionsUnknown }: PlannedTeardown,
  found: FoundBastions,
  context: CommandContext,
): void {
  if (found.all) reportOwners(found, context);
  const { actions } = found.refused;
  if (actions.length > 0)
    context.report({
      type: 'note',
      level: 'warning',
      code: 'not-allowed-to-read',
      message: `not allowed to call ${actions.join(', ')}: what only these show is not deleted`,
      details: { actions },
    });
  if (sessionsUnknown)
    context.report({
      type: 'note',
      level: 'warning',
      code: 'sessions-not-seen',
      message:
        'not allowed to call ssm:DescribeSessions: other people may be connected, and would be cut off',
    });
  const say = (message: string): void =>
    context.report({ type: 'note', level: 'info', code: 'plan', message });
  const place = `in ${found.region} of ${accountText(found.accountId, found.accountAlias)}`;
  for (const [index, plan] of plans.entries()) {
    say(`bastion ${found.full[index]?.inventory.name ?? ''} ${place}:`);
    for (const line of planLines(plan, context, false)) say(line);
  }
}

/** Names the owners, because `--all` includes the bastions of other people. */
function reportOwners(
  { owners, region, accountId, accountAlias, callerArn }: FoundBastions,
  { report }: CommandContext,
): void {
  for (const { name, owner, ageMs } of owners) {
    const whose =
      owner === undefined ? 'owner not known' : owner === callerArn ? `yours (${owner})` : `of ${owner}`;
    const age = ageMs === undefined ? 'no instance' : `${describeDuration(ageMs)} old`;
    report({
      type: 'note',
      level: 'info',
      code: 'bastion-of',
      message: `bastion ${name} in ${region} of ${accountText(accountId, accountAlias)}: ${whose}, ${age}`,
      details: {
        name,
        owner: owner ?? null,
        ageSeconds: ageMs === undefined ? null : Math.round(ageMs / 1000),
      },
    });
  }
}

export function writeTakenDown(
  { done, left, notAllowed }: TakenDown,
  { kept }: FoundBastions,
  { report, settings, terminal }: CommandContext,
): void {
  for (const item of kept) {
    report({
      type: 'note',
      level: 'warning',
      code: 'kept',
      message: `kept ${item.kind} ${item.id}: it ${item.why}`,
    });
  }
  if (settings.output === 'json') {
    terminal.stdout.write(
      `${JSON.stringify({
        bastions: done.map(({ name, result }) => ({
          name,
          deleted: result.deleted.map((step) => ({ kind: step.kind, name: step.name, id: step.existing.id })),
        })),
        kept: kept.map(({ kind, id, why }) => ({ kind, id, why })),
        left: left.length,
        notAllowed,
      })}\n`,
    );
    return;
  }
  for (const { name, result } of done) {
    const { deleted, kept } = result;
    report({
      type: 'note',
      level: 'info',
      code: 'bastion-down',
      message: `bastion ${name}: ${deleted.length} resources deleted, ${endText(kept.length, notAllowed)}`,
    });
  }
}

function endText(kept: number, notAllowed: readonly string[]): string {
  if (notAllowed.length > 0) return 'and not everything that may be left could be read';
  if (kept === 0) return 'and none is left in the account';
  // Resources of others, such as a given role, remain too, so that nothing can be said of the whole account.
  return kept === 1 ? 'and the one named above is kept' : `and the ${kept} named above are kept`;
}
