import { usage } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';

/**
 * Regions that need no special access, used only to suggest a spelling and to complete names in a shell: a region that is
 * not listed may be new and is tried.
 */
export const REGIONS: readonly string[] =
  `af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1
  ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6
  ap-southeast-7 ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1
  eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1
  mx-central-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2 cn-north-1
  cn-northwest-1 us-gov-east-1 us-gov-west-1 eusc-de-east-1`.split(/\s+/);

/**
 * Throws usage `region-unknown`, with the nearest names, for a name that cannot be a region in any partition of AWS.
 * Callers skip this check for emulators, which have an endpoint of their own and may name regions freely.
 */
export function checkRegion(region: string): void {
  if (isRegionName(region)) return;
  const near = nearest(region, REGIONS);
  throw usage('region-unknown', `'${region}' is no AWS region`, {
    details: { region, candidates: near },
  });
}

/** The regions that may have been meant by a host name that does not exist, such as `ecs.eu-wset-1.amazonaws.com`. */
export const regionsMeant = (host: string): readonly string[] =>
  host
    .split('.')
    .filter((label) => isRegionName(label) && !REGIONS.includes(label))
    .flatMap((region) => nearest(region, REGIONS));

/**
 * `eu-west-1`, `us-gov-east-1`, `us-isob-east-1`, `eusc-de-east-1`: the form of the names in all partitions, also of
 * new regions.
 */
const isRegionName = (region: string): boolean =>
  /^[a-z]{2,4}(-gov|-iso[a-z]?|-[a-z]{2})?-[a-z]+-\d+$/.test(region);
