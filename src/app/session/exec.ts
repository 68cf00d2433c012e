import type { Settings } from '../../config/settings.ts';
import { textFact } from '../../core/facts/fact.ts';
import { ToolError, usage } from '../../core/errors.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import { type ContainerSessionOptions, openContainer, type SessionNeeds } from './container-session.ts';
import type { EnableExecNeeds } from './enable-exec.ts';
import type { TaskOutputs } from './exec-in-tasks.ts';
import { asTransportStatus, wantedOf } from './session-setup.ts';

export interface ExecRequest extends Omit<ContainerSessionOptions, 'stdin'> {
  /** As typed; undefined = the service of the settings, or the one that the person picks. */
  readonly service: string | undefined;
  /** False = the command gets an empty stdin; undefined = it gets ours, except in several tasks. */
  readonly stdin: boolean | undefined;
  /** In every running task of the service. */
  readonly all: boolean;
}

type ExecNeeds = SessionNeeds & EnableExecNeeds & { readonly settings: Pick<Settings, keyof Wanted | 'yes'> };

/**
 * Opens a shell or runs a command in a container of the service; the person picks a service if none is named. Resolves
 * with the exit status for our process. `outputs` is called if several tasks are meant. Throws `service-needed` where no
 * question can be asked.
 */
export async function execInContainer(
  request: ExecRequest,
  deps: ExecNeeds,
  outputs: () => TaskOutputs | Promise<TaskOutputs>,
): Promise<number> {
  const running = execIn(request, deps, outputs);
  if (request.command.length === 0) return running;
  // Also where AWS cannot be reached before there is a session: the status is not that of the command.
  return running.catch((error: unknown) => {
    throw asTransportStatus(error);
  });
}

async function execIn(
  request: ExecRequest,
  deps: ExecNeeds,
  outputs: () => TaskOutputs | Promise<TaskOutputs>,
): Promise<number> {
  const wanted = wantedOf(deps.settings, request.service);
  const isNamed = wanted.service !== undefined || wanted.task !== undefined;
  if (!isNamed && !deps.settings.input) throw serviceNeeded('exec');
  if (request.all || wanted.task?.includes(',') === true) {
    refuseOneStdin(request);
    const [{ execInTasks }, { pickService }, { withWholeName }] = await Promise.all([
      import('./exec-in-tasks.ts'),
      import('../listing/pick.ts'),
      import('../listing/whole-name.ts'),
    ]);
    const tasks = isNamed ? wanted : { ...(await pickService(deps, wanted)), container: wanted.container };
    const to = await outputs();
    return withWholeName(tasks, 'service', deps, (found) => execInTasks(found, request.command, to, deps));
  }
  const options = { ...request, stdin: request.stdin ?? true };
  let target = wanted;
  if (!isNamed) {
    const { pickContainer } = await import('../listing/pick.ts');
    target = await pickContainer(deps, wanted);
  }
  for (;;) {
    try {
      return await openContainer(target, options, deps);
    } catch (error) {
      target = await remedied(error, target, deps);
    }
  }
}

/**
 * Where a question can be asked: the container to try next, after the person has picked a service, or has agreed to
 * enable ECS Exec. Throws the error again if there is no such remedy.
 */
async function remedied(error: unknown, wanted: Wanted, deps: ExecNeeds): Promise<Wanted> {
  if (!(error instanceof ToolError) || !deps.settings.input) throw error;
  if (error.code === 'service-not-found' && wanted.service !== undefined) {
    const { wholeName } = await import('../listing/whole-name.ts');
    return wholeName(error, wanted, 'container', deps);
  }
  const service = textFact(error.details, 'service');
  // --yes answers questions of the command that was typed, and exec itself never replaces tasks.
  if (error.code !== 'exec-not-enabled' || service === '' || deps.settings.yes) throw error;
  const cluster = textFact(error.details, 'cluster');
  const target = { cluster, service, task: undefined, container: wanted.container };
  await offerExec(error, target, deps);
  return target;
}

/** Asks whether to enable ECS Exec, by default no, and then waits for a new task. Throws `error` if it is not wanted. */
async function offerExec(
  error: ToolError,
  target: Wanted & { readonly service: string },
  deps: ExecNeeds,
): Promise<void> {
  const enabling = await import('./enable-exec.ts');
  const plan = await enabling.planEnableExec(target, { checksRole: true }, deps);
  await enabling.reportChange(plan, deps);
  const isWanted = await deps.prompter.confirm({
    message: `start a new deployment of ${target.service} with ECS Exec enabled?`,
    flag: undefined,
    defaultAnswer: false,
  });
  if (!isWanted) throw error;
  await enabling.waitForExecTask(plan, await enabling.startExecDeployment(plan, deps), deps);
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
