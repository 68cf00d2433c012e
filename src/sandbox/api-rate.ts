/**
 * How often an account may call: a token bucket for each service and region, as AWS describes it for ECS and EC2
 * (docs/reference/api-limits.md §2). A bucket starts full and holds the tokens of five seconds; a call that finds it
 * empty is refused.
 */
export class ApiRate {
  readonly #perSecond: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  /** `perSecond` may be below 1; a bucket holds at least one token. */
  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /** Takes a token; returns false if there is none. */
  admit(service: string, region: string): boolean {
    const capacity = Math.max(1, this.#perSecond * 5);
    const key = `${service}/${region}`;
    const now = this.#now();
    const bucket = this.#buckets.get(key) ?? { tokens: capacity, at: now };
    this.#buckets.set(key, bucket);
    bucket.tokens = Math.min(capacity, bucket.tokens + ((now - bucket.at) / 1000) * this.#perSecond);
    bucket.at = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
