import type { CompletionCache, CompletionList } from '../../config/completion-cache.ts';
import { withDeadline } from '../../core/clock.ts';
import type { Needs } from '../collaborators.ts';
import { readList } from './read-list.ts';

const DEADLINE_MS = 20_000;

/**
 * Reads the list from AWS and stores it, unless another process does so. After a failure, about which nothing is said,
 * the stored list and the lock stay.
 */
export async function renewList(
  list: CompletionList,
  cache: CompletionCache,
  deps: Needs<'account' | 'clock' | 'signal'>,
): Promise<void> {
  if (!cache.lock(list)) return;
  try {
    const items = await withDeadline(
      deps.clock,
      DEADLINE_MS,
      readList(list, deps),
      () => new Error('AWS did not answer in time'),
    );
    cache.write(list, { at: deps.clock.now(), items });
    cache.unlock(list);
  } catch {
    // Nobody sees this process, and a command that needs the same list reports the error.
  }
}
