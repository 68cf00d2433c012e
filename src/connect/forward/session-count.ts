/** Decides how many sessions a forward has, from what its sessions carry. Pure: the caller samples once a second. */

/** What one session of a forward carries. */
export interface SessionLoad {
  /** Connections that are open in it now. */
  readonly open: number;
  /** Bytes that it has brought from the remote side since it was opened. */
  readonly received: number;
}

/**
 * The agent waits 1 ms after each KiB that it reads, so that a session brings at most 1 MB/s; the official agent brought
 * 0.57 to 0.59 MB/s (SPEC.md §15). A session that brings more has an agent without that pace.
 */
const PACE_AT_LEAST = 256 * 1024;
const PACE_AT_MOST = 1_150_000;
/** Samples in a row at the pace after which a session counts as one that the agent slows down. */
const SAMPLES_AT_PACE = 2;
/** When no session was at the pace for this long, one session is enough. */
export const QUIET_MS = 60_000;

interface Observed {
  received: number;
  samplesAtPace: number;
}

/** How many sessions a forward may have; equal numbers fix it. */
export interface SessionLimits {
  readonly min: number;
  readonly max: number;
}

export class SessionCount {
  readonly #limits: SessionLimits;
  readonly #observed = new Map<object, Observed>();
  #wanted: number;
  #sampledAt: number;
  #pacedAt: number;

  constructor(limits: SessionLimits, now: number) {
    this.#limits = limits;
    this.#wanted = limits.min;
    this.#sampledAt = now;
    this.#pacedAt = now;
  }

  get wanted(): number {
    return this.#wanted;
  }

  /**
   * Returns how many sessions the forward should have. More than now when all of them are at the agent's pace and
   * several connections are open: as many as there are connections, within the limits.
   *
   * @param loads keyed by session
   */
  sample(now: number, loads: ReadonlyMap<object, SessionLoad>): number {
    const seconds = (now - this.#sampledAt) / 1000;
    if (seconds <= 0) return this.#wanted;
    this.#sampledAt = now;
    let connections = 0;
    let paced = 0;
    for (const [session, { open, received }] of loads) {
      connections += open;
      const observed = this.#observed.get(session) ?? { received: 0, samplesAtPace: 0 };
      const rate = (received - observed.received) / seconds;
      observed.samplesAtPace = rate >= PACE_AT_LEAST && rate <= PACE_AT_MOST ? observed.samplesAtPace + 1 : 0;
      observed.received = received;
      this.#observed.set(session, observed);
      if (observed.samplesAtPace >= SAMPLES_AT_PACE) paced++;
    }
    for (const session of this.#observed.keys()) if (!loads.has(session)) this.#observed.delete(session);
    if (paced > 0) this.#pacedAt = now;
    if (paced === loads.size && connections > loads.size)
      this.#wanted = Math.max(this.#wanted, Math.min(this.#limits.max, connections));
    else if (now - this.#pacedAt >= QUIET_MS) this.#wanted = this.#limits.min;
    return this.#wanted;
  }
}

/** The candidate with the fewest connections, and of several the first; undefined without candidates. */
export const leastLoaded = <T extends { readonly open: number }>(sessions: readonly T[]): T | undefined =>
  sessions.reduce<T | undefined>(
    (least, session) => (least === undefined || session.open < least.open ? session : least),
    undefined,
  );
