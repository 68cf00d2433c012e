import { quoteWord } from '../../core/shell-words.ts';
import type { CommandLines } from './command-lines.ts';
import type { Rows } from './rows.ts';

/** Advice about `cp`. */
export const COPY_ADVICE = {
  'copy-arguments': ({ expected }, lines) => [
    ...(expected === undefined ? [] : [expected]),
    lines.tool('cp app.log orders-api:/tmp/', {}, 'into a container'),
    lines.tool('cp orders-api:/app/app.log .', {}, 'out of a container'),
  ],
  'copy-disk-full': ({ side }, lines) =>
    side === 'container' ? [inContainer(lines, 'then: df -h')] : ['free space here, or copy to another disk'],
  'copy-folder-needed': ({ side, path }, lines) => [
    side === 'container' ? inContainer(lines, `then: mkdir -p ${path}`) : `mkdir -p ${path}`,
  ],
  'copy-incomplete': () => ['--unsafe-links   # makes links that lead outside of the folder'],
  'copy-not-found': ({ side }, lines) =>
    side === 'container'
      ? [inContainer(lines, 'shows what is there; a relative path begins where it does')]
      : [],
  'copy-read-only': ({ side }) => (side === 'container' ? ['/tmp or a volume may be writable'] : []),
  'copy-tool-missing': (_, lines) => [inContainer(lines, 'works without it')],
} as const satisfies Rows;

/** The service that a `SERVICE:PATH` of the command line names. */
function inContainer(lines: CommandLines, why: string): string {
  const [service] = lines.context.argv.flatMap((word) => /^([^/:]+):/.exec(word)?.slice(1) ?? []);
  return lines.tool(service === undefined ? 'exec' : `exec ${quoteWord(service)}`, {}, why);
}
