import { listOf, type Statement } from './grants.ts';

/** Matching of the actions and patterns in statements of IAM policies. Pure. */

/** True if the statement's Action or NotAction includes the action; actions are compared without regard to case. */
export function namesAction({ Action, NotAction }: Statement, action: string): boolean {
  const has = (patterns: readonly string[]): boolean =>
    patterns.some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase()));
  return NotAction === undefined ? has(listOf(Action)) : !has(listOf(NotAction));
}

/** Matches with the wildcards `*` and `?` of IAM. */
export function matches(pattern: string, value: string): boolean {
  const literal = pattern.replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(value);
}
