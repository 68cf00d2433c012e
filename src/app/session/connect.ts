import type { Settings } from '../../config/settings.ts';
import type { ForwardSpec } from '../../connect/forward/forward-spec.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import type { Needs } from '../collaborators.ts';
import type { ForwardNeeds } from '../forward/route.ts';
import { pick } from '../listing/pick.ts';
import type { SessionNeeds } from './container-session.ts';
import { wantedOf } from './session-setup.ts';

/** Results of the picker other than sessions; cli/ prints them. */
export interface Shown {
  logs(wanted: Wanted): Promise<void>;
  /** Deployments, stopped tasks and events of a service. */
  reasons(wanted: Wanted): Promise<void>;
}

/**
 * Runs the picker, then what was picked: a shell, a port, a database, or text to read. Resolves with the exit status.
 */
export async function connect(
  deps: SessionNeeds & ForwardNeeds & { readonly settings: Pick<Settings, keyof Wanted> },
  show: Shown,
): Promise<number> {
  const { cluster, service, task, container, action, database } = await pick(deps, wantedOf(deps.settings));
  const wanted: Wanted = { cluster, service: undefined, task: task?.arn, container: container?.name };
  switch (action) {
    case 'shell': {
      const { openContainer } = await import('./container-session.ts');
      return openContainer(wanted, { command: [], stdin: true }, deps);
    }
    case 'forward':
      return forwardThrough(wanted, [await askForForward(deps)], deps);
    case 'database': {
      const endpoint = database?.endpoints[0];
      if (endpoint === undefined) return 0;
      return forwardThrough(
        wanted,
        [{ bind: '127.0.0.1', localPort: 0, remoteHost: endpoint.host, remotePort: endpoint.port }],
        deps,
      );
    }
    case 'logs':
      await show.logs({ ...wanted, service });
      return 0;
    case 'reasons':
      await show.reasons({ cluster, service, task: undefined, container: undefined });
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
  deps: ForwardNeeds,
): Promise<number> {
  const { runForwards } = await import('../forward/forwards.ts');
  return runForwards(
    specs,
    { via: 'task', wanted, name: undefined, replace: false, document: undefined, requireLogged: false },
    deps,
  );
}
