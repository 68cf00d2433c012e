import type { InstanceType } from './ec2-catalog.ts';

/**
 * Capacity, prices, quotas and interruptions, as a test scripts them. A pool is an instance type in a zone or a
 * subnet.
 */

export interface PoolPattern {
  /** Absent = every type. */
  readonly instanceType?: string;
  /** Subnet id or zone name; absent = everywhere. */
  readonly where?: string;
  /** Absent = spot and on-demand. */
  readonly market?: 'spot' | 'on-demand';
}

export interface Pool {
  readonly type: InstanceType;
  readonly subnetId: string;
  readonly zone: string;
  readonly market: 'spot' | 'on-demand';
}

export interface LaunchRefusal {
  readonly code: string;
  readonly message: string;
}

const MESSAGES: Readonly<Record<string, (pool: Pool) => string>> = {
  InsufficientInstanceCapacity: (pool) =>
    pool.market === 'spot'
      ? 'There is no Spot capacity available that matches your request.'
      : `We currently do not have sufficient ${pool.type.name} capacity in the Availability Zone you requested (${pool.zone}).`,
  UnfulfillableCapacity: () =>
    'Unable to fulfill capacity due to your request configuration. Please adjust your request and try again.',
  InsufficientFreeAddressesInSubnet: (pool) =>
    `There are not enough free addresses in subnet '${pool.subnetId}' to satisfy the requested number of instances.`,
  Unsupported: (pool) =>
    `Your requested instance type (${pool.type.name}) is not supported in your requested Availability Zone (${pool.zone}).`,
  MaxSpotInstanceCountExceeded: () => 'Max spot instance count exceeded',
  VcpuLimitExceeded: () =>
    'You have requested more vCPU capacity than your current vCPU limit allows for the instance bucket that the specified instance type belongs to.',
  SpotMaxPriceTooLow: () =>
    'Your Spot request price is lower than the minimum required Spot request fulfillment price.',
};

/** The part of a launch decision that does not depend on the form of the request. */
export class Ec2Market {
  readonly #refusals: { readonly pattern: PoolPattern; readonly code: string }[] = [];
  readonly #prices: { readonly pattern: PoolPattern; readonly price: number }[] = [];
  readonly #interruptions: { readonly pattern: PoolPattern; readonly afterMs: number }[] = [];
  #spotVcpus = 64;
  #onDemandVcpus = 64;

  /** From now on EC2 refuses launches into these pools with the code, e.g. `InsufficientInstanceCapacity`. */
  refuse(pattern: PoolPattern, code: string): void {
    this.#refusals.push({ pattern, code });
  }

  /** Dollars per hour; for each pool the latest matching setting applies. */
  setPrice(pattern: PoolPattern, price: number): void {
    this.#prices.push({ pattern, price });
  }

  /**
   * From now on each spot instance that is launched in these pools gets its interruption notice `afterMs` after it
   * runs.
   */
  interrupt(pattern: PoolPattern, afterMs: number): void {
    this.#interruptions.push({ pattern, afterMs });
  }

  /** vCPUs that may run at the same time. */
  setQuota(quota: { readonly spotVcpus?: number; readonly onDemandVcpus?: number }): void {
    this.#spotVcpus = quota.spotVcpus ?? this.#spotVcpus;
    this.#onDemandVcpus = quota.onDemandVcpus ?? this.#onDemandVcpus;
  }

  /** Resets to unlimited capacity everywhere, list prices and default quotas. */
  reset(): void {
    this.#refusals.length = 0;
    this.#prices.length = 0;
    this.#interruptions.length = 0;
    this.#spotVcpus = 64;
    this.#onDemandVcpus = 64;
  }

  price(pool: Pool): number {
    const scripted = this.#prices.findLast(({ pattern }) => matches(pattern, pool));
    if (scripted !== undefined) return scripted.price;
    return pool.market === 'spot' ? pool.type.spotPrice : pool.type.onDemandPrice;
  }

  /** Time from the start of an instance to its interruption notice; undefined = it is not interrupted. */
  interruptionMs(pool: Pool): number | undefined {
    return this.#interruptions.findLast(({ pattern }) => matches(pattern, pool))?.afterMs;
  }

  /** `liveVcpus` are the vCPUs of the same market that run already. */
  refusal(pool: Pool, liveVcpus: number): LaunchRefusal | undefined {
    const scripted = this.#refusals.findLast(({ pattern }) => matches(pattern, pool));
    if (scripted !== undefined) return refusalOf(scripted.code, pool);
    const quota = pool.market === 'spot' ? this.#spotVcpus : this.#onDemandVcpus;
    if (liveVcpus + pool.type.vcpus <= quota) return undefined;
    return refusalOf(pool.market === 'spot' ? 'MaxSpotInstanceCountExceeded' : 'VcpuLimitExceeded', pool);
  }
}

/** The refusal, with AWS's message where it is known. */
export const refusalOf = (code: string, pool: Pool): LaunchRefusal => ({
  code,
  message: MESSAGES[code]?.(pool) ?? `${code} (scripted by the sandbox)`,
});

const matches = (pattern: PoolPattern, pool: Pool): boolean =>
  (pattern.instanceType === undefined || pattern.instanceType === pool.type.name) &&
  (pattern.where === undefined || pattern.where === pool.subnetId || pattern.where === pool.zone) &&
  (pattern.market === undefined || pattern.market === pool.market);
