import type { Choice } from '../../config/choice-history.ts';
import { noMatch, type ToolError } from '../../core/errors.ts';
import {
  type PickerState,
  type PickerStep,
  advance,
  containerEntries,
  databaseEntries,
  type PickerChoices,
  canGoBack,
  startPicker,
  idleActionEntries,
  actionEntries,
  type PickerAction,
  type PickerEntry,
} from '../../connect/target/picker.ts';
import type { Container, EcsPort, Task } from '../../connect/ports.ts';
import type { ErrorDetails } from '../../core/facts/fact.ts';
import { queryWords } from '../../ui/search.ts';
import type { Browser, BrowseQuestion, BrowseAnswer, BrowseKey } from '../../ui/browse.ts';
import { judgeContainer } from '../../diagnose/ecs/container.ts';
import type { PacedCalls } from '../../core/paced-calls.ts';
import type { Needs } from '../collaborators.ts';
import { entryRows, ENTRY_COLUMNS } from './picker-rows.ts';
import {
  pacedCalls,
  clusterList,
  serviceList,
  taskList,
  type Recency,
  type PickerList,
} from './picker-lists.ts';
import { laterList, staticList } from './live-list.ts';
import { everythingList } from './everything-list.ts';
import { type PickerAccounts, PickerPlaces, type PlacedChoices } from './picker-accounts.ts';
import type { AwsAccount } from '../../aws/account.ts';
import type { SignedInPlace } from '../account-places.ts';

export type PickNeeds = Needs<'account' | 'clock' | 'prompter' | 'report' | 'signal'> & {
  /** What to type about an error, one line each. */
  readonly advice?: (code: string, facts: ErrorDetails) => readonly string[];
  /** Earlier choices, newest first: they come first in each list. */
  readonly earlier?: readonly Choice[];
  /** Undefined = the picker stays in the account of the settings. */
  readonly accounts?: PickerAccounts;
  /** A line below the first list: why the picker is there. */
  readonly reason?: string;
};

/** Goes from question to question; the screen stays open between them. */
export class Picker {
  readonly #deps: PickNeeds;
  readonly #browser: Browser;
  readonly #calls: PacedCalls;
  #state: PickerState;
  #typed: string | undefined;
  /** The row that was chosen last in each list, so that Back finds the cursor on it. */
  readonly #cursors = new Map<string, string>();
  /** True for the question over all clusters. */
  #isEverywhere: boolean;
  /** The words by which a row of all clusters was found; one of them may be the container. */
  #words: readonly string[] = [];
  isBestTask = true;
  readonly #places: PickerPlaces;
  /** What was picked without a question, by its step; told when the screen is free, unless Back has undone it. */
  readonly #automatic = new Map<PickerState['step'], string>();

  constructor(deps: PickNeeds, browser: Browser, start: PickerState, typed: string | undefined) {
    this.#deps = deps;
    this.#browser = browser;
    this.#state = start;
    this.#typed = typed;
    this.#isEverywhere = typed !== undefined && start.choices.cluster === undefined;
    this.#calls = pacedCalls(deps);
    this.#places = new PickerPlaces(deps);
  }

  /** Where the choices are; undefined = in the account of the settings. */
  get place(): SignedInPlace | undefined {
    return this.#places.place;
  }

  async run(): Promise<PickerState> {
    for (;;) {
      const { step } = this.#state;
      if (step === 'done') return this.#state;
      await this.#ask(step);
    }
  }

