import { mapped } from './errors.ts';

/** Reads page after page; `read` returns the marker of the next page, or nothing after the last one. */
export async function eachPage(
  action: string,
  read: (marker: string | undefined) => Promise<string | undefined>,
): Promise<void> {
  let marker: string | undefined;
  do {
    const from = marker;
    marker = await mapped(action, () => read(from));
  } while (marker);
}
