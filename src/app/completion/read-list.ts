import type { CompletionItem, CompletionList } from '../../config/completion-cache.ts';
import { collect } from '../../connect/target/discover.ts';
import { mapConcurrently } from '../../core/concurrency.ts';
import { ToolError } from '../../core/errors.ts';
import { findBastions } from '../../provision/bastion/inventory.ts';
import type { Needs } from '../collaborators.ts';
import { listing } from '../listing/listing.ts';

/**
 * Reads the names from AWS. Parts that the person may not read are left out; rejects if no part can be read. `deps` have
 * the profile and region of the list.
 */
export async function readList(
  { kind, cluster, service }: CompletionList,
  deps: Needs<'account' | 'clock' | 'signal'>,
): Promise<readonly CompletionItem[]> {
  const account = await deps.account();
  switch (kind) {
    case 'clusters': {
      const ecs = await account.ecs();
      return named(await collect(ecs.clusterNames(deps.signal)));
    }
    case 'services': {
      const ecs = await account.ecs();
      if (cluster !== undefined) return named(await collect(ecs.serviceNames(cluster, deps.signal)));
      const clusters = await collect(ecs.clusterNames(deps.signal));
      const found = await mapConcurrently(clusters, (each) =>
        unlessDenied(collect(ecs.serviceNames(each, deps.signal))),
      );
      return named(found.flat());
    }
    case 'tasks': {
      const settings = { cluster, service, task: undefined, container: undefined };
      const { records } = await listing('tasks', { ...deps, settings });
      return records.map(({ id, containers }) => ({
        name: String(id),
        containers: Array.isArray(containers) ? (containers as readonly string[]) : [],
      }));
    }
    case 'databases': {
      const { records } = await listing('databases', { ...deps, settings: NO_TARGET });
      return named(records.map(({ id }) => String(id)));
    }
    case 'bastions':
      return named((await findBastions(await account.ec2(), {})).map(({ name }) => name));
  }
}

const NO_TARGET = { cluster: undefined, service: undefined, task: undefined, container: undefined };

const named = (names: readonly string[]): readonly CompletionItem[] =>
  [...new Set(names)].sort().map((name) => ({ name }));

const unlessDenied = <T>(answer: Promise<readonly T[]>): Promise<readonly T[]> =>
  answer.catch((error: unknown): readonly T[] => {
    if (error instanceof ToolError && error.role === 'access') return [];
    throw error;
  });
