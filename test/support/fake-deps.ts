import type { Signals } from '../../src/app/collaborators.ts';
import type { CliDeps } from '../../src/cli/context.ts';
import { FakeClock } from './fake-clock.ts';
import { type FakeTerminal, fakeTerminal } from './fake-terminal.ts';

type SignalName = Parameters<Signals['on']>[0];

/** Signals that a test raises by hand. */
export class FakeSignals implements Signals {
  readonly #listeners: { readonly name: SignalName; readonly listener: () => void }[] = [];

  on(name: SignalName, listener: () => void): () => void {
    const entry = { name, listener };
    this.#listeners.push(entry);
    return () => {
      const index = this.#listeners.indexOf(entry);
      if (index >= 0) this.#listeners.splice(index, 1);
    };
  }

  raise(name: SignalName): void {
    for (const entry of this.#listeners.slice()) if (entry.name === name) entry.listener();
  }

  get count(): number {
    return this.#listeners.length;
  }
}

export interface FakeDeps extends CliDeps {
  readonly terminal: FakeTerminal;
  readonly clock: FakeClock;
  readonly signals: FakeSignals;
  /** Raises an uncaught error. */
  readonly crash: (error: unknown) => void;
}

/** The dependencies of the CLI in memory; opening an AWS account throws unless the test provides one. */
export function fakeDeps(over: Partial<Omit<FakeDeps, 'clock' | 'signals'>> = {}): FakeDeps {
  const crashes = new Set<(error: unknown) => void>();
  return {
    env: {},
    cwd: '/',
    terminal: fakeTerminal(),
    clock: new FakeClock(),
    random: {
      number: () => 0.5,
      bytes: (length) => new Uint8Array(length),
      uuid: () => '00000000-0000-4000-8000-000000000000',
    },
    signals: new FakeSignals(),
    uncaught(listener) {
      crashes.add(listener);
      return () => crashes.delete(listener);
    },
    crash(error) {
      for (const listener of crashes) listener(error);
    },
    openAccount: () => Promise.reject(new Error('this test has no account')),
    version: '1.2.3',
    ...over,
  };
}
