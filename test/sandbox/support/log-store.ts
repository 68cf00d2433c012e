import type { Seed } from '../../../src/sandbox/seed-shapes.ts';
import { LogGroups } from '../../../src/sandbox/world/log-groups.ts';
import { LogStore } from '../../../src/sandbox/world/log-store.ts';

/** The log store of a seed, without an account. */
export function logStore(seed: Pick<Seed, 'logGroups' | 'buckets'>): LogStore {
  const groups = new LogGroups(() => 0);
  for (const { name, kmsKeyId } of seed.logGroups ?? []) groups.createGroup(name, { kmsKeyId });
  return new LogStore(seed, groups);
}
