import type { Settings } from '../../config/settings.ts';
import { usage } from '../../core/errors.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import { type ContainerSessionOptions, openContainer, type SessionNeeds } from './container-session.ts';
import { wantedOf } from './session-setup.ts';

export interface ExecRequest extends ContainerSessionOptions {
  /** As typed; undefined = the service of the settings, or the one that the person picks. */
  readonly service: string | undefined;
}

/**
 * Opens a shell or runs a command in a container of the service; the person picks a service if none is named. Resolves
 * with the exit status for our process. Throws `service-needed` where no question can be asked.
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

/** For commands that need a service or a task where no question can be asked. */
const serviceNeeded = (command: string): Error =>
  usage('service-needed', `${command} needs a service or a task`);
