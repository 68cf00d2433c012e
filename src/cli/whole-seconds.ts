import { InvalidArgumentError } from 'commander';

/** The value of `--watch`. */
export function wholeSeconds(text: string): number {
  const count = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw new InvalidArgumentError('A whole number of seconds is expected.');
  return count;
}
