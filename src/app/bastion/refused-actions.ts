import { textFact } from '../../core/facts/fact.ts';
import { ToolError } from '../../core/errors.ts';

/**
 * Collects the actions that IAM denied while an answer was put together: the rest of the answer is printed and marked
 * as incomplete.
 */
export class RefusedActions {
  readonly #actions = new Set<string>();
  #first: ToolError | undefined;

  /** The first denial. */
  get first(): ToolError | undefined {
    return this.#first;
  }

  /** Sorted. */
  get actions(): readonly string[] {
    return [...this.#actions].sort();
  }

  /** Resolves with the result of `work`, or with `instead` if IAM denies it. */
  async or<T, I>(instead: I, work: Promise<T>): Promise<T | I> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof ToolError) || error.code !== 'access-denied') throw error;
      this.#first ??= error;
      this.#actions.add(textFact(error.details, 'action'));
      return instead;
    }
  }
}
