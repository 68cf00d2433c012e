import type { Settings } from '../../config/settings.ts';
import type { ForwardSpec } from '../../connect/forward/forward-spec.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import type { AccountPlace, Needs } from '../collaborators.ts';
import type { ForwardNeeds } from '../forward/route.ts';
import { pick } from '../listing/pick.ts';
import type { PickerAccounts } from '../listing/picker-accounts.ts';
import type { SessionNeeds } from './container-session.ts';
import { type ChoiceHistory, CONTAINER_ONLY } from '../../config/choice-history.ts';
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
    readonly settings: Pick<Settings, keyof Wanted | 'databases'>;
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

/** What `connect` works with in one account and region. */
export interface ConnectRun {
  readonly deps: ConnectDeps;
  readonly show: Shown;
}

/** How `connect` gets from the account of the settings to others. */
export interface ConnectPlaces extends PickerAccounts {
  /** The same run in another account and region. */
  at(place: AccountPlace): ConnectRun;
}

/**
 * Runs the picker, then what was picked: a shell, a port, a database, or text to read. `search` opens it with a search
 * over all clusters; `-` repeats the last choice with this profile and region. Resolves with the exit status. Throws
 * `nothing-to-repeat`.
 */
export async function connect(
  search: string | undefined,
  history: ChoiceHistory,
  run: ConnectRun,
  places: ConnectPlaces,
): Promise<number> {
  const { deps } = run;
  const own = places.signedIn.length > 0 ? places.signedIn.map(({ place }) => place) : [places.current];
  if (search === '-') {
    const { chosen, place } = await repeated(history, own, deps);
    return perform(chosen, places.signedIn.length > 0 ? places.at(place) : run);
  }
  const profiles = own.map(({ profile }) => profile);
  const earlier = history.choices().filter((choice) => profiles.includes(choice.profile));
  const picked = await pick({ ...deps, earlier, accounts: places }, wantedOf(deps.settings), search);
  const { cluster, service, task, container, action, database, isBestTask, place } = picked;
  const moved = place === undefined ? run : places.at(place.place);
  const [endpoint] = database?.endpoints ?? [];
  moved.deps.report({
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
      region: (await moved.deps.account()).region,
      profile: (place?.place ?? places.current).profile,
      cluster,
      service,
      container: container?.name,
      action,
      host: endpoint?.host,
      port: endpoint?.port,
    });
  const wanted: Wanted = { cluster, service: undefined, task: task?.arn, container: container?.name };
  return perform({ action, wanted, service, endpoint }, moved);
}

/** The last choice; the task of that time may be gone, so that the best one of the service is used. */
async function repeated(
  history: ChoiceHistory,
  places: readonly AccountPlace[],
  deps: Needs<'account'>,
): Promise<{ readonly chosen: Chosen; readonly place: AccountPlace }> {
  const [first = { profile: undefined, region: undefined }] = places;
  const here =
    places.length > 1 ? places : [{ ...first, region: first.region ?? (await deps.account()).region }];
  const last = history
    .choices()
    .find(
      (choice) =>
        choice.service !== undefined &&
        choice.action !== CONTAINER_ONLY &&
        here.some(({ profile, region }) => choice.profile === profile && choice.region === region),
    );
  if (last === undefined)
    throw noMatch(
      'nothing-to-repeat',
      `nothing was picked in ${here.map(({ region }) => region).join(', ')} before, with these credentials`,
    );
  const { cluster, service, container, action, host, port, profile, region } = last;
  const chosen: Chosen = {
    action: ACTIONS.find((each) => each === action) ?? 'shell',
    wanted: { cluster, service, task: undefined, container },
    service,
    endpoint: host === undefined || port === undefined ? undefined : { host, port },
  };
  return { chosen, place: { profile, region } };
}

const ACTIONS: readonly PickerAction[] = ['shell', 'forward', 'database', 'logs', 'reasons'];

async function perform(chosen: Chosen, { deps, show }: ConnectRun): Promise<number> {
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
  const group = { specs, proxies: [], allowed: [], route: { ...route, requireLogged: false } };
  return runForwards(await withHosts([group], deps), deps);
}
