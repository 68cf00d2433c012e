import type { Browser } from './browse.ts';
import type { Choice } from './prompter.ts';
import type { Question } from './question.ts';
import { textOf } from './row-text.ts';

/** Chooses where there is one answer only; a question that would have to be asked throws `input-needed`. */
export const noInputBrowser = (
  inputNeeded: (question: Question, choices: readonly Choice<unknown>[]) => Error,
): Browser => ({
  open: () => undefined,
  async ask(question) {
    const { list, choosesOnly } = question;
    await list.loadAll();
    const rows = list.rows();
    const error = list.error();
    if (error !== undefined) throw error;
    const [only] = rows;
    if (only === undefined) return { type: 'empty' };
    if (choosesOnly === true && rows.length === 1 && only.disabled === undefined)
      return { type: 'chose', row: only, filter: '', only: true };
    throw inputNeeded(
      question,
      rows.map(({ cells, value, disabled, flagless }) => ({
        value,
        name: textOf(cells[0]),
        ...(disabled === undefined ? {} : { disabled }),
        ...(flagless === undefined ? {} : { flagless }),
      })),
    );
  },
  notice: () => undefined,
  close: () => undefined,
});