  report(): void {
    for (const [step, message] of this.#automatic)
      if (step !== 'done' && this.#state.choices[step] !== undefined)
        this.#deps.report({ type: 'note', level: 'info', code: 'picked', message });
  }

  async #ask(step: PickerStep): Promise<void> {
    const ecs = (): Promise<EcsPort> => this.#places.account().then((account) => account.ecs('thrown'));
    const { cluster = '', service = null, task } = this.#state.choices;
    const isForShell = this.#state.known.action === 'shell';
    switch (step) {
      case 'cluster':
        this.#places.forget();
        return this.#choose(
          this.#isEverywhere
            ? {
                message: `service or task${this.#places.title()}`,
                flag: '--service',
                list: await this.#places.listOf((ecs) =>
                  everythingList(ecs, this.#calls, {
                    ...this.#deps,
                    clock: this.#places.clock,
                    isForShell,
                    recency: this.#recency('service'),
                  }),
                ),
                keys: this.#places.keys,
              }
            : {
                message: `cluster${this.#places.title()}`,
                flag: '--cluster',
                list: await this.#places.listOf((ecs) =>
                  clusterList(ecs, this.#calls, this.#recency('cluster')),
                ),
                keys: [EVERYWHERE, ...this.#places.keys],
              },
        );
      case 'service':
        return this.#choose({
          message: `service in ${cluster}`,
          flag: '--service',
          list: serviceList(await ecs(), cluster, this.#calls, {
            ...this.#deps,
            clock: this.#places.clock,
            isForShell,
            recency: this.#recency('service', cluster),
          }),
          keys:
            this.#state.known.cluster === undefined ? [EVERYWHERE, ...this.#places.keys] : this.#places.keys,
        });
      case 'task':
        return this.#choose({
          message: service === null ? `task in ${cluster}` : `task of ${service}`,
          flag: '--task',
          list: taskList(await ecs(), cluster, service, this.#calls, {
            ...this.#deps,
            clock: this.#places.clock,
          }),
        });
      case 'container': {
        const searched =
          task?.containers.filter(({ name }) => this.#words.includes(name.toLowerCase())) ?? [];
        const [container] = searched;
        if (container !== undefined && searched.length === 1) {
          this.#words = [];
          this.#state = advance(this.#state, { type: 'chose', choices: { container }, automatic: true });
          return;
        }
        return this.#choose({
          message: `container of task ${task?.id.slice(0, 8) ?? ''}`,
          flag: '--container',
          list: this.#entries(
            task === undefined
              ? []
              : containerEntries(task, judgeContainer, this.#places.clock.now(), isForShell),
            (container) => ({ container }),
            ({ value }) => (task === undefined ? [] : this.#remedyOf(this.#refusal(task, value))),
          ),
        });
      }
      case 'action':
        return this.#choose({ ...this.#actionQuestion(), choosesOnly: false });
      case 'database': {
        const place = { cluster, service: service ?? undefined, task: task?.arn, container: undefined };
        const account = (): Promise<AwsAccount> => this.#places.account();
        const databases = import('../database/reached-databases.ts')
          .then(({ offeredDatabases }) =>
            offeredDatabases({ wanted: place, name: undefined }, { ...this.#deps, account }),
          )
          .then(({ offered }) => entryRows(databaseEntries(offered), (database) => ({ database })));
        return this.#choose({
          message: 'database',
          flag: undefined,
          list: laterList(ENTRY_COLUMNS, databases),
        });
      }
    }
  }

  /** Asks for another profile or region, and begins anew there. */
  async #changePlace(letter: string): Promise<void> {
    if (!(await this.#places.change(letter, this.#browser))) return;
    this.#cursors.clear();
    const { action } = this.#state.known;
    this.#state = startPicker(action === undefined ? {} : { action });
  }

  /** How recently a cluster or service was chosen; in all clusters if `cluster` is undefined. */
  #recency(kind: 'cluster' | 'service', cluster?: string): Recency {
    const earlier = (this.#deps.earlier ?? []).filter(
      (choice) => cluster === undefined || choice.cluster === cluster,
    );
    const ranks = new Map<string, number>();
    for (const [index, choice] of earlier.entries()) {
      const name = choice[kind];
      if (name !== undefined && !ranks.has(name)) ranks.set(name, Math.max(10, NEWEST - index));
    }
    return (name) => ranks.get(name) ?? 0;
  }

  /** Shows the list, and stops loading it as soon as there is an answer. */
  async #choose(question: Omit<BrowseQuestion<PlacedChoices>, 'back'>): Promise<void> {
    const { step } = this.#state;
    const place = `${step} ${this.#state.choices.cluster ?? ''} ${this.#state.choices.service ?? ''}`;
    const cursor = this.#cursors.get(place);
    const typed = step === 'service' || (step === 'cluster' && this.#isEverywhere) ? this.#typed : undefined;
    if (typed !== undefined) this.#typed = undefined;
    try {
      const answer = await this.#browser.ask({
        choosesOnly: true,
        back: canGoBack(this.#state),
        ...question,
        ...(cursor === undefined ? {} : { cursor }),
        ...(typed === undefined ? {} : { typed }),
      });
      if (answer.type === 'chose') {
        this.#cursors.set(place, answer.row.id);
        if (step === 'task') this.isBestTask = question.list.rows()[0]?.id === answer.row.id;
        else if (answer.row.value.task !== undefined && step !== 'container') this.isBestTask = false;
        if (step === 'cluster') this.#words = queryWords(answer.filter);
        if (answer.only)
          this.#automatic.set(step, `${question.message}: ${nameOfRow(answer)} (the only one)`);
        else this.#automatic.delete(step);
      }
      await this.#apply(answer);
    } finally {
      question.list.close();
    }
  }

  async #apply(answer: BrowseAnswer<PlacedChoices>): Promise<void> {
    const { step } = this.#state;
    switch (answer.type) {
      case 'chose': {
        const { place, ...value } = answer.row.value;
        if (place !== undefined) this.#places.choose(place);
        const choices = await this.#described(value, answer.row.id);
        if (choices === undefined) return this.#browser.notice('this task has just stopped');
        this.#state = advance(this.#state, { type: 'chose', choices, automatic: answer.only });
        return;
      }
      case 'back':
        this.#state = advance(this.#state, { type: 'back' });
        return;
      case 'key':
        if (answer.letter !== EVERYWHERE.letter) return this.#changePlace(answer.letter);
        // Everything is a question in place of the first one.
        this.#isEverywhere = true;
        this.#typed = answer.filter === '' ? undefined : answer.filter;
        this.#state = startPicker(this.#state.known);
        return;
      case 'empty':
        this.#nothingToChoose(step);
    }
  }

  /** A task that was chosen before it was described is described now; undefined if it has stopped. */
  async #described(choices: PickerChoices, id: string): Promise<PickerChoices | undefined> {
    if (this.#state.step !== 'task' || choices.task !== undefined) return choices;
    const ecs = await (await this.#places.account()).ecs();
    const [task] = await ecs.describeTasks(this.#state.choices.cluster ?? '', [id]);
    return task === undefined ? undefined : { task };
  }

  /** An empty list leads back to the question before it; without one it is an error. */
  #nothingToChoose(step: PickerState['step']): void {
    const { cluster = '', service } = this.#state.choices;
    if (step === 'task' && typeof service === 'string' && this.#state.known.action !== 'shell') {
      this.#state = advance(this.#state, { type: 'chose', choices: { isIdle: true }, automatic: true });
      return;
    }
    const missing = emptyText(step, cluster, service);
    if (!canGoBack(this.#state)) {
      const where = this.#places.title();
      if (!this.#places.undo()) throw this.#emptyError(step, missing);
      this.#browser.notice(`${missing}${where}`);
      this.#state = startPicker(this.#state.known);
      return;
    }
    this.#browser.notice(missing);
    this.#state = advance(this.#state, { type: 'back' });
  }

  #emptyError(step: PickerState['step'], message: string): Error {
    const { cluster = '' } = this.#state.choices;
    return step === 'task'
      ? noMatch('no-running-task', message, { details: { cluster } })
      : noMatch('nothing-to-pick', message);
  }

  /** The last question, asked even if there is one answer only. No flag of `connect` answers it, but a command of its own. */
  #actionQuestion(): Omit<BrowseQuestion<PickerChoices>, 'back'> {
    const { cluster = '', service, task, container, isIdle } = this.#state.choices;
    const isTaskNeeded = this.#state.known.task !== undefined || typeof service !== 'string';
    const hasContainer = isIdle !== true && task !== undefined && container !== undefined;
    const refusal = hasContainer ? this.#refusal(task, container) : undefined;
    const entries = hasContainer ? actionEntries(true, refusal?.message) : idleActionEntries();
    return {
      message: 'what now',
      flag: undefined,
      list: this.#entries(
        entries,
        (action: PickerAction) => ({ action }),
        () => this.#remedyOf(refusal),
      ),
      picked: {
        cluster,
        service: service ?? undefined,
        task: isTaskNeeded ? task?.id : undefined,
        container: container?.name,
        actions: entries.filter(({ disabled }) => disabled === undefined).map(({ value }) => value),
      },
    };
  }

  /** Why no session can be opened into the container; undefined if one can, or may soon. */
  #refusal(task: Task, container: Container): ToolError | undefined {
    const verdict = judgeContainer(task, container, undefined, this.#places.clock.now());
    return verdict.ready || verdict.mayStart ? undefined : verdict.error;
  }

  #remedyOf(refusal: ToolError | undefined): readonly string[] {
    return refusal === undefined ? [] : (this.#deps.advice?.(refusal.code, refusal.details) ?? []);
  }

  #entries<T>(
    entries: readonly PickerEntry<T>[],
    valueOf: (entry: T) => PickerChoices,
    remedyOf?: (entry: PickerEntry<T>) => readonly string[],
  ): PickerList {
    return staticList(ENTRY_COLUMNS, entryRows(entries, valueOf, remedyOf));
  }
}

const EVERYWHERE: BrowseKey = { letter: 'f', label: 'search everywhere' };

/** The newest choice ranks this much, and each older one a little less. */
const NEWEST = 90;

const nameOfRow = ({ row }: Extract<BrowseAnswer<PlacedChoices>, { readonly type: 'chose' }>): string => {
  const [name] = row.cells;
  return typeof name === 'object' ? name.text : String(name ?? row.id);
};

function emptyText(step: PickerState['step'], cluster: string, service: string | null | undefined): string {
  if (step === 'cluster') return 'there is no cluster to pick from';
  if (step !== 'task') return `there is no ${step} to pick from in cluster ${cluster}`;
  return typeof service === 'string'
    ? `service ${service} has no running task`
    : `no task runs in cluster ${cluster}`;
}
