import type { Command } from 'commander';

/**
 * The flags that were typed for a command, before and after its name, as words of another command line; `without` are
 * long names of flags that are left out.
 */
export function typedWords(command: Command, without: ReadonlySet<string>): readonly string[] {
  const words: string[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent)
    for (const option of at.options) {
      const name = option.attributeName();
      if (at.getOptionValueSource(name) !== 'cli' || without.has(option.long ?? '')) continue;
      const value: unknown = at.getOptionValue(name);
      const flag = option.long ?? option.short ?? '';
      // `--no-x` and `--x` have one value.
      if (typeof value === 'boolean') {
        if (value !== option.negate) words.push(flag);
      } else if (!option.negate)
        for (const each of [value].flat())
          words.push(...(option.long === undefined ? [flag, String(each)] : [`${flag}=${String(each)}`]));
    }
  return words;
}
