import { TAG } from './names.ts';
import type { Instance, SpotPrice } from './ports.ts';

/** Time and money of a bastion. */

const HOUR_MS = 3_600_000;

/** Dollars; list prices of us-east-1, a few per cent off elsewhere. Spot prices are read, these are not. */
export const LIST_PRICES = {
  /** gp3, per GiB and month of 730 hours. */
  volumeGiBMonth: 0.08,
  /** Per hour and address. */
  publicIpv4Hour: 0.005,
} as const;

/** `2 h 05 min`, `7 min`, `over`. */
export function describeDuration(ms: number): string {
  if (ms <= 0) return 'over';
  const minutes = Math.max(1, Math.round(ms / 60_000));
  const days = Math.floor(minutes / 1_440);
  const hours = Math.floor((minutes % 1_440) / 60);
  const rest = minutes % 60;
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${String(rest).padStart(2, '0')} min`;
  return `${rest} min`;
}

export interface Lease {
  /** Milliseconds since the epoch; undefined if the tag is missing. */
  readonly expiresAt: number | undefined;
  /** 0 = never. */
  readonly idleMinutes: number | undefined;
}

export function leaseOf(instance: Pick<Instance, 'tags'>): Lease {
  const expiresAt = Date.parse(instance.tags[TAG.expiresAt] ?? '');
  const idle = Number(instance.tags[TAG.idle] ?? 'NaN');
  return {
    expiresAt: Number.isNaN(expiresAt) ? undefined : expiresAt,
    idleMinutes: Number.isInteger(idle) ? idle : undefined,
  };
}

export interface HourlyCost {
  /** Undefined when AWS named no price. */
  readonly instance: number | undefined;
  readonly volume: number;
  readonly publicIp: number;
}

export const hourlyCost = (
  instancePrice: number | undefined,
  volumeGiB: number,
  publicIp: boolean,
): HourlyCost => ({
  instance: instancePrice,
  volume: (volumeGiB * LIST_PRICES.volumeGiBMonth) / 730,
  publicIp: publicIp ? LIST_PRICES.publicIpv4Hour : 0,
});

/**
 * Dollars from launch until now: the spot price as it was in each interval, the volume, the address. Undefined for
 * on-demand instances and where the history is empty: a guess would look like a fact.
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

/** `$0.0031`: four digits, because a bastion costs less than a cent an hour. */
export const dollars = (amount: number): string => `$${amount.toFixed(amount < 1 ? 4 : 2)}`;

/** One line for the plan: `about $0.0040 an hour: t4g.micro spot $0.0031 (eu-west-1a), 8 GiB gp3 $0.0009`. */
export function describeCost(cost: HourlyCost, pool: SpotPrice | undefined, volumeGiB: number): string {
  const parts = [
    pool === undefined
      ? 'instance at a price that AWS did not name'
      : `${pool.instanceType} spot ${dollars(pool.dollarsPerHour)} (${pool.zone})`,
    `${volumeGiB} GiB gp3 ${dollars(cost.volume)}`,
    ...(cost.publicIp > 0 ? [`public IPv4 ${dollars(cost.publicIp)}`] : []),
  ];
  const total = (cost.instance ?? 0) + cost.volume + cost.publicIp;
  return `about ${dollars(total)} an hour: ${parts.join(', ')}`;
}
