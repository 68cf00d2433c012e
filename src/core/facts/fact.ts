/**
 * The facts that errors and notes carry, by code (error-facts.ts, note-facts.ts): what is known where the error is
 * thrown, and what cli/advice/ needs to say what to type next. Names and values only, never a command line.
 */

/** A value that JSON can carry; undefined members are left out of the JSON. */
export type Fact =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Fact[]
  | { readonly [name: string]: Fact };

/** Printed with `--json`. Must never contain a token, key or password. */
export type ErrorDetails = Readonly<Record<string, Fact>>;

/** For codes whose advice does not depend on the facts. */
export type AnyFacts = ErrorDetails;

/** The fact as text; '' if it is absent or not a text. */
export const textFact = (details: ErrorDetails, name: string): string => {
  const value = details[name];
  return typeof value === 'string' ? value : '';
};
