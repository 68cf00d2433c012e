import { nearest } from '../core/nearest.ts';

const MOST = 5;

/** What a person may have meant, as hints of a `no-match` error: up to five near names, all of a few, or how many there are. */
export function candidateHints(
  typed: string,
  candidates: readonly string[],
  list: string,
): readonly string[] {
  const near = nearest(typed, candidates, MOST);
  if (near.length > 0) return [`did you mean ${near.join(', ')}?`, list];
  if (candidates.length === 0) return [list];
  if (candidates.length <= MOST) return [`there is: ${[...candidates].sort().join(', ')}`, list];
  return [`none of the ${candidates.length} names is close`, list];
}
