import {
  aliasToShow,
  bastionPlace,
  containerPlace,
  type PlaceNeeds,
  startAt,
} from '../session/session-place.ts';
import type { ForwardRoute } from '../../connect/forward/forward.ts';
import type { ForwardSpec } from '../../connect/forward/forward-spec.ts';
import type { SessionStart } from '../../connect/ports.ts';
import { documentRequest, forwardRequest } from '../../connect/session/session-documents.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import { usage } from '../../core/errors.ts';
import {
  type ResolvedContainer,
  resolveContainer,
  type ResolveOptions,
  whenConnected,
} from '../../connect/target/resolve.ts';
import type { ForwardRemote } from '../../core/events.ts';
import type { BastionKeeper, BastionRoute } from '../bastion/bastion-keeper.ts';
import type { Needs } from '../collaborators.ts';
import { taskStopping } from '../../connect/session/container-end.ts';
import type { TaskWatch } from '../../connect/target/task-watch.ts';
import {
  type ChannelNeeds,
  type ResolveNeeds,
  resolveOptions,
  watchTasks,
} from '../session/session-setup.ts';

/** Chooses what carries a forward, the service's task or the bastion, and a new one when that is lost. */

export interface RouteRequest {
  readonly via: 'auto' | 'task' | 'bastion';
  /** The service or task that carries the connections, if a task does. */
  readonly wanted: Wanted;
  /** Name of the bastion; undefined = the running one. */
  readonly name: string | undefined;
  /** False = a bastion that EC2 interrupts is not replaced. */
  readonly replace: boolean;
  /**
   * Session document that contains the destination; undefined = AWS's own documents, which take host and port as
   * parameters.
   */
  readonly document: string | undefined;
  /** True = no session into a task that ECS Exec does not log. */
  readonly requireLogged: boolean;
  /** Asks which service is meant if `wanted` holds a part of a name; throws the error if nobody can be asked. */
  readonly wholeName?: (error: unknown) => Promise<Wanted>;
  /** True = a proxy leads to link-local addresses too, at which AWS serves credentials. */
  readonly allowLinkLocal?: boolean;
  /** Sessions that share the connections of each forward; undefined = as many as make them faster. */
  readonly sessions?: number | undefined;
}

export interface Remote {
  /** Undefined = a port of the task itself. */
  readonly host: string | undefined;
  readonly port: number;
}

type RouteNeeds = ResolveNeeds & PlaceNeeds & Needs<'scope'>;

/** What every forward needs, whether a task or a bastion carries it. */
export type ForwardNeeds = ChannelNeeds & RouteNeeds & Needs<never, 'transport'>;

/** The requested destination, for `forward-ready`. */
export const remoteOf = (spec: ForwardSpec, { document }: RouteRequest): ForwardRemote =>
  document === undefined ? { host: spec.remoteHost ?? 'localhost', port: spec.remotePort } : { document };

/**
 * `auto` chooses a task if one is named, because it reaches what the service reaches; else the bastion. The choice is
 * reported, and so is that ECS Exec does not log it. Throws `route-unlogged` if only a task can carry the connections,
 * and `requireLogged` forbids that.
 */
export function routeKind(
  request: RouteRequest,
  specs: readonly Pick<ForwardSpec, 'remoteHost'>[],
  deps: Pick<RouteNeeds, 'report'>,
): 'task' | 'bastion' {
  const via = chosenRoute(request, specs, deps);
  if (via === 'bastion') return via;
  // docs/reference/ecs-exec.md §4
  const message = 'ECS Exec does not log this forward through a task: it starts with ssm:StartSession';
  if (request.requireLogged)
    throw usage('route-unlogged', message, {
      details: { toTaskItself: specs.some(({ remoteHost }) => remoteHost === undefined) },
    });
  deps.report({ type: 'note', level: 'info', code: 'route-unlogged', message });
  return via;
}

function chosenRoute(
  request: RouteRequest,
  specs: readonly Pick<ForwardSpec, 'remoteHost'>[],
  { report }: Pick<RouteNeeds, 'report'>,
): 'task' | 'bastion' {
  if (request.via !== 'auto') return request.via;
  const taskNamed = (request.wanted.service ?? request.wanted.task) !== undefined;
  const toTaskItself = request.document === undefined && specs.some((spec) => spec.remoteHost === undefined);
  const via = taskNamed || toTaskItself ? 'task' : 'bastion';
  if (request.document !== undefined && via === 'bastion') return via;
  report({
    type: 'note',
    level: 'info',
    code: 'route-chosen',
    message:
      via === 'bastion'
        ? 'using the bastion, because no service or task is named'
        : taskNamed
          ? 'using a task of the service, which reaches what the service reaches'
          : 'using a task, because the port is one of the task itself',
    details: { via, ...(via === 'bastion' ? { other: 'task' } : taskNamed ? { other: 'bastion' } : {}) },
  });
  return via;
}

