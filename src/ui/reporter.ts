import type { Report } from '../core/events.ts';

export interface Reporter {
  readonly report: Report;
  /** Takes live output off the screen until the returned function is called; for prompts and raw sessions. Nests. */
  suspend(): () => void;
  /** Stops timers and leaves the cursor as it was. Idempotent. */
  close(): void;
}
