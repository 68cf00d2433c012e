import { cellWidth } from './cells.ts';

/** A line without a terminal, or in front of one whose width is unknown, is not folded. */
export type Columns = number | undefined;

/** Continued lines begin with this, so that one sees where a message ends. */
const INDENT = '  ';

/** A line that begins with one of these is a command that is copied, so that it stays whole. */
const PROGRAMS =
  'aws|chmod|curl|docker|export|fargate-connect|kill|lsof|mkdir|npm|npx|rm|ssh|sudo|terraform|unset';

/** Stands between a command and the comment behind it. */
const COMMENT = '   # ';

/** Commands, flags, configuration and JSON; a quotation mark begins a sentence about an answer that is quoted. */
const COPIED = new RegExp(String.raw`^ *(?:(?:${PROGRAMS}) |[^\p{L}\s'])|${COMMENT}| = |\{`, 'u');

/**
 * Breaks the lines of a message for a person between their words, so that a terminal does not break them inside of one;
 * continued lines are indented. The first line is always a message; later ones that are to be copied stay whole, and
 * the comment behind a command has lines of its own if both do not fit in one. Escape sequences count as nothing.
 */
export function folded(text: string, columns: Columns): string {
  if (columns === undefined) return text;
  return text
    .split('\n')
    .map((line, index) =>
      index > 0 && COPIED.test(line) ? foldedCommand(line, columns) : foldedLine(line, columns),
    )
    .join('\n');
}

/**
 * A line to copy, whole, with the comment behind it in lines of its own if both do not fit in one. Each of them begins
 * with `#`, so that the shell still ignores it when it is pasted.
 */
export function foldedCommand(line: string, columns: Columns): string {
  const end = line.indexOf(COMMENT);
  if (columns === undefined || end === -1 || cellWidth(line) <= columns) return line;
  const margin = (/^ */.exec(line)?.[0] ?? '') + INDENT;
  return `${line.slice(0, end)}\n${foldedLine(margin + line.slice(end).trimStart(), columns, '# ')}`;
}

function foldedLine(message: string, columns: number, continuation = INDENT): string {
  if (cellWidth(message) <= columns) return message;
  const margin = /^ */.exec(message)?.[0] ?? '';
  const lines: string[] = [];
  let line = margin;
  for (const word of message.slice(margin.length).split(' ')) {
    const isFirst = line.trim() === '';
    if (!isFirst && cellWidth(line) + 1 + cellWidth(word) > columns) {
      lines.push(line);
      line = `${margin}${continuation}${word}`;
    } else line = isFirst ? line + word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
