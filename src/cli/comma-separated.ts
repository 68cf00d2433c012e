/** Parser of a flag with several values, which may be written as `a,b` or by repeating the flag. */
export const commaSeparated = (text: string, before: unknown): readonly string[] => [
  ...(Array.isArray(before) ? (before as readonly string[]) : []),
  ...text.split(',').filter((part) => part !== ''),
];
