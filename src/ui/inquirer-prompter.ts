import { interrupted, usage } from '../core/errors.ts';
import type { Colors } from './colors.ts';
import { cellWidth, padded, shortened } from './cells.ts';
import { folded } from './fold.ts';
import { fuzzyFilter } from './fuzzy.ts';
import type { ListScreenOptions } from './list-screen.ts';
import { printable } from './printable.ts';
import { BACK, type Choice, type Prompter } from './prompter.ts';
import type { Question } from './question.ts';
import type { Terminal } from './terminal.ts';

export interface PrompterOptions {
  readonly terminal: Terminal;
  readonly colors: Colors;
  /** `settings.input`; false = no question is asked, and each one throws `input-needed` with its flag. */
  readonly input: boolean;
  /** Where and when lists are drawn; absent = as numbered lines. */
  readonly screen?: Pick<ListScreenOptions, 'clock' | 'signals'>;
  /** `settings.yes`. */
  readonly yes: boolean;
  readonly signal: AbortSignal;
  /** Removes live output from the screen; the returned function shows it again after the question. */
  readonly suspend: () => () => void;
}

/** The largest number of candidates in `input-needed`; with more, the flag would be hard to find beside them. */
const MAX_CANDIDATES = 20;
const BACK_INDEX = -1;
const PAGE_SIZE = 12;
/** The cells of the pointer before a row. */
const POINTER = 2;
/** The cells that inquirer adds to a question: `? ` and ` (y/N) `. */
const AROUND_QUESTION = 9;

/** Asks questions on stderr with inquirer, which is loaded when the first question is asked. */
export function createPrompter(options: PrompterOptions): Prompter {
  return {
    async select<T>(
      question: Question & {
        readonly choices: readonly Choice<T>[];
        readonly back?: boolean;
        readonly typed?: string;
      },
    ): Promise<T | typeof BACK> {
      const { choices } = question;
      if (!options.input) throw inputNeeded(options.terminal, question, choices);
      const back = question.back === true;
      const texts = choices.map((choice) => ({
        name: printable(choice.name),
        about: printable(choice.description ?? ''),
      }));
      const width = Math.max(0, ...texts.map((text) => cellWidth(text.name)));
      const columns = (): number => options.terminal.size().columns;
      let filter = '';
      let loading = true;
      let typed = question.typed ?? '';
      const source = (term: string | undefined): Promise<readonly object[]> => {
        filter = term ?? '';
        loading = true;
        const indexes = fuzzyFilter(filter, [...choices.keys()], (index) => textAt(texts, index));
        const entries = indexes.map((index) => {
          const disabled = choices[index]?.disabled;
          return {
            value: index,
            name: row(texts[index] ?? { name: '', about: '' }, width, {
              ...options,
              room:
                columns() - POINTER - cellWidth(disabled === undefined ? '' : ` (${printable(disabled)})`),
            }),
            short: texts[index]?.name ?? '',
            ...(disabled === undefined ? {} : { disabled: `(${printable(disabled)})` }),
          };
        });
        const withBack = [{ value: BACK_INDEX, name: '← back', short: 'back' }, ...entries];
        const answer = Promise.resolve(back && filter === '' ? withBack : entries);
        // This continuation runs before inquirer's own, so that `loading` is true exactly while inquirer ignores Enter.
        void answer.then(() => {
          loading = false;
          // inquirer's search starts with an empty filter, so the letters are typed once the list is on the screen.
          const letters = typed;
          typed = '';
          for (const letter of letters)
            setImmediate(() =>
              options.terminal.stdin.emit('keypress', letter, { name: letter, sequence: letter }),
            );
        });
        return answer;
      };
      const first = choices.findIndex((choice) => choice.disabled === undefined);
      const answer = await ask(
        options,
        {
          type: 'search',
          message: question.message,
          source,
          pageSize: PAGE_SIZE,
          default: first,
          theme: themeOf(options.colors, () => (filter !== '' ? 'clear' : back ? 'back' : 'quit')),
        },
        {
          loading: () => loading,
          onEscape(settle) {
            if (filter !== '') press(options.terminal, '\u0015', 'u');
            else settle(back ? BACK_INDEX : undefined);
          },
          answered: (index) => {
            const chosen = texts[index]?.name;
            return chosen === undefined ? '' : answeredLine(options.colors, question.message, chosen);
          },
        },
      );
      if (answer === BACK_INDEX) return BACK;
      const chosen = choices[Number(answer)];
      if (chosen === undefined) throw interrupted();
      return chosen.value;
    },

    async browser() {
      if (!options.input)
        return (await import('./no-input-browser.ts')).noInputBrowser((question, choices) =>
          inputNeeded(options.terminal, question, choices),
        );
      const { screen } = options;
      if (screen === undefined) return (await import('./plain-list.ts')).createPlainList(options);
      return (await import('./list-screen.ts')).createListScreen({ ...options, ...screen });
    },

    async confirm(question) {
      if (options.yes) return true;
      if (!options.input) throw inputNeeded(options.terminal, question, []);
      const message = question.message;
      return (
        (await ask(options, { type: 'confirm', message, default: question.defaultAnswer ?? false })) === true
      );
    },

    async text(question) {
      if (!options.input) throw inputNeeded(options.terminal, question, []);
      const answer = await ask(options, {
        type: 'input',
        message: question.message,
        ...(question.defaultAnswer === undefined ? {} : { default: question.defaultAnswer }),
        validate: (text: string) => question.validate?.(text) ?? true,
      });
      return String(answer);
    },
  };
}

const textAt = (texts: readonly { readonly name: string; readonly about: string }[], index: number): string =>
  `${texts[index]?.name ?? ''} ${texts[index]?.about ?? ''}`;

