import type { ConfiguredDatabase } from './settings.ts';

/**
 * One entry for each id. For each setting the first file that has it counts; a login (`iam`, `secret`) is one setting.
 */
export function mergedDatabases(
  files: readonly (readonly ConfiguredDatabase[])[],
): readonly ConfiguredDatabase[] {
  const byId = new Map<string, ConfiguredDatabase>();
  for (const database of files.flat()) {
    const id = database.id.toLowerCase();
    const first = byId.get(id);
    byId.set(id, first === undefined ? { ...database, id } : merged(first, database));
  }
  return [...byId.values()];
}

function merged(first: ConfiguredDatabase, second: ConfiguredDatabase): ConfiguredDatabase {
  const login = first.iam === undefined && first.secret === undefined ? second : first;
  return {
    id: first.id,
    port: first.port ?? second.port,
    user: first.user ?? second.user,
    iam: login.iam,
    secret: login.secret,
    readOnly: first.readOnly ?? second.readOnly,
    ca: first.ca ?? second.ca,
    from: `${first.from}, ${second.from}`,
  };
}
