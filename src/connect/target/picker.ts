import { nameOfArn } from '../../core/arn.ts';
import type { Container, Database, JudgeContainer, Task } from '../ports.ts';
import type { OfferedDatabase } from '../database/database-choice.ts';
import { containersOf, type SideCarRole } from './side-cars.ts';

/** The picker without its screen: which question comes next, which entries it offers, what Back undoes. */

export type PickerStep = 'cluster' | 'service' | 'task' | 'container' | 'action' | 'database';

/** `reasons`: shows what ECS reports about the service, its deployments, its events and its stopped tasks. */
export type PickerAction = 'shell' | 'forward' | 'database' | 'logs' | 'reasons';

export interface PickerChoices {
  readonly cluster?: string;
  /** Null = tasks that belong to no service. */
  readonly service?: string | null;
  readonly task?: Task;
  readonly container?: Container;
  readonly action?: PickerAction;
  readonly database?: Database;
  /** The service has no running or pending task: there is a history to look at, but nothing to connect to. */
  readonly isIdle?: boolean;
}

export interface PickerState {
  readonly step: PickerStep | 'done';
  readonly choices: PickerChoices;
  /** Choices that flags have made: the picker does not ask for them, and Back does not undo them. */
  readonly known: PickerChoices;
  /** Steps that the user answered, oldest first. Steps with only one choice are not among them, so Back skips them. */
  readonly asked: readonly PickerStep[];
}

export type PickerEvent =
  | { readonly type: 'chose'; readonly choices: PickerChoices; readonly automatic: boolean }
  | { readonly type: 'back' };

const ORDER: readonly PickerStep[] = ['cluster', 'service', 'task', 'container', 'action', 'database'];

export function startPicker(known: PickerChoices = {}): PickerState {
  return { step: nextStep(known), choices: known, known, asked: [] };
}

export const canGoBack = (state: PickerState): boolean => state.asked.length > 0;

export function advance(state: PickerState, event: PickerEvent): PickerState {
  if (state.step === 'done') return state;
  if (event.type === 'chose') {
    const choices = { ...state.choices, ...event.choices };
    return {
      ...state,
      step: nextStep(choices),
      choices,
      asked: event.automatic ? state.asked : [...state.asked, state.step],
    };
  }
  const step = state.asked.at(-1);
  if (step === undefined) return state;
  return {
    ...state,
    step,
    choices: { ...choicesBefore(state.choices, step), ...state.known },
    asked: state.asked.slice(0, -1),
  };
}

function nextStep(choices: PickerChoices): PickerStep | 'done' {
  // The log of a service needs no task.
  if (choices.action === 'logs' && typeof choices.service === 'string') return 'done';
  if (choices.isIdle === true) return choices.action === undefined ? 'action' : 'done';
  const next = ORDER.find((step) => choices[step] === undefined);
  return next === undefined || (next === 'database' && choices.action !== 'database') ? 'done' : next;
}

function choicesBefore(choices: PickerChoices, step: PickerStep): PickerChoices {
  const kept = ORDER.slice(0, ORDER.indexOf(step));
  return Object.fromEntries(Object.entries(choices).filter(([name]) => kept.some((each) => each === name)));
}

/** One line of a question; Choice in ui/prompter.ts has this form. */
export interface PickerEntry<T> {
  readonly value: T;
  readonly name: string;
  readonly description?: string;
  readonly disabled?: string;
  /** True where no value of the question's flag means it. */
  readonly flagless?: boolean;
}

/**
 * The application's containers first, then side-cars with their role. For a shell, containers without a running agent
 * are shown but cannot be chosen; the reason is shown beside them.
 */
export const containerEntries = (
  task: Task,
  judge: JudgeContainer,
  now: number,
  isForShell = true,
): readonly PickerEntry<Container>[] => {
  const { application, sideCars } = containersOf(task);
  const ended = task.containers.filter(
    (container) => !application.includes(container) && sideCars.every((each) => each.container !== container),
  );
  const entry = (container: Container, role?: SideCarRole): PickerEntry<Container> => {
    const state = judge(task, container, undefined, now);
    return {
      value: container,
      name: container.name,
      description: [
        ...(role === undefined ? [] : [role]),
        nameOfArn(container.image),
        container.healthStatus === 'UNKNOWN'
          ? container.lastStatus.toLowerCase()
          : container.healthStatus.toLowerCase(),
        ...(state.ready ? ['exec ready'] : state.mayStart ? ['exec not ready'] : []),
      ].join(', '),
      ...(state.ready || state.mayStart || !isForShell ? {} : { disabled: state.error.message }),
    };
  };
  return [
    ...[...application, ...ended].map((container) => entry(container)),
    ...sideCars.map(({ container, role }) => entry(container, role)),
  ];
};

/** `refusal`: the reason why no session can be opened into the container. */
export function actionEntries(
  hasDatabases: boolean,
  refusal: string | undefined,
): readonly PickerEntry<PickerAction>[] {
  const session = refusal === undefined ? {} : { disabled: refusal };
  return [
    { value: 'shell', name: 'shell', description: 'in this container', ...session },
    { value: 'logs', name: 'logs', description: 'of this container, followed until Ctrl-C' },
    { value: 'forward', name: 'forward a port', description: 'of this task to this machine', ...session },
    {
      value: 'database',
      name: 'database',
      description: 'a client on a database or cache, through this task',
      ...(hasDatabases ? session : { disabled: 'none in this region' }),
    },
    REASONS,
  ];
}

const REASONS: PickerEntry<PickerAction> = {
  value: 'reasons',
  name: 'reasons',
  description: 'deployments, stopped tasks and events',
};

/** The actions for a service without running tasks. */
export const idleActionEntries = (): readonly PickerEntry<PickerAction>[] => [
  REASONS,
  { value: 'logs', name: 'logs', description: 'of the tasks that stopped last' },
];

/** A database that cannot be reached is shown with the rule that is missing, and cannot be chosen. */
export const databaseEntries = (offered: readonly OfferedDatabase[]): readonly PickerEntry<Database>[] =>
  offered.map(({ database, isUsed, missing }) => {
    const { id, engine, status, endpoints } = database;
    const disabled = endpoints.length === 0 ? `${status}, no endpoint yet` : missing;
    return {
      value: database,
      name: id,
      description: [engine, status, ...(isUsed ? ['used by the service'] : [])].join(', '),
      ...(disabled === undefined ? {} : { disabled }),
    };
  });
