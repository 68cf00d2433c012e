import { type Command, Option } from 'commander';

/**
 * Commands that create resources, and those that print the policies for that, accept the same tags. The text is parsed
 * later: the key ends at the first `=`.
 */
export const addTagFlag = (command: Command): Command =>
  command.addOption(
    new Option('--tag <key=value>', 'on everything that is created; may be repeated')
      .argParser((text: string, before: unknown): readonly string[] => [
        ...(Array.isArray(before) ? (before as readonly string[]) : []),
        text,
      ])
      .helpGroup('Tags:'),
  );
