/** Parser of a flag with several values: `a,b` and repetition both work. */
export const commaSeparated = (text: string, before: unknown): readonly string[] => [
  ...(Array.isArray(before) ? (before as readonly string[]) : []),
  ...text.split(',').filter((part) => part !== ''),
];
