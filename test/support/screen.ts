/**
 * The screen of a terminal after these bytes. Only the sequences that our live output uses are supported (cursor up,
 * erase below, carriage return, show and hide the cursor). Trailing empty lines are left out.
 */
export function screenAfter(bytes: string): readonly string[] {
  const lines: string[] = [''];
  let row = 0;
  let column = 0;
  for (const match of bytes.matchAll(/\u001b\[(\??)(\d*)([A-Za-z])|[\s\S]/gu)) {
    const [token, , count, action] = match;
    if (action === undefined) {
      if (token === '\n') {
        row++;
        column = 0;
        lines[row] ??= '';
      } else if (token === '\r') column = 0;
      else {
        const line = (lines[row] ?? '').padEnd(column);
        lines[row] = line.slice(0, column) + token + line.slice(column + 1);
        column++;
      }
    } else if (action === 'A') row = Math.max(0, row - Number(count || 1));
    else if (action === 'J') {
      lines[row] = (lines[row] ?? '').slice(0, column);
      lines.length = row + 1;
    }
  }
  while (lines.at(-1) === '') lines.pop();
  return lines;
}
