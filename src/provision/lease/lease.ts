import { dollars } from '../../core/dollars.ts';
import { TAG } from '../bastion/names.ts';
import type { Instance, Market } from '../ports/ec2.ts';
import type { SpotPrice } from '../ports/images.ts';

/** The lifetime of a bastion and its cost. */

const HOUR_MS = 3_600_000;

/** The region of the list prices below; in other regions they differ by some per cent. */
const LIST_REGION = 'us-east-1';

/** List prices in dollars. Spot prices are read from EC2. */
const LIST_PRICES = {
  /** Price of gp3, per GiB and month of 730 hours. */
  volumeGiBMonth: 0.08,
  /** Price per hour and address. */
  publicIpv4Hour: 0.005,
} as const;

/** When a bastion terminates itself, as its tags state it. */
export interface Lease {
  /** Milliseconds since the epoch; undefined if the tag is missing. */
  readonly expiresAt: number | undefined;
  /** 0 = never. */
  readonly idleMinutes: number | undefined;
}

/** The end of the lease as the tags state it: a time, or a number of minutes after the launch. */
function endOf({ tags, launchedAt }: Pick<Instance, 'tags' | 'launchedAt'>): number | undefined {
  const expiresAt = Date.parse(tags[TAG.expiresAt] ?? '');
  if (!Number.isNaN(expiresAt)) return expiresAt;
  const minutes = Number(tags[TAG.ttl] ?? 'NaN');
  return Number.isInteger(minutes) ? launchedAt + minutes * 60_000 : undefined;
}

/** A member is undefined where its tag is missing or cannot be read. */
export function leaseOf(instance: Pick<Instance, 'tags' | 'launchedAt'>): Lease {
  const idle = Number(instance.tags[TAG.idle] ?? 'NaN');
  return {
    expiresAt: endOf(instance),
    idleMinutes: Number.isInteger(idle) ? idle : undefined,
  };
}

/**
 * Minutes until the bastion terminates itself for lack of a session, as its timer counts them; undefined = never, or
 * not known.
 */
export function idleLeft({ idleMinutes }: Lease, idleSince: number, now: number): number | undefined {
  if (idleMinutes === undefined || idleMinutes === 0) return undefined;
  return Math.max(0, idleMinutes - Math.floor((now - idleSince) / 60_000));
}

interface HourlyCost {
  /** Undefined when EC2 returned no price. */
  readonly instance: number | undefined;
  readonly volume: number;
  readonly publicIp: number;
}

const hourlyCost = (instancePrice: number | undefined, volumeGiB: number, publicIp: boolean): HourlyCost => ({
  instance: instancePrice,
  volume: (volumeGiB * LIST_PRICES.volumeGiBMonth) / 730,
  publicIp: publicIp ? LIST_PRICES.publicIpv4Hour : 0,
});

/**
 * Dollars from launch until now: the spot price as it was in each interval, the volume, the address. Undefined for
 * on-demand instances and where the price history is empty: an estimate would look like a measured value.
 */
export function costSoFar(
  instance: Pick<Instance, 'launchedAt' | 'market' | 'type' | 'zone' | 'publicIp'>,
  volumeGiB: number,
  history: readonly SpotPrice[],
  now: number,
): number | undefined {
  const hours = Math.max(0, now - instance.launchedAt) / HOUR_MS;
  const fixed = hourlyCost(0, volumeGiB, instance.publicIp !== undefined);
  const fixedTotal = (fixed.volume + fixed.publicIp) * hours;
  if (instance.market !== 'spot') return undefined;
  const prices = history
    .filter((price) => price.instanceType === instance.type && price.zone === instance.zone)
    .sort((a, b) => a.at - b.at);
  const first = prices[0];
  if (first === undefined) return undefined;
  let total = 0;
  let from = instance.launchedAt;
  let rate = first.dollarsPerHour;
  for (const price of prices) {
    const at = Math.min(Math.max(price.at, instance.launchedAt), now);
    total += ((at - from) / HOUR_MS) * rate;
    from = at;
    rate = price.dollarsPerHour;
  }
  total += (Math.max(0, now - from) / HOUR_MS) * rate;
  return total + fixedTotal;
}

export interface PriceFacts {
  readonly region: string;
  readonly market: Market;
  /** The preferred instance type; it is shown only where no pool is known. */
  readonly type: string;
  /** The cheapest spot pool; undefined when EC2 returned no price. */
  readonly pool: SpotPrice | undefined;
  readonly volumeGiB: number;
  readonly publicIp: boolean;
}

export interface Price {
  /** Undefined when a part of it is not known. */
  readonly dollarsPerHour: number | undefined;
  /** `about $0.0040 an hour: t4g.micro spot $0.0031 (eu-west-1a), 8 GiB gp3 $0.0009 (us-east-1 list price)`. */
  readonly text: string;
}

/**
 * The price that the plan shows. On-demand prices are not read: they come from a separate service (AWS Price List),
 * which needs permissions of its own.
 */
export function priceOf({ region, market, type, pool, volumeGiB, publicIp }: PriceFacts): Price {
  const cost = hourlyCost(market === 'spot' ? pool?.dollarsPerHour : undefined, volumeGiB, publicIp);
  const beside = cost.volume + cost.publicIp;
  const parts = [
    `${volumeGiB} GiB gp3 ${dollars(cost.volume)}`,
    ...(publicIp ? [`public IPv4 ${dollars(cost.publicIp)}`] : []),
  ];
  const source = region === LIST_REGION ? '' : ` (${LIST_REGION} list price${publicIp ? 's' : ''})`;
  const fixed = `${parts.join(', ')}${source}`;
  if (market === 'on-demand') {
    const spot = pool === undefined ? '' : `, spot is ${dollars(pool.dollarsPerHour)}`;
    return {
      dollarsPerHour: undefined,
      text: `${type} on-demand at AWS's list price${spot}; beside it ${dollars(beside)} an hour: ${fixed}`,
    };
  }
  if (pool === undefined || cost.instance === undefined)
    return {
      dollarsPerHour: undefined,
      text: `an instance at a spot price that AWS did not name; beside it ${dollars(beside)} an hour: ${fixed}`,
    };
  const total = cost.instance + beside;
  return {
    dollarsPerHour: total,
    text: `about ${dollars(total)} an hour: ${pool.instanceType} spot ${dollars(pool.dollarsPerHour)} (${pool.zone}), ${fixed}`,
  };
}
