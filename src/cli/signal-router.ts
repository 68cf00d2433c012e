import type { Signals } from '../app/collaborators.ts';

type SignalName = Parameters<Signals['on']>[0];

/** Signals that end a run unless a session listens for them. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Passes each signal to the listeners inside the command; without a listener the signal ends the run. A session whose
 * remote command handles Ctrl-C listens for SIGINT; when it stops listening, Ctrl-C ends the run again.
 */
export class SignalRouter implements Signals {
  readonly #source: Signals;
  readonly #claims = new Map<SignalName, Set<() => void>>();
  readonly #removers: (() => void)[] = [];

  constructor(source: Signals, onEnd: (signal: (typeof ENDING)[number]) => void) {
    this.#source = source;
    for (const name of ENDING)
      this.#removers.push(
        source.on(name, () => {
          const claims = this.#claims.get(name);
          if (claims === undefined || claims.size === 0) onEnd(name);
          else for (const listener of claims) listener();
        }),
      );
  }

  on(name: SignalName, listener: () => void): () => void {
    if (!ENDING.some((ending) => ending === name)) return this.#source.on(name, listener);
    const claims = this.#claims.get(name) ?? new Set();
    this.#claims.set(name, claims);
    // A new function for each call, so that a listener that is registered twice is called twice and removed one
    // registration at a time.
    const claim = (): void => listener();
    claims.add(claim);
    return () => claims.delete(claim);
  }

  close(): void {
    for (const remove of this.#removers.splice(0)) remove();
  }
}
