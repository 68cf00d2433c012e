import { type CompletionCache, type CompletionList, FRESH_MS } from '../../config/completion-cache.ts';
import { nameOfArn } from '../../core/arn.ts';
import type { Clock } from '../../core/clock.ts';
import { REGIONS } from '../../core/regions.ts';
import type { Needs } from '../collaborators.ts';

export type CompletionKind = CompletionList['kind'] | 'containers' | 'profiles' | 'regions';

/** What is completed, and the part of the command line that narrows it down. */
export interface CompletionQuery {
  readonly kind: CompletionKind;
  /** The start that the candidates must have. */
  readonly prefix: string;
  readonly profile: string | undefined;
  readonly region: string | undefined;
  readonly cluster: string | undefined;
  readonly service: string | undefined;
  /** For containers; an id or its start. */
  readonly task: string | undefined;
}

/**
 * Candidates from the cache and from the files of the AWS CLI; AWS is not called. `renew` is called with the list if it is
 * absent or old, and no other process reads it.
 */
export async function candidates(
  query: CompletionQuery,
  cache: CompletionCache,
  { clock, env }: { readonly clock: Pick<Clock, 'now'>; readonly env: Needs<'env'>['env'] },
  renew: (list: CompletionList) => void,
): Promise<readonly string[]> {
  const { kind, prefix } = query;
  if (kind === 'regions') return matching(REGIONS, prefix);
  if (kind === 'profiles') {
    // The parser of the SDK, which the other lists do not need.
    const { readProfiles } = await import('../../aws/profiles.ts');
    return matching(Object.keys((await readProfiles(env)).profiles), prefix);
  }
  const list = listOf(kind, query);
  const cached = cache.read(list);
  const age = cached === undefined ? Infinity : clock.now() - cached.at;
  // A time in the future comes from a clock that was set meanwhile.
  if ((age < 0 || age >= FRESH_MS) && !cache.isLocked(list)) renew(list);
  const items = cached?.items ?? [];
  if (kind !== 'containers')
    return matching(
      items.map(({ name }) => name),
      prefix,
    );
  const task = query.task === undefined ? '' : nameOfArn(query.task);
  const containers = items
    .filter(({ name }) => name.startsWith(task))
    .flatMap((item) => item.containers ?? []);
  return matching(containers, prefix);
}

function listOf(kind: CompletionList['kind'] | 'containers', query: CompletionQuery): CompletionList {
  const { profile, region } = query;
  const cluster = query.cluster === undefined ? undefined : nameOfArn(query.cluster);
  const service = query.service === undefined ? undefined : nameOfArn(query.service);
  const all = { profile, region, cluster: undefined, service: undefined };
  switch (kind) {
    case 'services':
      return { ...all, kind, cluster };
    case 'tasks':
    case 'containers':
      return { ...all, kind: 'tasks', cluster, service };
    case 'clusters':
    case 'databases':
    case 'bastions':
      return { ...all, kind };
  }
}

/** Other names, which only profiles can have, would need quotes that differ from shell to shell. */
const PLAIN_NAME = /^[\w@%+.,/-]+$/;

const matching = (names: readonly string[], prefix: string): readonly string[] =>
  [...new Set(names)].filter((name) => name.startsWith(prefix) && PLAIN_NAME.test(name)).sort();
