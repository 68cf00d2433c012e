import { nearest } from '../../core/nearest.ts';

const MOST = 5;
/** So many names still fit into a hint when none of them is near. */
const FEW = 10;

/** What a person may have meant, as hints of a `no-match` error: up to five near names, else all of a few, or how many there are. */
export function candidateHints(
  typed: string,
  candidates: readonly string[],
  list: string,
): readonly string[] {
  const near = nearest(typed, candidates, MOST);
  if (near.length > 0) return [`did you mean ${near.join(', ')}?`, list];
  if (candidates.length === 0) return [list];
  if (candidates.length <= FEW) return [`there is: ${[...candidates].sort().join(', ')}`, list];
  return [`none of the ${candidates.length} names is close`, list];
}
