/**
 * Text from outside (names, tags, agent messages) with control characters made visible, so that it cannot drive the
 * person's terminal. Line breaks become spaces.
 */
export const printable = (text: string): string => visible(text.replace(/[\r\n\t]+/g, ' '));

const visible = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });

/** The same for a text of several lines, such as a stack trace. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n');

/** The text with the passwords of its addresses replaced: `http://user:***@host`. */
export const withoutPasswords = (text: string): string =>
  text.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s/?#:@]*):[^\s/?#]*@/gi, '$1:***@');

/**
 * One line of a program's own output for a terminal: its colours (SGR sequences) are kept and end with the line if
 * `color` is true, else they are removed; tabs are kept; all other control characters are made visible.
 */
export function withoutControls(line: string, color: boolean): string {
  let colored = false;
  const text = line
    .split(/(\u001b\[[0-9;:]*m|\t)/)
    .map((part) => {
      if (part === '\t') return part;
      if (!/^\u001b\[[0-9;:]*m$/.test(part)) return visible(part);
      colored ||= color;
      return color ? part : '';
    })
    .join('');
  return colored ? `${text}\u001b[0m` : text;
}
