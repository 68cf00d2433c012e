import { databaseEntries } from '../../connect/target/picker.ts';
import { nameOfArn } from '../../core/arn.ts';
import { interrupted, noMatch, usage } from '../../core/errors.ts';
import type { Needs } from '../collaborators.ts';
import { staticList } from '../listing/live-list.ts';
import { ENTRY_COLUMNS, entryRows } from '../listing/picker-rows.ts';
import type { DatabaseRequest } from './database-request.ts';
import { offeredDatabases } from './reached-databases.ts';

type ChoiceNeeds = Needs<'account' | 'prompter' | 'report', 'input'>;

/**
 * Asks for a database: first those that the task definition of the named service mentions, then those that the service
 * or a bastion reaches; those that cannot be reached are shown with the rule that is missing, and cannot be chosen.
 * Throws `database-needed` where no question may be asked, with the ids in this order; `interrupted`.
 */
export async function chooseDatabase(
  request: Pick<DatabaseRequest, 'wanted' | 'name'>,
  deps: ChoiceNeeds,
): Promise<string> {
  const account = await deps.account();
  const { offered, unread } = await offeredDatabases(request, deps);
  if (unread !== undefined)
    deps.report({
      type: 'note',
      level: 'warning',
      code: 'task-definition-unread',
      message: `the databases that the task definition names are not known: ecs:DescribeTaskDefinition is not allowed for ${nameOfArn(unread)} (policy db grants it)`,
    });
  const candidates = offered.filter(({ reach }) => reach !== 'refused').map(({ database }) => database.id);
  if (!deps.settings.input) throw usage('database-needed', 'which database?', { details: { candidates } });
  const browser = await deps.prompter.browser();
  try {
    browser.open();
    const answer = await browser.ask({
      message: 'database',
      flag: undefined,
      list: staticList(
        ENTRY_COLUMNS,
        entryRows(databaseEntries(offered), (database) => ({ database })),
      ),
      back: false,
    });
    const chosen = answer.type === 'chose' ? answer.row.value.database : undefined;
    if (chosen !== undefined) return chosen.id;
  } finally {
    browser.close();
  }
  if (offered.length > 0) throw interrupted();
  throw noMatch('database-not-found', `no database in ${account.region}`, {
    details: { databases: [], candidates: [] },
  });
}
