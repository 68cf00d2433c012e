/**
 * Splits a command line into words as the agent does in a container, where no shell is in between: blanks separate,
 * single and double quotes group, a backslash outside single quotes takes the next character as it is. Nothing is expanded.
 * An unclosed quote ends with the line.
 */
export function splitCommand(command: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  for (let i = 0; i < command.length; i++) {
    const char = command.charAt(i);
    if (quote === undefined && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === undefined && (char === '"' || char === "'")) {
      quote = char;
      word ??= '';
    } else if (char === quote) {
      quote = undefined;
    } else if (char === '\\' && quote !== "'" && takesBackslash(command.charAt(i + 1), quote)) {
      i++;
      word = (word ?? '') + command.charAt(i);
    } else {
      word = (word ?? '') + char;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** Inside double quotes a backslash is an ordinary character unless it protects something. */
function takesBackslash(next: string, quote: '"' | undefined): boolean {
  if (next === '') return false;
  return quote === undefined || next === '"' || next === '\\' || next === '$' || next === '`';
}
