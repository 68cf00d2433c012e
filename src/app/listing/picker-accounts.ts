import type { Clock } from '../../core/clock.ts';
import { awsClock } from '../aws-clock.ts';
import type { AwsAccount } from '../../aws/account.ts';
import type { AccountPlace, Needs } from '../collaborators.ts';
import { readProfiles } from '../../aws/profiles.ts';
import { REGIONS } from '../../core/regions.ts';
import { accountPlaces, placeText, type SignedInPlace, signIns } from '../account-places.ts';
import { parseArn } from '../../core/arn.ts';
import type { ErrorDetails } from '../../core/facts/fact.ts';
import { ToolError } from '../../core/errors.ts';
import type { EcsPort } from '../../connect/ports.ts';
import type { PickerChoices } from '../../connect/target/picker.ts';
import type { BrowseKey, BrowseList, Browser, BrowseRow } from '../../ui/browse.ts';
import type { Column } from '../../ui/table.ts';
import { mergeSorted } from '../../core/merge-sorted.ts';
import { byRankThenId, errorOf, progressOf, staticList } from './live-list.ts';

/** The accounts of the picker: those of `--profile a,b`, and those to which the person changes. */

export interface PickerAccounts {
  /** The place of the settings. */
  readonly current: AccountPlace;
  /** Those that share one list; empty = the account of the settings. */
  readonly signedIn: readonly SignedInPlace[];
  /** The sections of AWS's configuration files, by name. */
  profiles(): Promise<Readonly<Record<string, Readonly<Record<string, string | undefined>>>>>;
  readonly regions: readonly string[];
  /** Throws what the sign-in throws. */
  signIn(place: AccountPlace): Promise<SignedInPlace>;
}

/** Signs in to the accounts of `--profile a,b` and `--region x,y`; those that refuse are named. Throws if all refuse. */
export async function pickerAccounts(
  deps: Needs<'accountAt' | 'env' | 'report' | 'signal', 'profile' | 'region'>,
): Promise<PickerAccounts> {
  const places = accountPlaces(deps.settings);
  const { signedIn, refused } =
    places.length > 1 ? await signIns(places, deps) : { signedIn: [], refused: [] };
  if (places.length > 1 && signedIn.length === 0) throw refused[0]?.error;
  for (const { place, error } of refused)
    deps.report({
      type: 'note',
      level: 'warning',
      code: error.code,
      message: `not listed: ${placeText(place)} (${error.message})`,
      details: error.details,
    });
  const { profile, region } = deps.settings;
  return {
    current: { profile, region },
    signedIn,
    profiles: async () => (await readProfiles(deps.env)).profiles,
    regions: REGIONS,
    async signIn(place) {
      const one = await signIns([place], deps);
      const [account] = one.signedIn;
      if (account === undefined) throw one.refused[0]?.error;
      return account;
    },
  };
}

/** What a row of the picker means, and in which of several accounts it is. */
export type PlacedChoices = PickerChoices & { readonly place?: SignedInPlace };

const CHANGE_PROFILE: BrowseKey = { letter: 'p', label: 'profile' };
const CHANGE_REGION: BrowseKey = { letter: 'r', label: 'region' };

type PlacesNeeds = Needs<'account' | 'clock'> & {
  /** What to type about an error, one line each. */
  readonly advice?: (code: string, facts: ErrorDetails) => readonly string[];
  /** Undefined = the picker stays in the account of the settings. */
  readonly accounts?: PickerAccounts;
};

/** The account in which the picker is, and how the person changes it. */
export class PickerPlaces {
  readonly #deps: PlacesNeeds;
  /** Several accounts share the first list, until the person changes to another one. */
  #shared: readonly SignedInPlace[];
  #place: SignedInPlace | undefined;
  /** Where the picker was before the last change. */
  #before:
    | { readonly shared: readonly SignedInPlace[]; readonly place: SignedInPlace | undefined }
    | undefined;
  /** Every account tells the same time, so that the last one is enough. */
  #opened: AwsAccount | undefined;
  /** AWS's time; the time of this machine until an account has answered. */
  readonly clock: Clock;

