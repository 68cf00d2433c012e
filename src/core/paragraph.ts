/** A text for users, broken between words into lines that fit; all lines but the first are indented. */
export function paragraph(text: string, width: number, indent: number): readonly string[] {
  const margin = /^ */.exec(text)?.[0] ?? '';
  const [first = '', ...rest] = wrapped(text.trimStart(), width - margin.length);
  // The other lines have less room than the first one, so their words are joined and broken again.
  const more = rest.length === 0 ? [] : wrapped(rest.join(' '), width - indent);
  return [margin + first, ...more.map((line) => ' '.repeat(indent) + line)];
}

/** Lines of whole words; a word that is longer than a line gets a line of its own. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
