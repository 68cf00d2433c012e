import { placeFields, placeText, type RefusedPlace, type SignIns } from '../account-places.ts';
import type { Needs } from '../collaborators.ts';
import { ToolError } from '../../core/errors.ts';
import { type BastionStatus, bastionStatuses, type StatusRequest, type Statuses } from './status.ts';

/** A row of `status` for several accounts or regions; the names of the fields are those of `ls`. */
export type PlacedStatus = ReturnType<typeof placeFields> & BastionStatus;

export interface StatusesOfPlaces extends Statuses {
  readonly bastions: readonly PlacedStatus[];
  /** Where nothing could be read, and why. */
  readonly refused: readonly RefusedPlace[];
}

/** The bastions of several accounts and regions, in their order. A place that refuses does not hide the others. */
export async function statusOfPlaces(
  request: StatusRequest,
  { signedIn, refused }: SignIns,
  deps: Needs<'accountAt' | 'clock' | 'report', 'iamPath' | 'iamPrefix'>,
): Promise<StatusesOfPlaces> {
  const unreadable = [...refused];
  const all: { readonly statuses: Statuses; readonly bastions: readonly PlacedStatus[] }[] = [];
  for (const each of signedIn) {
    try {
      const statuses = await bastionStatuses(request, {
        ...deps,
        account: () => Promise.resolve(each.account),
        accountIn: (region) => deps.accountAt({ ...each.place, region }),
      });
      const fields = placeFields(each);
      all.push({ statuses, bastions: statuses.bastions.map((bastion) => ({ ...fields, ...bastion })) });
    } catch (error) {
      if (!(error instanceof ToolError) || error.role === 'interrupted') throw error;
      unreadable.push({ place: each.place, error });
    }
  }
  const actions = (of: keyof Statuses['notAllowed']): readonly string[] => [
    ...new Set(all.flatMap(({ statuses }) => statuses.notAllowed[of])),
  ];
  return {
    bastions: all.flatMap(({ bastions }) => bastions),
    closedRegions: [...new Set(all.flatMap(({ statuses }) => statuses.closedRegions))],
    region: undefined,
    now: all[0]?.statuses.now ?? deps.clock.now(),
    notAllowed: { ofBastions: actions('ofBastions'), forOperators: actions('forOperators') },
    refused: unreadable,
  };
}

/** `not read: profile b in eu-west-1 (…)` */
export const refusedText = ({ place, error }: RefusedPlace): string =>
  `not read: ${placeText(place)} (${error.message})`;
