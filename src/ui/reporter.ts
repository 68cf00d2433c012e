import type { Report } from '../core/events.ts';

export interface Reporter {
  readonly report: Report;
  /**
   * Removes live output from the screen until the returned function is called; for prompts and raw sessions. Calls may
   * be nested.
   */
  suspend(): () => void;
  /** Stops timers and leaves the cursor as it was. Idempotent. */
  close(): void;
}
