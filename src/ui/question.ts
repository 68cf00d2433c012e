import type { PickedFacts } from '../core/facts/command-line-facts.ts';

/** What every question to the person says. */
export interface Question {
  readonly message: string;
  /** The flag that answers it without a prompt, e.g. `--cluster`; undefined where no flag does. */
  readonly flag: string | undefined;
  /** For a question without a flag: what other commands need to know. */
  readonly picked?: PickedFacts;
}