/** The row as it fits into `room` cells: a menu whose rows wrap cannot be read. */
function row(
  text: { readonly name: string; readonly about: string },
  width: number,
  { colors, room }: { readonly colors: Colors; readonly room: number },
): string {
  if (text.about === '') return text.name;
  return `${padded(text.name, width)}  ${colors.dim(shortened(text.about, Math.max(8, room - width - 2)))}`;
}

function inputNeeded(
  { stdinIsTty }: Terminal,
  question: Question,
  choices: readonly Choice<unknown>[],
): Error {
  const names = choices
    .filter((choice) => choice.disabled === undefined && choice.flagless !== true)
    .map((choice) => printable(choice.name));
  const shown = names.slice(0, MAX_CANDIDATES);
  const why = stdinIsTty ? 'because questions are turned off' : 'without a terminal';
  return usage('input-needed', `cannot ask ${why}: ${question.message}`, {
    details: {
      flag: question.flag,
      candidates: shown,
      more: names.length - shown.length,
      picked: question.picked,
    },
  });
}

interface ListKeys {
  /** `settle` ends the question with an answer; undefined = interrupted. */
  onEscape(settle: (answer: number | undefined) => void): void;
  /** The line that remains on the screen after the answer; the list is removed in any case. */
  answered(index: number): string;
  /** True while inquirer has not shown the answer of `source` yet; inquirer ignores Enter until then. */
  loading(): boolean;
}

/** Sends inquirer the key event of Ctrl and this letter. */
function press(terminal: Terminal, sequence: string, name: string): void {
  terminal.stdin.emit('keypress', sequence, { name, ctrl: true, sequence });
}

/**
 * Asks one question. Ctrl-C, Ctrl-D and the end of stdin all throw `interrupted`; inquirer itself handles only Ctrl-C
 * and would wait forever after the others.
 */
async function ask(
  options: PrompterOptions,
  question: Readonly<Record<string, unknown>>,
  list?: ListKeys,
): Promise<unknown> {
  const { terminal, signal } = options;
  const {
    default: { createPromptModule },
  } = await import('inquirer');
  const resume = options.suspend();
  const stop = new AbortController();
  let settled: { readonly answer: number | undefined } | undefined;
  const settle = (answer: number | undefined): void => {
    settled = { answer };
    stop.abort();
  };
  const onKey = (
    _text: string | undefined,
    key: { readonly name?: string; readonly ctrl?: boolean } = {},
  ): void => {
    if (key.ctrl === true && key.name === 'd') settle(undefined);
    if (list === undefined) return;
    if (key.name === 'escape') list.onEscape(settle);
    // A filter and its Enter can arrive in one chunk (pasted, or typed ahead): send Enter again when inquirer handles it.
    if (key.name === 'return' && list.loading())
      setImmediate(() => terminal.stdin.emit('keypress', '\r', key));
  };
  const onEnd = (): void => settle(undefined);
  const onAbort = (): void => settle(undefined);
  terminal.stdin.on('keypress', onKey);
  terminal.stdin.once('end', onEnd);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) throw interrupted();
    const prompt = createPromptModule({
      input: terminal.stdin as NodeJS.ReadStream,
      output: terminal.stderr as NodeJS.WriteStream,
      signal: stop.signal,
      clearPromptOnDone: list !== undefined,
    });
    const theme = themeOf(options.colors);
    const message = folded(String(question['message']), terminal.size().columns - AROUND_QUESTION);
    const answers = await prompt({ name: 'answer', theme, ...question, message } as unknown as Parameters<
      typeof prompt
    >[0]);
    const { answer } = answers as { readonly answer: unknown };
    if (list !== undefined) terminal.stderr.write(list.answered(Number(answer)));
    return answer;
  } catch (error) {
    if (settled?.answer !== undefined) return settled.answer;
    if (settled !== undefined || isEndOfPrompt(error)) throw interrupted();
    throw error;
  } finally {
    terminal.stdin.removeListener('keypress', onKey);
    terminal.stdin.removeListener('end', onEnd);
    signal.removeEventListener('abort', onAbort);
    resume();
  }
}

const answeredLine = (colors: Colors, message: string, answer: string): string =>
  `${colors.green('✓')} ${colors.bold(message)} ${colors.cyan(answer)}\n`;

/**
 * The errors are compared by name, because their classes are in a package of inquirer that is not a dependency of this
 * tool.
 */
const isEndOfPrompt = (error: unknown): boolean =>
  error instanceof Error && ['ExitPromptError', 'AbortPromptError', 'CancelPromptError'].includes(error.name);

/** inquirer decides about colours from stdout, but the questions are on stderr, for which `colors` is right. */
function themeOf(colors: Colors, escape: () => string = () => 'quit'): object {
  const plain = (text: string): string => text;
  return {
    prefix: { idle: colors.blue('?'), done: colors.green('✓') },
    style: {
      answer: colors.cyan,
      message: colors.bold,
      error: (text: string) => colors.red(`> ${text}`),
      defaultAnswer: (text: string) => colors.dim(`(${text})`),
      help: colors.dim,
      highlight: colors.cyan,
      key: (text: string) => colors.cyan(colors.bold(`<${text}>`)),
      disabled: (text: string) => colors.dim(`- ${text}`),
      searchTerm: colors.cyan,
      description: plain,
      keysHelpTip: (keys: readonly (readonly [string, string])[]) =>
        colors.dim(
          [...keys, ['type', 'filter'], ['esc', escape()]]
            .map(([key, action]) => `${key} ${action}`)
            .join(' · '),
        ),
    },
  };
}
