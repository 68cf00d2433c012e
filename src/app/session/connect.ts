import type { Settings } from '../../config/settings.ts';
import type { ForwardSpec } from '../../connect/forward/forward-spec.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import type { Needs } from '../collaborators.ts';
import type { ForwardNeeds } from '../forward/route.ts';
import { pick } from '../listing/pick.ts';
import type { SessionNeeds } from './container-session.ts';
import type { ChoiceHistory } from '../../config/choice-history.ts';
import type { PickerAction } from '../../connect/target/picker.ts';
import { parseArn } from '../../core/arn.ts';
import type { ErrorDetails } from '../../core/facts/fact.ts';
import { noMatch } from '../../core/errors.ts';
import { wantedOf } from './session-setup.ts';

/** Results of the picker other than sessions; cli/ prints them. */
export interface Shown {
  logs(wanted: Wanted): Promise<void>;
  /** Deployments, stopped tasks and events of a service. */
  reasons(wanted: Wanted): Promise<void>;
  /** A client on the database with this host name, through the task; resolves with its exit status. */
  database(host: string, wanted: Wanted): Promise<number>;
}

type ConnectDeps = SessionNeeds &
  ForwardNeeds & {
    readonly settings: Pick<Settings, keyof Wanted | 'profile' | 'databases'>;
    readonly advice?: (code: string, facts: ErrorDetails) => readonly string[];
  };

/** What is done with what was chosen, now or in an earlier run. */
interface Chosen {
  readonly action: PickerAction;
  /** For sessions. */
  readonly wanted: Wanted;
  readonly service: string | undefined;
  readonly endpoint: { readonly host: string; readonly port: number } | undefined;
}

/**
 * Runs the picker, then what was picked: a shell, a port, a database, or text to read. `search` opens it with a search
 * over all clusters; `-` repeats the last choice with this profile and region. Resolves with the exit status. Throws
 * `nothing-to-repeat`.
 */
export async function connect(
  search: string | undefined,
  history: ChoiceHistory,
  deps: ConnectDeps,
  show: Shown,
): Promise<number> {
  const { profile } = deps.settings;
  if (search === '-') return perform(repeated(history, profile, (await deps.account()).region), deps, show);
  const earlier = history.choices().filter((choice) => choice.profile === profile);
  const picked = await pick({ ...deps, earlier }, wantedOf(deps.settings), search);
  const { cluster, service, task, container, action, database, isBestTask } = picked;
  const [endpoint] = database?.endpoints ?? [];
  deps.report({
    type: 'note',
    level: 'info',
    code: 'picked-command',
    message: 'the same without questions:',
    details: {
      action,
      cluster,
      service,
      task: service !== undefined && isBestTask ? undefined : task?.id,
      container: container?.name,
      database: database?.id,
    },
  });
  const account = task === undefined ? undefined : parseArn(task.clusterArn)?.account;
  if (account !== undefined)
    history.add({
      at: deps.clock.now(),
      account,
      region: (await deps.account()).region,
      profile,
      cluster,
      service,
      container: container?.name,
      action,
      host: endpoint?.host,
      port: endpoint?.port,
    });
  const wanted: Wanted = { cluster, service: undefined, task: task?.arn, container: container?.name };
  return perform({ action, wanted, service, endpoint }, deps, show);
}

/** The last choice; the task of that time may be gone, so that the best one of the service is used. */
function repeated(history: ChoiceHistory, profile: string | undefined, region: string): Chosen {
  const last = history
    .choices()
    .find((choice) => choice.profile === profile && choice.region === region && choice.service !== undefined);
  if (last === undefined)
    throw noMatch('nothing-to-repeat', `nothing was picked in ${region} before, with these credentials`);
  const { cluster, service, container, action, host, port } = last;
  return {
    action: ACTIONS.find((each) => each === action) ?? 'shell',
    wanted: { cluster, service, task: undefined, container },
    service,
    endpoint: host === undefined || port === undefined ? undefined : { host, port },
  };
}

const ACTIONS: readonly PickerAction[] = ['shell', 'forward', 'database', 'logs', 'reasons'];

async function perform(chosen: Chosen, deps: ConnectDeps, show: Shown): Promise<number> {
  const { action, wanted, service, endpoint } = chosen;
  switch (action) {
    case 'shell': {
      const { openContainer } = await import('./container-session.ts');
      return openContainer(wanted, { command: [], stdin: true }, deps);
    }
    case 'forward':
      return forwardThrough(wanted, [await askForForward(deps)], deps);
    case 'database':
      return endpoint === undefined ? 0 : show.database(endpoint.host, wanted);
    case 'logs':
      await show.logs({ ...wanted, service });
      return 0;
    case 'reasons':
      await show.reasons({ cluster: wanted.cluster, service, task: undefined, container: undefined });
      return 0;
    default:
      return action satisfies never;
  }
}

async function askForForward({ prompter }: Needs<'prompter'>): Promise<ForwardSpec> {
  const { parseForward } = await import('../../connect/forward/forward-spec.ts');
  const answer = await prompter.text({
    message: 'port of the task (or local:port, local:host:port)',
    flag: undefined,
    validate: (text) => problemOf(text, parseForward),
  });
  return parseForward(fullSpec(answer));
}

/** A port alone means a port of the task, on any free local port. */
const fullSpec = (text: string): string => (/^\d+$/.test(text.trim()) ? `0:${text.trim()}` : text.trim());

function problemOf(text: string, parse: (spec: string) => unknown): string | undefined {
  try {
    parse(fullSpec(text));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function forwardThrough(
  wanted: Wanted,
  specs: readonly ForwardSpec[],
  deps: ForwardNeeds & Needs<never, 'databases'>,
): Promise<number> {
  const [{ runForwards }, { withHosts }] = await Promise.all([
    import('../forward/forwards.ts'),
    import('../forward/forward-request.ts'),
  ]);
  const route = { via: 'task', wanted, name: undefined, replace: false, document: undefined } as const;
  const group = { specs, proxies: [], route: { ...route, requireLogged: false } };
  return runForwards(await withHosts([group], deps), deps);
}
