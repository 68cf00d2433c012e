import { awsClock } from '../aws-clock.ts';
import { placeFields, placeText, type SignedInPlace, type SignIns } from '../account-places.ts';
import type { Needs } from '../collaborators.ts';
import type { IncompleteList, ListRecord } from './list-record.ts';
import { type ListKind, type Listing, listing, type ListingOptions } from './listing.ts';
import { ToolError } from '../../core/errors.ts';

/**
 * One list of several accounts and regions, in their order. Each record also names its place: `profile`, `account`,
 * `accountAlias`, `region`. What one place refuses is named in `incomplete`, and the others are complete.
 */
export async function listingOfPlaces(
  kind: ListKind,
  { signedIn, refused }: SignIns,
  deps: Needs<'clock' | 'signal', 'cluster' | 'service' | 'task' | 'container'>,
  { onRecords, onProgress }: ListingOptions = {},
): Promise<Listing> {
  const progress = new Map<SignedInPlace, Parameters<NonNullable<ListingOptions['onProgress']>>[0]>();
  const lists = await Promise.all(
    signedIn.map(async (each): Promise<Listing> => {
      const named = (records: readonly ListRecord[]): readonly ListRecord[] =>
        records.map((record) => ({ ...placeFields(each), ...record }));
      const where = placeText(each.place);
      try {
        const { records, incomplete, now } = await listing(
          kind,
          { ...deps, account: () => Promise.resolve(each.account) },
          {
            onRecords: (records, at) => onRecords?.(named(records), at),
            onProgress: (known) => {
              progress.set(each, known);
              onProgress?.(total([...progress.values()], progress.size === signedIn.length));
            },
          },
        );
        return {
          records: named(records),
          incomplete: incomplete.map(({ missing, error }) => ({ missing: `${missing}, ${where}`, error })),
          now,
        };
      } catch (error) {
        const now = awsClock(each.account, deps.clock).now();
        return { records: [], incomplete: [unlisted(kind, where, error)], now };
      }
    }),
  );
  return {
    now: lists[0]?.now ?? deps.clock.now(),
    records: lists.flatMap(({ records }) => records),
    incomplete: [
      ...refused.map(({ place, error }) => unlisted(kind, placeText(place), error)),
      ...lists.flatMap(({ incomplete }) => incomplete),
    ],
  };
}

function unlisted(kind: ListKind, where: string, error: unknown): IncompleteList {
  if (!(error instanceof ToolError) || error.role === 'interrupted') throw error;
  return { missing: `${kind} of ${where}`, error };
}

type Progress = Parameters<NonNullable<ListingOptions['onProgress']>>[0];

const total = (all: readonly Progress[], areAllKnown: boolean): Progress => ({
  known: all.reduce((sum, { known }) => sum + known, 0),
  total: all.reduce((sum, { total: items }) => sum + items, 0),
  isListed: areAllKnown && all.every(({ isListed }) => isListed),
});
