import type { AwsAccount } from '../aws/account.ts';
import type { Settings } from '../config/settings.ts';
import { usage, ToolError } from '../core/errors.ts';
import type { AccountPlace, Needs } from './collaborators.ts';

/** `--profile a,b` and `--region x,y`: one list of what several accounts and regions hold. */

/** A place into which the person is signed in. */
export interface SignedInPlace {
  readonly place: AccountPlace;
  readonly account: AwsAccount;
  readonly accountId: string;
  readonly alias: string | undefined;
}

/** A place that cannot be used: no such profile, credentials that have expired, a region that is not enabled. */
export interface RefusedPlace {
  readonly place: AccountPlace;
  readonly error: ToolError;
}

export interface SignIns {
  readonly signedIn: readonly SignedInPlace[];
  readonly refused: readonly RefusedPlace[];
}

type Places = Pick<Settings, 'profile' | 'region'>;

const namesIn = (value: string | undefined): readonly (string | undefined)[] =>
  value === undefined ? [undefined] : [...new Set(value.split(',').map((name) => name.trim()))];

/** Each profile with each region, in the order in which they are given. Throws usage `invalid-argument`. */
export function accountPlaces(settings: Places): readonly AccountPlace[] {
  for (const name of ['profile', 'region'] as const)
    if (namesIn(settings[name]).includes(''))
      throw usage('invalid-argument', `--${name} ${settings[name]} has an empty name`, {
        details: { expected: 'names separated by commas' },
      });
  return namesIn(settings.profile).flatMap((profile) =>
    namesIn(settings.region).map((region) => ({ profile, region })),
  );
}

/** `profile b in eu-west-1`, for errors and notes. */
export const placeText = ({ profile, region }: AccountPlace): string =>
  [
    profile === undefined ? 'the default credentials' : `profile ${profile}`,
    ...(region === undefined ? [] : [region]),
  ].join(' in ');

/**
 * Signs in to one place after the other: two profiles may ask for a code of an MFA device, and a person can answer one
 * question at a time. A place that refuses does not stop the others. Throws what is not a ToolError, and `interrupted`.
 */
export async function signIns(
  places: readonly AccountPlace[],
  { accountAt, signal }: Needs<'accountAt' | 'signal'>,
): Promise<SignIns> {
  const opened: Omit<SignedInPlace, 'alias'>[] = [];
  const refused: RefusedPlace[] = [];
  for (const place of places) {
    signal.throwIfAborted();
    try {
      const account = await accountAt(place);
      const { accountId } = await (await account.identity()).caller();
      opened.push({ place: { ...place, region: account.region }, account, accountId });
    } catch (error) {
      if (!(error instanceof ToolError) || error.role === 'interrupted') throw error;
      refused.push({ place, error });
    }
  }
  const signedIn = await Promise.all(
    opened.map(async (each) => ({ ...each, alias: await each.account.alias() })),
  );
  return { signedIn, refused };
}

/** What `ls --json` and `status --json` say of a place, in this order. */
export const placeFields = ({
  place,
  account,
  accountId,
  alias,
}: SignedInPlace): Readonly<Record<'profile' | 'account' | 'accountAlias' | 'region', string | null>> => ({
  profile: place.profile ?? null,
  account: accountId,
  accountAlias: alias ?? null,
  region: account.region,
});
