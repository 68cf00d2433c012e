import type { Browser } from './browse.ts';
import type { Question } from './question.ts';

/**
 * Questions to the person. Each question can also be answered by a flag or by another command; without a TTY
 * the answer is a UsageError (exit 2) that names it.
 */
export interface Choice<T> {
  readonly value: T;
  readonly name: string;
  /** True if the question's flag cannot name this choice. */
  readonly flagless?: boolean;
  /** Shown beside the name, dimmed. */
  readonly description?: string;
  /** The reason why it cannot be selected, shown beside it. */
  readonly disabled?: string;
}

/** Returned by `select` when the person went back (first entry, or Escape with an empty filter). */
export const BACK: unique symbol = Symbol('back');

export interface Prompter {
  /**
   * Type-to-filter list. Throws `input-needed` (usage, with flag and candidates) when no question may be asked,
   * `interrupted` on Ctrl-C.
   */
  select<T>(
    question: Question & {
      readonly choices: readonly Choice<T>[];
      readonly back?: boolean;
      /** The filter with which the list opens, as if the person had typed it. */
      readonly typed?: string;
    },
  ): Promise<T | typeof BACK>;
  /** Lists that are loaded while they are shown, on a screen of their own (browse.ts). */
  browser(): Promise<Browser>;
  /** Without a question: true with `--yes`, else throws `input-needed` naming `--yes`. */
  confirm(question: Question & { readonly defaultAnswer?: boolean }): Promise<boolean>;
  text(
    question: Question & {
      readonly defaultAnswer?: string;
      readonly validate?: (answer: string) => string | undefined;
    },
  ): Promise<string>;
}
