/** Names of the bastions that `run --ephemeral` creates for one command. */

/** Lifetime of such a bastion unless the command that uses it extends it. */
export const EPHEMERAL_LEASE_MS = 15 * 60_000;
/** Creating and deleting one takes at most this much longer than its lease; its resources are not swept before. */
const MARGIN_MS = 5 * 60_000;

const NAME = /^run-(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})-[0-9a-f]{6}$/;

/**
 * `run-202611301712-9f3a1c`: the UTC minute of its creation, so that its age is known when no instance is left, and three
 * random bytes.
 *
 * @param now AWS's time in milliseconds since the epoch
 */
export function ephemeralName(now: number, random: Uint8Array): string {
  const minute = new Date(now).toISOString().slice(0, 16).replaceAll(/[-T:]/g, '');
  return `run-${minute}-${Buffer.from(random.subarray(0, 3)).toString('hex')}`;
}

/** True if nothing can be creating, using or deleting it any more, unless an instance of it runs. */
export function isOverdue(name: string, now: number): boolean {
  const match = NAME.exec(name);
  if (match === null) return false;
  const [, year, month, day, hour, minute] = match.map(Number);
  const createdAt = Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute);
  return now - createdAt >= EPHEMERAL_LEASE_MS + MARGIN_MS;
}
