import { cellWidth } from './cells.ts';

/** A line without a terminal, or in front of one whose width is unknown, is not folded. */
export type Columns = number | undefined;

/** Continued lines begin with this, so that one sees where a message ends. */
const INDENT = '  ';

/**
 * Breaks a message for a person between its words, so that a terminal does not break it inside of one; the lines after
 * the first are indented. Only the first line of the text is a message: commands to type stand on lines of their own and
 * stay whole, because they are copied. Escape sequences count as nothing.
 */
export function folded(text: string, columns: Columns): string {
  const end = text.indexOf('\n');
  const [message, rest] = end === -1 ? [text, ''] : [text.slice(0, end), text.slice(end)];
  if (columns === undefined || cellWidth(message) <= columns) return text;
  const margin = /^ */.exec(message)?.[0] ?? '';
  const lines: string[] = [];
  let line = margin;
  for (const word of message.slice(margin.length).split(' ')) {
    const isFirst = line.trim() === '';
    if (!isFirst && cellWidth(line) + 1 + cellWidth(word) > columns) {
      lines.push(line);
      line = `${margin}${INDENT}${word}`;
    } else line = isFirst ? line + word : `${line} ${word}`;
  }
  return [...lines, line].join('\n') + rest;
}
