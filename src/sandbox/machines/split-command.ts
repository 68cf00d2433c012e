/**
 * Splits a command line into words as the agent does in a container, where no shell runs it: blanks separate words,
 * single and double quotes group, a backslash outside single quotes makes the next character literal. Nothing is
 * expanded. An unclosed quote extends to the end of the line.
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

/** Inside double quotes a backslash is an ordinary character unless the character after it needs escaping. */
function takesBackslash(next: string, quote: '"' | undefined): boolean {
  if (next === '') return false;
  return quote === undefined || next === '"' || next === '\\' || next === '$' || next === '`';
}
