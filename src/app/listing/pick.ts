import { nameOfArn } from '../../core/arn.ts';
import type { Wanted } from '../../connect/target/discover.ts';
import { findTasks } from '../../connect/target/discover.ts';
import {
  type PickerAction,
  type PickerChoices,
  type PickerState,
  startPicker,
} from '../../connect/target/picker.ts';
import type { Container, Database, Task } from '../../connect/ports.ts';
import { namedContainer } from '../../connect/target/select.ts';
import { noMatch } from '../../core/errors.ts';
import type { SignedInPlace } from '../account-places.ts';
import type { Needs } from '../collaborators.ts';
import { Picker, type PickNeeds } from './picker-dialog.ts';

/** Every result that the picker can have. */
export interface Picked {
  readonly cluster: string;
  /** Undefined = the task belongs to no service. */
  readonly service: string | undefined;
  /** Task and container are undefined for a service without running tasks: action `logs` or `reasons`. */
  readonly task: Task | undefined;
  readonly container: Container | undefined;
  readonly action: PickerAction;
  readonly database: Database | undefined;
  /** The task is the one that a command without --task would use. */
  readonly isBestTask: boolean;
  /** Undefined = the account of the settings. */
  readonly place: SignedInPlace | undefined;
}

/**
 * Asks for cluster → service → task → container → action, except what flags have answered. Throws `interrupted`,
 * `input-needed`, no-match errors. `typed`: the first list opens with this filter.
 */
export async function pick(deps: PickNeeds, wanted: Wanted, typed?: string): Promise<Picked> {
  const { choices, isBestTask, place } = await runPicker(deps, wanted, {}, typed);
  const { cluster, service, task, container, action, database } = choices;
  if (cluster === undefined || action === undefined) throw noMatch('nothing-picked', 'nothing was picked');
  const found = { service: service ?? task?.serviceName, task, container, action, database };
  return { cluster, ...found, isBestTask, place };
}

/** What was picked, and the name of the service or task for a message. */
type PickedTarget = Wanted & { readonly name: string };

/**
 * The same without the last question: picks a container for a shell. `typed` is a part of the service's name: the list
 * of services opens with it as filter.
 */
export async function pickContainer(deps: PickNeeds, wanted: Wanted, typed?: string): Promise<PickedTarget> {
  const { choices } = await runPicker(deps, wanted, { action: 'shell' }, typed);
  return {
    cluster: choices.cluster,
    service: undefined,
    task: choices.task?.arn,
    container: choices.container?.name,
    name: nameOf(choices),
  };
}

/** Picks a service, or a task that belongs to no service; `typed` as in `pickContainer`. */
export async function pickService(deps: PickNeeds, wanted: Wanted, typed?: string): Promise<PickedTarget> {
  const { choices } = await runPicker(deps, wanted, { action: 'logs' }, typed);
  return {
    cluster: choices.cluster,
    service: choices.service ?? undefined,
    task: choices.task?.arn,
    container: undefined,
    name: nameOf(choices),
  };
}

const nameOf = ({ service, task }: PickerChoices): string =>
  service ?? task?.serviceName ?? `task ${task?.id ?? ''}`;

/** Flags answer their questions; a named task or container that does not exist is an error and leads to no question. */
async function known(deps: Needs<'account'>, wanted: Wanted): Promise<PickerChoices> {
  const cluster = wanted.cluster === undefined ? undefined : nameOfArn(wanted.cluster);
  if (cluster === undefined || wanted.task === undefined) {
    return {
      ...(cluster === undefined ? {} : { cluster }),
      ...(wanted.service === undefined ? {} : { service: nameOfArn(wanted.service) }),
    };
  }
  const ecs = await (await deps.account()).ecs();
  const [task] = await findTasks(ecs, cluster, wanted);
  if (task === undefined) return { cluster };
  const container = wanted.container === undefined ? undefined : namedContainer(task, wanted.container);
  return {
    cluster,
    service: task.serviceName ?? null,
    task,
    ...(container === undefined ? {} : { container }),
  };
}

async function runPicker(
  deps: PickNeeds,
  wanted: Wanted,
  more: PickerChoices,
  typed?: string,
): Promise<PickerState & Pick<Picked, 'isBestTask' | 'place'>> {
  const browser = await deps.prompter.browser();
  let picker: Picker | undefined;
  try {
    browser.open();
    if (deps.reason !== undefined) browser.notice(deps.reason);
    // Of several accounts, the one in which the named cluster is meant is chosen in the list of clusters.
    const isOfPlaces = (deps.accounts?.signedIn.length ?? 0) > 0;
    const start = startPicker({ ...(isOfPlaces ? {} : await known(deps, wanted)), ...more });
    picker = new Picker(deps, browser, start, typed ?? (isOfPlaces ? wanted.service : undefined));
    return { ...(await picker.run()), isBestTask: picker.isBestTask, place: picker.place };
  } finally {
    browser.close();
    picker?.report();
  }
}
