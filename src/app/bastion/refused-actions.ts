import { textFact } from '../../core/error-facts.ts';
import { ToolError } from '../../core/errors.ts';

/** The actions that IAM refused while an answer was put together: the rest is printed, and marked as incomplete. */
export class RefusedActions {
  readonly #actions = new Set<string>();

  /** Sorted. */
  get actions(): readonly string[] {
    return [...this.#actions].sort();
  }

  /** What `work` resolves with, or `instead` where IAM refuses it. */
  async or<T, I>(instead: I, work: Promise<T>): Promise<T | I> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof ToolError) || error.code !== 'access-denied') throw error;
      this.#actions.add(textFact(error.details, 'action'));
      return instead;
    }
  }
}
