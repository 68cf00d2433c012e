import type { CompletionList } from '../config/completion-cache.ts';

/** Not for people: the completion scripts call it, and it starts itself again to read a list from AWS. */
export const COMPLETE = '__complete';

/** What a completion script types before the words of the command line. */
export const REQUEST: readonly string[] = [COMPLETE, '--no-input', '--'];

/**
 * The words after the program's name, the last of which is the one under the cursor. Undefined where the arguments are
 * not exactly those of a completion script.
 */
export function requestedWords(argv: readonly string[]): readonly string[] | undefined {
  return REQUEST.every((word, index) => argv[index] === word) ? argv.slice(REQUEST.length) : undefined;
}

/** The arguments that read the list from AWS, without a question or a sign-in. */
export function renewal({ kind, profile, region, cluster, service }: CompletionList): readonly string[] {
  const flags = Object.entries({ profile, region, cluster, service });
  return [
    COMPLETE,
    '--renew',
    kind,
    ...flags.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`])),
    '--no-input',
    '--quiet',
  ];
}
