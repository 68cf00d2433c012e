import { usage } from './errors.ts';
import { nearest } from './nearest.ts';

/**
 * The regions of the partitions that anyone can join, used to suggest a spelling and to complete names in a shell. A
 * region that is not listed may be new.
 */
export const REGIONS: readonly string[] =
  `af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1
  ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6
  ap-southeast-7 ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1
  eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1
  mx-central-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2 cn-north-1
  cn-northwest-1 us-gov-east-1 us-gov-west-1 eusc-de-east-1`.split(/\s+/);

/** Where the name of a region came from, and who answers calls for it. */
export interface RegionSource {
  /** What named the region, for the error, e.g. `profile staging`; undefined = the caller of the command can see it. */
  readonly from?: string;
  /**
   * True: the calls go to an endpoint of the user's own, perhaps an emulator, which may name its regions freely. Only a
   * name that is similar to a region of AWS is refused then.
   */
  readonly ownEndpoint?: boolean;
}

/** Throws usage `region-unknown`, with the nearest names, for a name that cannot be a region in any partition of AWS. */
export function checkRegion(region: string, { from, ownEndpoint = false }: RegionSource = {}): void {
  if (isRegionName(region)) return;
  const candidates = nearest(region, REGIONS);
  if (ownEndpoint && candidates.length === 0) return;
  const origin = from === undefined ? '' : ` (region of ${from})`;
  throw usage('region-unknown', `'${region}' is no AWS region${origin}`, { details: { region, candidates } });
}

/**
 * The regions that may have been meant by a host name that does not exist: `ecs.eu-west-9.amazonaws.com`, or
 * `portal.sso.eu-west1.amazonaws.com` from the `sso_region` of a profile.
 */
export const regionsMeant = (host: string): readonly string[] =>
  host
    .split('.')
    .filter((label) => /^[a-z]{2,4}-[a-z-]*\d*[a-z]?$/.test(label) && !REGIONS.includes(label))
    .flatMap((region) => nearest(region, REGIONS));

/** The partition of a region by its name; new areas belong to `aws` (partitions.json of botocore). */
export function partitionOf(region: string): string {
  const found = PARTITIONS.find(({ regions }) => regions.test(region));
  return found?.partition ?? 'aws';
}

const PARTITIONS = [
  { partition: 'aws-cn', regions: /^cn-/ },
  { partition: 'aws-us-gov', regions: /^us-gov-/ },
  { partition: 'aws-eusc', regions: /^eusc-/ },
  { partition: 'aws-iso', regions: /^us-iso-/ },
  { partition: 'aws-iso-b', regions: /^us-isob-/ },
  { partition: 'aws-iso-e', regions: /^eu-isoe-/ },
  { partition: 'aws-iso-f', regions: /^us-isof-/ },
] as const;

/**
 * `eu-west-1`, `us-gov-east-1`, `us-isob-east-1`, `eusc-de-east-1`: area, point of the compass, number. This is the form
 * of the names in all partitions, also of new regions.
 */
const isRegionName = (region: string): boolean =>
  /^[a-z]{2,4}(-gov|-iso[a-z]?|-[a-z]{2})?-(central|(north|south)(east|west)?|east|west)-\d+$/.test(region);
