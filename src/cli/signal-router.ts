import type { Signals } from '../app/collaborators.ts';
import { interrupted, ToolError } from '../core/errors.ts';

type SignalName = Parameters<Signals['on']>[0];

/** Signals that end a run unless a session listens for them. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Passes each signal to the listeners inside the command; without a listener the signal ends the run. A session whose
 * remote command handles Ctrl-C listens for SIGINT; when it stops listening, Ctrl-C ends the run again.
 */
export class SignalRouter implements Signals {
  readonly #source: Signals;
  readonly #handlers = new Map<SignalName, Set<() => void>>();
  readonly #removers: (() => void)[] = [];

  constructor(source: Signals, onEnd: (signal: (typeof ENDING)[number]) => void) {
    this.#source = source;
    for (const name of ENDING)
      this.#removers.push(
        source.on(name, () => {
          const handlers = this.#handlers.get(name);
          if (handlers === undefined || handlers.size === 0) onEnd(name);
          else for (const listener of handlers) listener();
        }),
      );
  }

  on(name: SignalName, listener: () => void): () => void {
    if (!ENDING.some((ending) => ending === name)) return this.#source.on(name, listener);
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers);
    // A new function for each call, so that a listener that is registered twice is called twice and removed one
    // registration at a time.
    const handler = (): void => listener();
    handlers.add(handler);
    return () => handlers.delete(handler);
  }

  close(): void {
    for (const remove of this.#removers.splice(0)) remove();
  }
}

export const isInterruption = (error: unknown): boolean =>
  error instanceof ToolError && error.role === 'interrupted';

/** A call to AWS that Ctrl-C has cut off failed because of that, and not because of AWS. */
export function unlessCutOff(error: unknown, signal: AbortSignal): unknown {
  const isCutOff = error instanceof ToolError && (error.cause as Error | undefined)?.name === 'AbortError';
  return isCutOff && signal.aborted ? interrupted() : error;
}
