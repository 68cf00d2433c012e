import { usage } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';

/** Regions that are open to everybody, for the spelling of a name only: one that is not here may be new and is tried. */
const REGIONS: readonly string[] =
  `af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1
  ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6
  ap-southeast-7 ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1
  eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1
  mx-central-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2 cn-north-1
  cn-northwest-1 us-gov-east-1 us-gov-west-1 eusc-de-east-1`.split(/\s+/);

/**
 * Refuses what no partition of AWS would call a region: usage `region-unknown`, with the nearest name. Emulators at an
 * endpoint of their own may call theirs as they like.
 */
export function checkRegion(region: string): void {
  if (isRegionName(region)) return;
  const near = nearest(region, REGIONS);
  throw usage('region-unknown', `'${region}' is no AWS region`, {
    details: { region, candidates: near },
  });
}

/** What may have been meant by the region in the name of a host that does not exist, `ecs.eu-wset-1.amazonaws.com`. */
export const regionsMeant = (host: string): readonly string[] =>
  host
    .split('.')
    .filter((label) => isRegionName(label) && !REGIONS.includes(label))
    .flatMap((region) => nearest(region, REGIONS));

/** `eu-west-1`, `us-gov-east-1`, `us-isob-east-1`, `eusc-de-east-1`: the form of all partitions, new geographies included. */
const isRegionName = (region: string): boolean =>
  /^[a-z]{2,4}(-gov|-iso[a-z]?|-[a-z]{2})?-[a-z]+-\d+$/.test(region);
