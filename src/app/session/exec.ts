import type { Settings } from '../../config/settings.ts';
import { nameOfArn } from '../../core/arn.ts';
import { textFact } from '../../core/error-facts.ts';
import { ToolError, usage } from '../../core/errors.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import { type ContainerSessionOptions, openContainer, type SessionNeeds } from './container-session.ts';
import type { TaskOutputs } from './exec-in-tasks.ts';
import { wantedOf } from './session-setup.ts';

export interface ExecRequest extends Omit<ContainerSessionOptions, 'stdin'> {
  /** As typed; undefined = the service of the settings, or the one that the person picks. */
  readonly service: string | undefined;
  /** False = the command gets an empty stdin; undefined = it gets ours, except in several tasks. */
  readonly stdin: boolean | undefined;
  /** In every running task of the service. */
  readonly all: boolean;
}

/**
 * Opens a shell or runs a command in a container of the service; the person picks a service if none is named. Resolves
 * with the exit status for our process. `outputs` is called if several tasks are meant. Throws `service-needed` where no
 * question can be asked.
 */
export async function execInContainer(
  request: ExecRequest,
  deps: SessionNeeds & { readonly settings: Pick<Settings, keyof Wanted> },
  outputs: () => TaskOutputs | Promise<TaskOutputs>,
): Promise<number> {
  const wanted = wantedOf(deps.settings, request.service);
  const isNamed = wanted.service !== undefined || wanted.task !== undefined;
  if (!isNamed && !deps.settings.input) throw serviceNeeded('exec');
  if (request.all || wanted.task?.includes(',') === true) {
    refuseOneStdin(request);
    const [{ execInTasks }, { pickService }] = await Promise.all([
      import('./exec-in-tasks.ts'),
      import('../listing/pick.ts'),
    ]);
    const tasks = isNamed ? wanted : { ...(await pickService(deps, wanted)), container: wanted.container };
    return execInTasks(tasks, request.command, await outputs(), deps);
  }
  const options = { ...request, stdin: request.stdin ?? true };
  if (!isNamed) {
    const { pickContainer } = await import('../listing/pick.ts');
    return openContainer(await pickContainer(deps, wanted), options, deps);
  }
  try {
    return await openContainer(wanted, options, deps);
  } catch (error) {
    const whole = await wholeName(error, wanted, deps);
    return openContainer({ ...whole, container: wanted.container ?? whole.container }, options, deps);
  }
}

/**
 * The container that the person picks where the name of a service does not exist, but may be a part of one. Throws the
 * error again if it is another one, or if no question can be asked.
 */
async function wholeName(error: unknown, { cluster, service }: Wanted, deps: SessionNeeds): Promise<Wanted> {
  const isMissing = error instanceof ToolError && error.code === 'service-not-found';
  if (!isMissing || service === undefined || !deps.settings.input) throw error;
  deps.report({ type: 'note', level: 'info', code: 'service-name-unknown', message: error.message });
  const { pickContainer } = await import('../listing/pick.ts');
  const inCluster = cluster ?? (textFact(error.details, 'cluster') || undefined);
  return pickContainer(
    deps,
    { cluster: inCluster, service: undefined, task: undefined, container: undefined },
    nameOfArn(service),
  );
}

/** There is one terminal and one stdin, and several commands. */
function refuseOneStdin({ stdin, tty }: ExecRequest): void {
  const flag = tty === true ? '--tty' : stdin === true ? '--stdin' : undefined;
  if (flag === undefined) return;
  throw usage('conflicting-option', `${flag} is for a command in one task, and several tasks are meant`, {
    details: { expected: `several tasks without ${flag}` },
  });
}

/** For commands that need a service or a task where no question can be asked. */
const serviceNeeded = (command: string): Error =>
  usage('service-needed', `${command} needs a service or a task`);
