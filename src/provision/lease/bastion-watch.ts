import { backoffDelay } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { ToolError } from '../../core/errors.ts';
import type { Bastion } from '../bastion/bastion.ts';
import type { Ec2Port, Instance } from '../ports/ec2.ts';
import { leaseOf } from './lease.ts';

/**
 * Polls the state of one bastion, and the end of its lease, for as long as a session runs through it. The two-minute interruption notice is read
 * from the spot request and not from the console output: a bastion may not write tags, and a caller who may only
 * forward does not need permission to read the boot log.
 */

export interface WatchDeps {
  readonly ec2: Pick<Ec2Port, 'instances' | 'spotStatus'>;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** AWS's time, for the end of the lease; default: that of the clock. */
  readonly now?: () => number;
}

export interface WatchEvents {
  /** EC2 will interrupt the spot instance within two minutes; called at most once. */
  noticed(instance: Instance): void;
  /**
   * The instance is shutting down or gone; called at most once, as the last event. `bySpot` = EC2 interrupted it. An
   * undefined instance was never seen, because it was terminated too long ago.
   */
  ended(instance: Instance | undefined, bySpot: boolean): void;
  /**
   * The caller may not read the spot request, so the watch reports only the end and not the notice. Called at most
   * once.
   */
  noticeHidden?(error: ToolError): void;
  /** The lease ends within ten minutes; called once for each end that the tags of the instance state. */
  leaseEnding?(instance: Instance, leftMs: number): void;
}

const INTERVAL_MS = 5_000;
const LONGEST_INTERVAL_MS = 60_000;
/**
 * After so many answers in a row without the instance, it was terminated long ago (for example while the laptop slept).
 */
const MISSING_ANSWERS = 3;
/** Time enough to read a warning and to extend the lease. */
const LEASE_WARNING_MS = 10 * 60_000;

/** Status code of the spot request of an instance that EC2 will interrupt within two minutes. */
export const MARKED_FOR_TERMINATION = 'marked-for-termination';
/**
 * Prefix of the state reason of an interrupted instance: `Server.SpotInstanceTermination`, or `…Shutdown` while it
 * shuts down.
 */
const SPOT_STATE_REASON = 'Server.SpotInstance';

/** Polls every five seconds while AWS answers, and less often while it does not, until `close`. */
export class BastionWatch {
  readonly #deps: WatchDeps;
  readonly #events: WatchEvents;
  readonly #bastion: Pick<Bastion, 'instanceId' | 'market'>;
  #seen: Instance | undefined;
  #checking: Promise<void> | undefined;
  #cancelTimer: () => void = () => undefined;
  #closed = false;
  #isNoticed = false;
  #noticeIsHidden = false;
  #failures = 0;
  #missing = 0;
  /** The end of the lease that has been reported. */
  #reportedEnd: number | undefined;

  /** The first poll is after one interval, because the bastion was found a moment ago. */
  constructor(bastion: Pick<Bastion, 'instanceId' | 'market'>, deps: WatchDeps, events: WatchEvents) {
    this.#bastion = bastion;
    this.#deps = deps;
    this.#events = events;
    this.#schedule();
  }

  /** Polls now; resolves after the events of this poll. Never rejects: a call that failed is repeated later. */
  check(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#checking ??= this.#round().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
  }

  #schedule(): void {
    if (this.#closed) return;
    const { clock, random } = this.#deps;
    // With jitter, so that a hundred forwards do not poll at the same moment.
    const delay = backoffDelay(this.#failures, { baseMs: INTERVAL_MS, capMs: LONGEST_INTERVAL_MS, random });
    this.#cancelTimer = clock.timer(delay, () => void this.check());
  }

  async #round(): Promise<void> {
    this.#cancelTimer();
    try {
      const [[instance], status] = await Promise.all([
        this.#deps.ec2.instances({ ids: [this.#bastion.instanceId] }),
        this.#spotStatus(),
      ]);
      this.#failures = 0;
      if (!this.#closed) this.#judge(instance, status);
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      this.#failures++;
    } finally {
      this.#schedule();
    }
  }

  async #spotStatus(): Promise<string | undefined> {
    const { instanceId, market } = this.#bastion;
    if (market !== 'spot' || this.#isNoticed || this.#noticeIsHidden) return undefined;
    try {
      return (await this.#deps.ec2.spotStatus([instanceId])).get(instanceId);
    } catch (error) {
      if (!(error instanceof ToolError) || error.role !== 'access') throw error;
      this.#noticeIsHidden = true;
      if (!this.#closed) this.#events.noticeHidden?.(error);
      return undefined;
    }
  }

  #judge(instance: Instance | undefined, status: string | undefined): void {
    if (instance === undefined) {
      if (++this.#missing >= MISSING_ANSWERS) this.#end(this.#seen);
      return;
    }
    this.#missing = 0;
    this.#seen = instance;
    if (instance.state !== 'running' && instance.state !== 'pending') {
      this.#end(instance);
      return;
    }
    this.#judgeLease(instance);
    if (status !== MARKED_FOR_TERMINATION || this.#isNoticed) return;
    this.#isNoticed = true;
    this.#events.noticed(instance);
  }

  #judgeLease(instance: Instance): void {
    const { expiresAt } = leaseOf(instance);
    if (expiresAt === undefined || expiresAt === this.#reportedEnd) return;
    const { clock, now = () => clock.now() } = this.#deps;
    const leftMs = expiresAt - now();
    if (leftMs > LEASE_WARNING_MS) return;
    this.#reportedEnd = expiresAt;
    this.#events.leaseEnding?.(instance, Math.max(0, leftMs));
  }

  #end(instance: Instance | undefined): void {
    this.close();
    const stateReason = instance?.stateReason;
    // A person may have run `down` within the two minutes; then the tool must not launch a replacement.
    const bySpot =
      stateReason?.startsWith(SPOT_STATE_REASON) === true ||
      (this.#isNoticed && stateReason?.startsWith('Client.') !== true);
    this.#events.ended(instance, bySpot);
  }
}
