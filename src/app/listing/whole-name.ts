import type { Settings } from '../../config/settings.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import { nameOfArn } from '../../core/arn.ts';
import { textFact } from '../../core/facts/fact.ts';
import { ToolError } from '../../core/errors.ts';
import { pickContainer, pickService } from './pick.ts';
import type { PickNeeds } from './picker-dialog.ts';

export type WholeNameNeeds = PickNeeds & { readonly settings: Pick<Settings, 'input'> };

/** True if `error` says that the service that was typed does not exist, and the person can be asked which one is meant. */
export const mayBePartialName = (
  error: unknown,
  { service }: Pick<Wanted, 'service'>,
  { settings }: Pick<WholeNameNeeds, 'settings'>,
): error is ToolError =>
  error instanceof ToolError && error.code === 'service-not-found' && service !== undefined && settings.input;

/**
 * What was typed may be a part of a service's name: the list of services opens with it typed. `kind`: a service is enough
 * where any of its tasks will do.
 */
export async function wholeName(
  error: ToolError,
  { cluster, service, container }: Wanted,
  kind: 'service' | 'container',
  deps: PickNeeds,
): Promise<Wanted> {
  const inCluster = cluster ?? (textFact(error.details, 'cluster') || undefined);
  const nothing = { cluster: inCluster, service: undefined, task: undefined, container: undefined };
  const pick = kind === 'service' ? pickService : pickContainer;
  const { name, ...picked } = await pick(
    { ...deps, reason: error.message },
    nothing,
    nameOfArn(service ?? ''),
  );
  deps.report({ type: 'note', level: 'info', code: 'picked', message: `${error.message}: picked ${name}` });
  return { ...picked, container: container ?? picked.container };
}

/** Calls `use`, and once more with the picked name if the typed one is a part of it. */
export async function withWholeName<T>(
  wanted: Wanted,
  kind: 'service' | 'container',
  deps: WholeNameNeeds,
  use: (wanted: Wanted) => Promise<T>,
): Promise<T> {
  try {
    return await use(wanted);
  } catch (error) {
    if (!mayBePartialName(error, wanted, deps)) throw error;
    return use(await wholeName(error, wanted, kind, deps));
  }
}
