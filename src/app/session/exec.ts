import type { Settings } from '../../config/settings.ts';
import { usage } from '../../core/errors.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import { type ContainerSessionOptions, openContainer, type SessionNeeds } from './container-session.ts';
import { wantedOf } from './session-setup.ts';

export interface ExecRequest extends ContainerSessionOptions {
  /** As typed; undefined = the one of the settings, or to be picked. */
  readonly service: string | undefined;
}

/**
 * A shell or a command in a container of the service; the person picks one where none is named. Resolves with the exit
 * status for our process. Throws `service-needed` where nobody can be asked.
 */
export async function execInContainer(
  request: ExecRequest,
  deps: SessionNeeds & { readonly settings: Pick<Settings, keyof Wanted> },
): Promise<number> {
  const wanted = wantedOf(deps.settings, request.service);
  if (wanted.service !== undefined || wanted.task !== undefined) return openContainer(wanted, request, deps);
  if (!deps.settings.input) throw serviceNeeded('exec');
  const { pickContainer } = await import('../listing/pick.ts');
  return openContainer(await pickContainer(deps, wanted), request, deps);
}

/** For commands that need a service or a task and could not ask. */
const serviceNeeded = (command: string): Error =>
  usage('service-needed', `${command} needs a service or a task`);
