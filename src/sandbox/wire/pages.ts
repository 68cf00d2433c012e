import { AwsError } from '../contracts.ts';

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; undefined on the last page. */
  readonly next: string | undefined;
}

/**
 * Returns the items after the token of the previous page. Tokens are positions: if the list changes between pages,
 * items may be skipped or repeated, as in AWS. Throws AwsError `code` for a token that the sandbox did not make.
 */
export function paginate<T>(
  items: readonly T[],
  token: string | undefined,
  size: number | undefined,
  code: string,
): Page<T> {
  const start = token === undefined ? 0 : positionOf(token, code);
  const end = size === undefined ? items.length : Math.min(items.length, start + size);
  return { items: items.slice(start, end), next: end < items.length ? tokenFor(end) : undefined };
}

const tokenFor = (position: number): string => Buffer.from(`page:${position}`).toString('base64url');

function positionOf(token: string, code: string): number {
  const match = /^page:(\d{1,9})$/.exec(Buffer.from(token, 'base64url').toString('latin1'));
  if (match === null) throw new AwsError(code, 'The token is not valid');
  return Number(match[1]);
}
