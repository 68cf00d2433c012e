import truncatedWidth from 'fast-string-truncated-width';

/**
 * Widths of text on a terminal, in cells: wide characters take two, combining marks none. Escape sequences count as
 * nothing.
 */

export const cellWidth = (text: string): number => truncatedWidth(text).width;

/** At most `width` cells; `…` replaces the part that was cut off. The text must not contain escape sequences. */
export function shortened(text: string, width: number): string {
  if (width <= 0) return '';
  const { index, ellipsed, truncated } = truncatedWidth(text, {
    limit: width,
    ellipsis: '…',
    ellipsisWidth: 1,
  });
  if (!truncated) return text;
  return ellipsed ? `${text.slice(0, index)}…` : text.slice(0, index);
}

/** The text with blanks after it, `width` cells wide; a longer text is returned unchanged. */
export const padded = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - cellWidth(text)));
