import { nearest } from './nearest.ts';

/** The existing names of the kind that was not found, as facts of the error. */
export type Candidates = {
  /** Up to five names that may have been meant, the most similar first. */
  readonly near: readonly string[];
  /** The existing names, at most a hundred. */
  readonly candidates: readonly string[];
  /** How many names exist. */
  readonly existing: number;
};

const MAX_NEAR = 5;
const MAX_LISTED = 100;

export const candidatesFor = (typed: string, names: readonly string[]): Candidates => ({
  near: nearest(typed, names, MAX_NEAR),
  candidates: names.slice(0, MAX_LISTED),
  existing: names.length,
});
