import { backoffDelay } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import { ToolError } from '../../core/errors.ts';
import type { Bastion } from '../bastion/bastion.ts';
import type { Ec2Port, Instance } from '../ports/ec2.ts';

/**
 * Looks at one bastion for as long as somebody works through it. The two-minute notice is read from the spot request
 * and not from the console: a bastion may not write tags, and who may only forward need not read its boot log.
 */

export interface WatchDeps {
  readonly ec2: Pick<Ec2Port, 'instances' | 'spotStatus'>;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export interface WatchEvents {
  /** EC2 takes the instance back within two minutes; at most once. */
  noticed(instance: Instance): void;
  /**
   * It is ending or gone; at most once, and the last event. `bySpot` = EC2 took it back. Undefined = it was never seen:
   * it ended too long ago.
   */
  ended(instance: Instance | undefined, bySpot: boolean): void;
  /** The spot request may not be read: the end will be seen, the notice not. At most once. */
  noticeHidden?(error: ToolError): void;
}

const INTERVAL_MS = 5_000;
const LONGEST_INTERVAL_MS = 60_000;
/** An instance that was there is missing from that many answers in a row: it ended long ago (a laptop slept). */
const MISSING_LOOKS = 3;

export const MARKED = 'marked-for-termination';
/** `Server.SpotInstanceTermination`, or `…Shutdown` while it goes down. */
const TAKEN_BACK = 'Server.SpotInstance';

export class BastionWatch {
  readonly #deps: WatchDeps;
  readonly #events: WatchEvents;
  readonly #bastion: Pick<Bastion, 'instanceId' | 'market'>;
  #seen: Instance | undefined;
  #looking: Promise<void> | undefined;
  #cancelTimer: () => void = () => undefined;
  #closed = false;
  #isNoticed = false;
  #noticeIsHidden = false;
  #failures = 0;
  #missing = 0;

  /** Begins with a look after the interval: the bastion was found a moment ago. */
  constructor(bastion: Pick<Bastion, 'instanceId' | 'market'>, deps: WatchDeps, events: WatchEvents) {
    this.#bastion = bastion;
    this.#deps = deps;
    this.#events = events;
    this.#schedule();
  }

  /** Looks now; resolves when the events of this look were told. Never rejects: what AWS did not answer is asked again. */
  look(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#looking ??= this.#round().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
  }

  #schedule(): void {
    if (this.#closed) return;
    const { clock, random } = this.#deps;
    // Jittered, so that a hundred forwards do not ask in step.
    const delay = backoffDelay(this.#failures, { baseMs: INTERVAL_MS, capMs: LONGEST_INTERVAL_MS, random });
    this.#cancelTimer = clock.timer(delay, () => void this.look());
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
      if (++this.#missing >= MISSING_LOOKS) this.#end(this.#seen);
      return;
    }
    this.#missing = 0;
    this.#seen = instance;
    if (instance.state !== 'running' && instance.state !== 'pending') {
      this.#end(instance);
      return;
    }
    if (status !== MARKED || this.#isNoticed) return;
    this.#isNoticed = true;
    this.#events.noticed(instance);
  }

  #end(instance: Instance | undefined): void {
    this.close();
    const stateReason = instance?.stateReason;
    // Somebody may have run `down` within the two minutes: that is no reason to launch anything.
    const bySpot =
      stateReason?.startsWith(TAKEN_BACK) === true ||
      (this.#isNoticed && stateReason?.startsWith('Client.') !== true);
    this.#events.ended(instance, bySpot);
  }
}
