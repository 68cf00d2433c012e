import { accountText } from '../../core/account-text.ts';
import { parseArn } from '../../core/arn.ts';
import type { ToolEvent } from '../../core/events.ts';
import type { ResolvedContainer } from '../../connect/target/resolve.ts';
import type { Bastion } from '../../provision/bastion/bastion.ts';
import type { Needs } from '../collaborators.ts';

/** Reports the account and region of a session or forward before it starts, for people who work in several accounts. */

export type PlaceNeeds = Needs<'account' | 'report' | 'terminal', 'output' | 'quiet'>;

/** The line about one target, with the alias of its account if it is known. */
export type Place = (alias: string | undefined) => ToolEvent;

const note = (message: string, details: Readonly<Record<string, string | null>>): ToolEvent => ({
  type: 'note',
  level: 'info',
  code: 'session-place',
  message,
  details,
});

/** The ARN of the task names region and account, so no call is needed. */
export const containerPlace =
  ({ cluster, task, container }: ResolvedContainer): Place =>
  (alias) => {
    const { region, account } = parseArn(task.arn) ?? { region: '', account: '' };
    return note(
      `container ${container.name} of task ${task.id.slice(0, 8)} in cluster ${cluster}, ${region}, ${accountText(account, alias)}`,
      { cluster, task: task.arn, container: container.name, region, account, accountAlias: alias ?? null },
    );
  };

/** The account is that of the principal that ran `up`; without that tag only the region is known. */
export const bastionPlace =
  ({ name, instanceId, owner }: Bastion, region: string): Place =>
  (alias) => {
    const account = parseArn(owner ?? '')?.account ?? '';
    return note(
      `bastion ${name} (${instanceId}) in ${region}${account === '' ? '' : `, ${accountText(account, alias)}`}`,
      { name, instanceId, region, account, accountAlias: alias ?? null },
    );
  };

/**
 * The alias of the account, if a person reads the line that shows it; programs do not need this further call. Called
 * early, it is read while the target is looked up.
 */
export async function aliasToShow({ account, settings, terminal }: PlaceNeeds): Promise<string | undefined> {
  if (!terminal.stderrIsTty || settings.quiet || settings.output === 'json') return undefined;
  return account().then(
    (opened) => opened.alias(),
    () => undefined,
  );
}

/**
 * Starts a session, and reports meanwhile where it runs: when the alias is known, and at the latest when the session
 * has started or has failed. The session never waits for the alias.
 */
export async function startAt<T>(place: Place, deps: PlaceNeeds, start: () => Promise<T>): Promise<T> {
  const starting = start();
  const ended = starting.then(nothing, nothing);
  deps.report(place(await Promise.race([aliasToShow(deps), ended])));
  return starting;
}

const nothing = (): undefined => undefined;
