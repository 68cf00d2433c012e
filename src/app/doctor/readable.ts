import { ToolError } from '../../core/errors.ts';
import type { Finding } from '../../diagnose/finding.ts';

/** Reads facts that the caller may not be allowed to read: a denial leaves a fact unknown and ends nothing. */
export class Readable {
  readonly #denied = new Map<string, string>();

  /** Undefined if IAM denies the call; `what` names the fact, for the finding. Other errors are thrown. */
  async or<T>(what: string, work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      const action = deniedAction(error);
      if (action === undefined) throw error;
      this.#denied.set(action, what);
      return undefined;
    }
  }

  /** One finding for each denied action. */
  findings(): readonly Finding[] {
    return [...this.#denied].map(([action, what]) => ({
      id: 'not-allowed-to-read',
      severity: 'could-not-tell',
      evidence: { action, what },
      fixes: [],
    }));
  }
}

/** The action that IAM denied; undefined for every other error. */
export function deniedAction(error: unknown): string | undefined {
  if (!(error instanceof ToolError) || error.code !== 'access-denied') return undefined;
  const { action } = error.details;
  return typeof action === 'string' ? action : 'an action';
}
