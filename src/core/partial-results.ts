import { ToolError } from './errors.ts';

/** What a listing found, and why more may exist. */
export interface PartialResults<T> {
  readonly items: readonly T[];
  /** `aws-throttled` if AWS refused the remaining calls; undefined if the listing is complete. */
  readonly incomplete: ToolError | undefined;
}

/**
 * Runs a listing that calls `found` with items as they arrive. When AWS keeps throttling its calls, resolves with the
 * items found by then. Throws `aws-throttled` if there are none, and every other error.
 */
export async function untilThrottled<T>(
  list: (found: (items: readonly T[]) => void) => Promise<unknown>,
): Promise<PartialResults<T>> {
  const items: T[] = [];
  try {
    await list((some) => items.push(...some));
    return { items, incomplete: undefined };
  } catch (error) {
    if (!isThrottled(error) || items.length === 0) throw error;
    return { items, incomplete: error };
  }
}

/** True for the error of a call that AWS still refused, after all retries, because there were too many calls. */
export const isThrottled = (error: unknown): error is ToolError =>
  error instanceof ToolError && error.code === 'aws-throttled';
