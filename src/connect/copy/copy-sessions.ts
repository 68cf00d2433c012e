import type { Clock } from '../../core/clock.ts';
import type { Report } from '../../core/events.ts';
import { ToolError } from '../../core/errors.ts';
import { type CopyTools, copyCommand } from './copy-script.ts';
import { RemoteShell, type RunRemote } from './remote-shell.ts';

export interface CopyDeps {
  readonly clock: Clock;
  readonly report: Report;
  readonly signal: AbortSignal;
  readonly random: { bytes(length: number): Uint8Array };
  /** Starts a session into the container that runs this command. */
  readonly run: (command: readonly string[]) => RunRemote;
  /** Resolves with `task-stopped` if the container has stopped or is being stopped; undefined if nobody knows. */
  readonly look?: () => Promise<ToolError | undefined>;
}

export interface PreparedShell {
  readonly shell: RemoteShell;
  readonly tools: CopyTools;
}

/** How many sessions in a row may be lost without any progress between them. */
const MOST_LOSSES = 4;

/** The main session of a copy, opened when it is first needed, and again after it was lost. */
export class CopySessions {
  readonly deps: CopyDeps;
  #current: Promise<PreparedShell> | undefined;
  readonly #open = new Set<RemoteShell>();
  #losses = 0;

  constructor(deps: CopyDeps) {
    this.deps = deps;
  }

  main(): Promise<PreparedShell> {
    this.#current ??= this.another();
    return this.#current;
  }

  /** A session beside the main one. */
  async another(): Promise<PreparedShell> {
    const { clock, signal, random, run } = this.deps;
    const nonce = Buffer.from(random.bytes(16)).toString('hex');
    const shell = new RemoteShell(nonce, run(copyCommand(nonce)), { clock, signal });
    this.#open.add(shell);
    const tools = await shell.prepare();
    return { shell, tools };
  }

  /** Something arrived; losses before it no longer count. */
  progressed(): void {
    this.#losses = 0;
  }

  /**
   * Runs `work`, and again with a new session when the session was lost. Throws what `work` threw when it was no loss,
   * or when sessions are lost again and again, and `task-stopped` when the container stops.
   */
  async repeatAfterLoss<T>(work: (session: PreparedShell) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work(await this.main());
      } catch (error) {
        if (!isLoss(error) || this.deps.signal.aborted) throw error;
        const stopped = await this.deps.look?.();
        if (stopped !== undefined) throw stopped;
        if (++this.#losses >= MOST_LOSSES) throw error;
        this.#current = undefined;
        this.deps.report({
          type: 'session-state',
          state: 'replaced',
          reason: `${error.message}; a new session continues the copy`,
        });
      }
    }
  }

  /**
   * Runs `work` in up to `most` sessions side by side until `isDone`. The main session does what an additional one, which
   * was refused or lost, has left. `shown` names what is read.
   */
  async share(
    work: (session: PreparedShell) => Promise<void>,
    {
      most,
      shown,
      isDone,
    }: { readonly most: number; readonly shown: string; readonly isDone: () => boolean },
  ): Promise<void> {
    const additional = Array.from({ length: most - 1 }, async () => {
      try {
        await work(await this.another());
      } catch (error) {
        if (!isReplaceable(error)) throw error;
        this.deps.report({
          type: 'note',
          level: 'info',
          code: 'copy-fewer-sessions',
          message: `a session fewer reads ${shown}: ${error.message}`,
        });
      }
    });
    for (const result of await Promise.allSettled([this.repeatAfterLoss(work), ...additional]))
      if (result.status === 'rejected') throw result.reason;
    // An additional session may have left work after the main one had found nothing to do.
    while (!isDone()) await this.repeatAfterLoss(work);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((shell) => shell.close()));
  }
}

/** After these no other session succeeds: the command does not start there, or the container has stopped. */
const FINAL: ReadonlySet<string> = new Set(['exec-not-started', 'task-stopped']);

/** The session ended although nobody wanted it to end, so another one may succeed. */
export const isLoss = (error: unknown): error is ToolError =>
  error instanceof ToolError && error.role === 'transport' && !FINAL.has(error.code);

/** An additional session failed, and the main session can do its work. */
const isReplaceable = (error: unknown): error is ToolError =>
  isLoss(error) ||
  (error instanceof ToolError &&
    (error.role === 'access' || error.code === 'exec-not-started' || error.code === 'target-not-connected'));
