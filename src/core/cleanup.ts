/** Runs undo actions in reverse order of their registration, each exactly once, even when one of them fails. */
export class CleanupScope implements AsyncDisposable {
  readonly #actions: (() => void | Promise<void>)[] = [];
  #running: Promise<void> | undefined;

  /** Registers an undo action; the returned function runs it at once instead of at `close`. */
  add(action: () => void | Promise<void>): () => Promise<void> {
    let pending = true;
    const once = async (): Promise<void> => {
      if (!pending) return;
      pending = false;
      await action();
    };
    this.#actions.push(once);
    return once;
  }

  /** Runs all remaining actions; if any failed, throws an AggregateError after all of them ran. Idempotent. */
  close(): Promise<void> {
    this.#running ??= this.#runAll();
    return this.#running;
  }

  async #runAll(): Promise<void> {
    const errors: unknown[] = [];
    for (let action = this.#actions.pop(); action !== undefined; action = this.#actions.pop()) {
      try {
        await action();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, 'several clean-up steps failed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
