import { expect, it } from 'vitest';

import type { SignedInPlace } from '../../src/app/account-places.ts';
import type { AccountPlace } from '../../src/app/collaborators.ts';
import { staticList } from '../../src/app/listing/live-list.ts';
import { type PickerAccounts, PickerPlaces } from '../../src/app/listing/picker-accounts.ts';
import type { AwsAccount } from '../../src/aws/account.ts';
import { access } from '../../src/core/errors.ts';
import type { BrowseQuestion, Browser } from '../../src/ui/browse.ts';
import { FakeClock } from '../support/fake-clock.ts';

const signedInTo = (profile: string, region: string): SignedInPlace => ({
  place: { profile, region },
  account: { region, clockOffsetMs: () => 0, ecs: () => Promise.resolve({}) } as unknown as AwsAccount,
  accountId: '111122223333',
  alias: profile === 'prod' ? 'shop-prod' : undefined,
});

const settingsAccount = { region: 'eu-west-1', clockOffsetMs: () => 0 } as AwsAccount;

function placesOf(accounts: Partial<PickerAccounts> = {}): PickerPlaces {
  return new PickerPlaces({
    clock: new FakeClock(),
    settings: {},
    account: () => Promise.resolve(settingsAccount),
    advice: () => ['aws sso login --profile prod'],
    accounts: {
      current: { profile: 'dev', region: 'eu-west-1' },
      signedIn: [],
      profiles: () =>
        Promise.resolve({
          dev: { region: 'eu-west-1', sso_account_id: '1', sso_role_name: 'Reader' },
          prod: { region: 'us-east-1', role_arn: 'arn:aws:iam::2:role/Admin' },
        }),
      regions: ['eu-west-1', 'us-east-1'],
      signIn: ({ profile, region }: AccountPlace) => Promise.resolve(signedInTo(profile ?? '', region ?? '')),
      ...accounts,
    },
  });
}

/** A browser on which the person chooses the row with this id, or presses Escape. */
function browserThat(id: string | undefined) {
  const questions: BrowseQuestion<unknown>[] = [];
  const notices: string[] = [];
  const browser: Browser = {
    open: () => undefined,
    ask(question) {
      questions.push(question);
      const row = question.list.rows().find((each) => each.id === id);
      return Promise.resolve(
        row === undefined ? { type: 'back' } : { type: 'chose', row, filter: '', only: false },
      );
    },
    notice: (text) => notices.push(text),
    close: () => undefined,
  };
  return { browser, questions, notices };
}

it('stays in the account of the settings until the person changes it', async () => {
  const places = placesOf();
  expect(await places.account()).toBe(settingsAccount);
  expect([places.title(), places.place]).toEqual(['', undefined]);
  const { browser } = browserThat(undefined);
  expect(await places.change('p', browser)).toBe(false);
  expect(places.place).toBeUndefined();
});

it('Ctrl-P lists the profiles with region, account and role, and changes to the region of the profile', async () => {
  const places = placesOf();
  const { browser, questions } = browserThat('prod');
  expect(await places.change('p', browser)).toBe(true);
  expect(questions[0]?.cursor).toBe('dev');
  expect(questions[0]?.list.rows().map(({ cells }) => cells)).toEqual([
    ['dev', 'eu-west-1', '1', 'Reader'],
    ['prod', 'us-east-1', '2', 'Admin'],
  ]);
  expect(places.place?.place).toEqual({ profile: 'prod', region: 'us-east-1' });
  expect(places.title()).toBe(' in shop-prod, us-east-1');
});

it('Ctrl-R changes the region and keeps the profile', async () => {
  const places = placesOf();
  expect(await places.change('r', browserThat('us-east-1').browser)).toBe(true);
  expect(places.place?.place).toEqual({ profile: 'dev', region: 'us-east-1' });
});

it('a change after which there is nothing to pick is undone once', async () => {
  const places = placesOf();
  expect(places.undo()).toBe(false);
  await places.change('r', browserThat('us-east-1').browser);
  expect(places.undo()).toBe(true);
  expect(await places.account()).toBe(settingsAccount);
  expect(places.undo()).toBe(false);
});

it('says why a sign-in failed, and what to type, and stays where it was', async () => {
  const expired = access('credentials-expired', 'the session of profile prod has expired', { details: {} });
  const places = placesOf({ signIn: () => Promise.reject(expired) });
  const { browser, notices } = browserThat('prod');
  expect(await places.change('p', browser)).toBe(false);
  expect(notices).toEqual(['the session of profile prod has expired: aws sso login --profile prod']);
  expect(await places.account()).toBe(settingsAccount);
});

it('several accounts share one list, whose rows name account and region', async () => {
  const places = placesOf({ signedIn: [signedInTo('dev', 'eu-west-1'), signedInTo('prod', 'us-east-1')] });
  let accounts = 0;
  const list = await places.listOf(() =>
    staticList(
      [{ title: 'cluster' }, { title: 'tasks' }],
      [{ id: 'web', value: { cluster: 'web' }, cells: ['web', ++accounts], search: '' }],
    ),
  );
  expect(list.columns.map(({ title }) => title)).toEqual(['cluster', 'account', 'region', 'tasks']);
  expect(list.rows().map(({ cells, value }) => [cells, value.place?.place.profile])).toEqual([
    [['web', '111122223333', 'eu-west-1', 1], 'dev'],
    [['web', 'shop-prod', 'us-east-1', 2], 'prod'],
  ]);
  expect(new Set(list.rows().map(({ id }) => id)).size).toBe(2);
  for (const { value } of list.rows()) if (value.place !== undefined) places.choose(value.place);
  expect(places.title()).toBe(' in shop-prod, us-east-1');
  places.forget();
  expect(places.title()).toBe('');
});