/** A task, with the watch of all tasks of this run; the bastion; or the current bastion of a keeper. */
export type Carrier = TaskWatch | 'bastion' | BastionKeeper;

export async function carrierOf(via: 'task' | 'bastion', deps: RouteNeeds): Promise<TaskWatch | 'bastion'> {
  if (via === 'bastion') return via;
  return watchTasks(deps, (error) =>
    deps.report(taskStopping(error, 'forwards through it move to another task if there is one')),
  );
}

/**
 * Finds what will carry the connections of a proxy, before the first of them. Throws what resolving a task or a bastion
 * throws, and `bad-arguments` (usage) if it would have to ask which service is meant for each session anew.
 */
export async function findCarrier(
  carrier: Carrier,
  request: RouteRequest,
  deps: RouteNeeds,
): Promise<Pick<ForwardRoute, 'via' | 'target'>> {
  if (carrier === 'bastion' || 'route' in carrier) {
    const { bastion } = await (carrier === 'bastion' ? watchedBastion(request.name, deps) : carrier.route());
    return { via: 'bastion', target: bastion.instanceId };
  }
  if ((request.wanted.service ?? request.wanted.task) === undefined)
    throw usage('bad-arguments', '-D through a task needs the service whose task carries the connections');
  const { target } = await resolved(request, await resolveOptions(deps, 'network'));
  return { via: 'task', target };
}

/** Starts a session to `remote` through the carrier. */
export async function openRoute(
  carrier: Carrier,
  remote: Remote,
  request: RouteRequest,
  deps: RouteNeeds,
  localPort = 0,
): Promise<ForwardRoute> {
  const account = await deps.account();
  const ssm = await account.ssm();
  const { document } = request;
  const start = (target: string): Promise<SessionStart> =>
    ssm.startSession(
      document === undefined
        ? forwardRequest(target, remote, localPort)
        : documentRequest(target, document, localPort),
    );
  if (carrier === 'bastion' || 'route' in carrier) {
    const { checkPort, onceOnline } = await import('../bastion/bastion-target.ts');
    const route = carrier === 'bastion' ? watchedBastion(request.name, deps) : carrier.route();
    void aliasToShow(deps);
    const { bastion, watch, ...signals } = await route;
    if (document === undefined) checkPort(bastion, remote);
    const target = bastion.instanceId;
    const [session] = await startAt(bastionPlace(bastion, account.region), deps, () =>
      Promise.all([
        onceOnline(bastion, deps, () => start(target)),
        // The watch polls first, so that an interruption notice is reported before the session is used.
        watch.check(),
      ]),
    );
    return { via: 'bastion', target, session, ...signals };
  }
  const resolving = await resolveOptions(deps, 'network');
  void aliasToShow(deps);
  const chosen = await resolved(request, resolving);
  const started = await startAt(containerPlace(chosen), deps, () =>
    whenConnected(chosen, resolving, ({ target }) => start(target)),
  );
  const { session } = started;
  const { target } = started.resolved;
  const container = carrier.watch(started.resolved);
  const { stopped: lost, stopping } = container;
  // While the task is being stopped, open connections stay; only a service has another task for new ones.
  const signals = request.wanted.task === undefined ? { lost, superseded: stopping } : { lost };
  return { via: 'task', target, session, look: () => container.look(), ...signals };
}

async function resolved(
  { wanted, wholeName }: RouteRequest,
  resolving: ResolveOptions,
): Promise<ResolvedContainer> {
  try {
    return await resolveContainer(wanted, resolving);
  } catch (error) {
    if (wholeName === undefined) throw error;
    return resolveContainer(await wholeName(error), resolving);
  }
}

/**
 * For a session that cannot move to another instance: the end of the bastion is reported, and no replacement is
 * launched.
 */
async function watchedBastion(
  name: string | undefined,
  deps: RouteNeeds,
): Promise<Pick<BastionRoute, 'bastion' | 'watch'> & Partial<BastionRoute>> {
  const [{ findBastion }, { watchForNotice }] = await Promise.all([
    import('../bastion/bastion-target.ts'),
    import('../bastion/bastion-notice.ts'),
  ]);
  const bastion = await findBastion(deps, name);
  const watch = await watchForNotice(bastion, deps);
  deps.scope.add(() => watch.close());
  return { bastion, watch };
}

/** The bastion that carries all forwards of this run. It is replaced when EC2 interrupts it. */
export async function keepBastion({ name, replace }: RouteRequest, deps: RouteNeeds): Promise<BastionKeeper> {
  const { BastionKeeper } = await import('../bastion/bastion-keeper.ts');
  const keeper = new BastionKeeper({ name, replace }, deps);
  deps.scope.add(() => keeper.close());
  return keeper;
}
