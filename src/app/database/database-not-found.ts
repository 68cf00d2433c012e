import { noMatch, type ToolError } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';

/** The error for ids that no database of the region has; `listed` are those that it has, empty if they are not known. */
export function databaseNotFound(
  missing: readonly string[],
  region: string,
  listed: readonly { readonly id: string; readonly engine: string }[],
): ToolError {
  const ids = listed.map(({ id }) => id);
  return noMatch('database-not-found', `no database ${missing.join(', ')} in ${region}`, {
    details: {
      databases: missing,
      candidates: listed.map(({ id, engine }) => ({ id, engine })),
      near: [...new Set(missing.flatMap((id) => nearest(id, ids)))],
    },
  });
}
