import type { Clock } from '../../core/clock.ts';
import { describeDuration } from '../../core/duration.ts';
import type { Report } from '../../core/events.ts';

export interface SilenceDeps {
  readonly clock: Clock;
  readonly report: Report;
  /** When the agent owes an acknowledgement and sends nothing for this long, the user is told. */
  readonly silenceMs: number;
  /** When it does so for this shorter time, `quiet` is called, once for each silence. */
  readonly quietMs: number;
  readonly quiet: () => void;
  /** True while something that we sent is unacknowledged. */
  readonly awaitsAcknowledgement: () => boolean;
  /** True while we could receive a message: connected, and reading. */
  readonly listens: () => boolean;
}

/** The gateway answers pings even when the agent is gone; only missing acknowledgements show that. */
export class AgentSilence {
  readonly #deps: SilenceDeps;
  #receivedAt = 0;
  #isQuiet = false;
  #isReported = false;
  #cancel: (() => void) | undefined;

  constructor(deps: SilenceDeps) {
    this.#deps = deps;
  }

  /** A message of the agent arrived. */
  messageReceived(): void {
    this.restart();
    if (!this.#isReported) return;
    this.#isReported = false;
    this.#deps.report({ type: 'session-state', state: 'resumed', reason: 'the agent answers again' });
  }

  /** Starts the measurement anew: before this moment no message could have arrived. */
  restart(): void {
    this.#receivedAt = this.#deps.clock.now();
    this.#isQuiet = false;
  }

  /** To be called whenever something may have been sent: checks again and again until everything is acknowledged. */
  watch(): void {
    const { clock, awaitsAcknowledgement, quietMs, silenceMs } = this.#deps;
    if (this.#cancel !== undefined || !awaitsAcknowledgement()) return;
    this.#cancel = clock.timer(this.#isQuiet ? silenceMs - quietMs : quietMs, () => {
      this.#cancel = undefined;
      if (!awaitsAcknowledgement()) return;
      this.#check();
      this.watch();
    });
  }

  close(): void {
    this.#cancel?.();
  }

  #check(): void {
    const { clock, listens, quiet, quietMs, report, silenceMs } = this.#deps;
    const silence = clock.now() - this.#receivedAt;
    if (!listens()) return;
    if (silence >= quietMs && !this.#isQuiet) {
      this.#isQuiet = true;
      quiet();
    }
    if (silence >= silenceMs && !this.#isReported) {
      this.#isReported = true;
      const reason = `the agent has not answered for ${describeDuration(silence)}`;
      report({ type: 'session-state', state: 'interrupted', reason });
    }
  }
}