  constructor(deps: PlacesNeeds) {
    this.#deps = deps;
    this.#shared = deps.accounts?.signedIn ?? [];
    this.#opened = this.#shared[0]?.account;
    const offset = { clockOffsetMs: () => this.#opened?.clockOffsetMs() ?? 0 };
    this.clock = awsClock(offset, deps.clock);
  }

  /** Undefined = the account of the settings. */
  get place(): SignedInPlace | undefined {
    return this.#place;
  }

  get keys(): readonly BrowseKey[] {
    return this.#deps.accounts === undefined ? [] : [CHANGE_PROFILE, CHANGE_REGION];
  }

  choose(place: SignedInPlace): void {
    this.#place = place;
  }

  /** The first question is asked again: where several accounts share its list, none of them is chosen any more. */
  forget(): void {
    if (this.#shared.length > 0) this.#place = undefined;
  }

  /** Undoes the last change, because there is nothing to pick after it. False = nothing was changed. */
  undo(): boolean {
    if (this.#before === undefined) return false;
    this.#place = this.#before.place;
    this.#shared = this.#before.shared;
    this.#before = undefined;
    return true;
  }

  async account(): Promise<AwsAccount> {
    return (this.#opened = this.#place?.account ?? (await this.#deps.account()));
  }

  /** ` in prod, eu-west-1`: the account by its alias, else by its profile; empty for the account of the settings. */
  title(): string {
    if (this.#place === undefined) return '';
    const { place, account, accountId, alias } = this.#place;
    return ` in ${alias ?? place.profile ?? accountId}, ${account.region}`;
  }

  /** A list of the chosen account, or one of all accounts that share it. */
  async listOf(listIn: (ecs: EcsPort) => BrowseList<PickerChoices>): Promise<BrowseList<PlacedChoices>> {
    if (this.#shared.length === 0) return listIn(await (await this.account()).ecs('thrown'));
    const lists = this.#shared.map(async (place) => ({
      place,
      list: listIn(await place.account.ecs('thrown')),
    }));
    return listOfPlaces(await Promise.all(lists));
  }

  /**
   * Asks for another profile or region. False = the account is the same as before: Escape was pressed, or the sign-in
   * failed, which is shown beside the next list.
   */
  async change(letter: string, browser: Browser): Promise<boolean> {
    const { accounts, advice } = this.#deps;
    if (accounts === undefined) return false;
    const profiles = await accounts.profiles();
    const { profile, region } = this.#place?.place ?? this.#shared[0]?.place ?? accounts.current;
    const isProfile = letter === CHANGE_PROFILE.letter;
    const cursor = isProfile ? profile : region;
    const answer = await browser.ask({
      message: isProfile ? 'profile' : 'region',
      flag: isProfile ? '--profile' : '--region',
      list: isProfile ? profileList(profiles) : regionList(accounts),
      back: true,
      ...(cursor === undefined ? {} : { cursor }),
    });
    if (answer.type === 'empty') browser.notice('the AWS configuration files hold no profile');
    if (answer.type !== 'chose') return false;
    const name = answer.row.value;
    // The sign-in may ask for a code of an MFA device, which is another question on the same terminal.
    browser.close();
    const before = { shared: this.#shared, place: this.#place };
    try {
      this.#place = await accounts.signIn(
        isProfile
          ? { profile: name, region: profiles[name]?.['region'] ?? region }
          : { profile, region: name },
      );
    } catch (error) {
      if (!(error instanceof ToolError) || error.role === 'interrupted') throw error;
      browser.notice([error.message, ...(advice?.(error.code, error.details) ?? []).slice(0, 1)].join(': '));
      return false;
    }
    this.#before = before;
    this.#shared = [];
    return true;
  }
}

/** One list of several accounts: behind the name of each row stand its account and region. */
function listOfPlaces(
  lists: readonly { readonly place: SignedInPlace; readonly list: BrowseList<PickerChoices> }[],
): BrowseList<PlacedChoices> {
  const [name = { title: '' }, ...others] = lists[0]?.list.columns ?? [];
  const all = lists.map(({ list }) => list);
  const prefixes = lists.map((_, index) => `${index} `);
  /** By the row of the account's own list, so that a row that has not changed stays the same object. */
  const placed = lists.map(() => new WeakMap<BrowseRow<PickerChoices>, BrowseRow<PlacedChoices>>());
  let merged: readonly BrowseRow<PlacedChoices>[] | undefined;
  const listeners = new Set<() => void>();
  const offs = lists.map(({ list }) =>
    list.subscribe(() => {
      merged = undefined;
      for (const listener of listeners) listener();
    }),
  );
  return {
    columns: [name, { title: 'account' }, { title: 'region' }, ...others],
    rows: () =>
      (merged ??= mergeSorted(
        lists.map(({ place, list }, index) =>
          list.rows().map((row) => {
            const known = placed[index]?.get(row) ?? rowIn(place, row, `${prefixes[index]}${row.id}`);
            placed[index]?.set(row, known);
            return known;
          }),
        ),
        byRankThenId,
      )),
    progress: () => progressOf(all),
    error: () => errorOf(all),
    shown(ids, isSearching) {
      for (const [index, { list }] of lists.entries()) {
        const prefix = prefixes[index] ?? '';
        const own = ids.filter((id) => id.startsWith(prefix)).map((id) => id.slice(prefix.length));
        list.shown(own, isSearching);
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    loadAll: async () => void (await Promise.all(lists.map(({ list }) => list.loadAll()))),
    close() {
      for (const off of offs) off();
      for (const { list } of lists) list.close();
      listeners.clear();
    },
  };
}

/** The row with account and region behind its name; rows of several accounts may have one name. */
function rowIn(
  place: SignedInPlace,
  { value, cells: [first, ...cells], search, ...row }: BrowseRow<PickerChoices>,
  id: string,
): BrowseRow<PlacedChoices> {
  const { accountId, alias, account } = place;
  return {
    ...row,
    id,
    value: { ...value, place },
    cells: [first, alias ?? accountId, account.region, ...cells],
    search: `${search} ${place.place.profile ?? ''} ${alias ?? ''} ${accountId} ${account.region}`,
  };
}

const PROFILE_COLUMNS: readonly Column[] = [
  { title: 'profile' },
  { title: 'region' },
  { title: 'account' },
  { title: 'role', dropOrder: 1 },
];

type Profiles = Awaited<ReturnType<PickerAccounts['profiles']>>;

/** The profiles of AWS's configuration files, with what the files say of them. */
const profileList = (profiles: Profiles): BrowseList<string> =>
  staticList(
    PROFILE_COLUMNS,
    Object.entries(profiles)
      .map(([id, section]) => {
        const role = parseArn(section['role_arn'] ?? '');
        const cells = [
          id,
          section['region'],
          section['sso_account_id'] ?? role?.account,
          section['sso_role_name'] ?? role?.resource.replace(/^role\//, ''),
        ];
        return { id, value: id, cells, search: cells.join(' ') };
      })
      .sort(byRankThenId),
  );

const regionList = ({ regions }: PickerAccounts): BrowseList<string> =>
  staticList(
    [{ title: 'region' }],
    regions.map((region) => ({ id: region, value: region, cells: [region], search: '' })),
  );
