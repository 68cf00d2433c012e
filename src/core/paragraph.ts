/** A line for people, broken between words where it does not fit; all but the first of the lines are indented. */
export function paragraph(text: string, width: number, indent: number): readonly string[] {
  const margin = /^ */.exec(text)?.[0] ?? '';
  const [first = '', ...rest] = wrapped(text.trimStart(), width - margin.length);
  // What is broken off has less room than the first line: it is put together and broken again.
  const more = rest.length === 0 ? [] : wrapped(rest.join(' '), width - indent);
  return [margin + first, ...more.map((line) => ' '.repeat(indent) + line)];
}

/** Lines of whole words; a word that is longer than a line gets one of its own. */
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
