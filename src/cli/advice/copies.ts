import type { Rows } from './rows.ts';

/** Advice about `cp`. */
export const COPY_ADVICE = {
  'copy-arguments': ({ expected }, lines) => [
    ...(expected === undefined ? [] : [expected]),
    lines.tool('cp app.log orders-api:/tmp/', {}, 'into a container'),
    lines.tool('cp orders-api:/app/app.log .', {}, 'out of a container'),
  ],
  'copy-disk-full': ({ side }, lines) =>
    side === 'container'
      ? [lines.tool('exec', {}, 'then: df -h')]
      : ['free space here, or copy to another disk'],
  'copy-folder-needed': ({ side, path }, lines) => [
    side === 'container' ? lines.tool('exec', {}, `then: mkdir -p ${path}`) : `mkdir -p ${path}`,
  ],
  'copy-incomplete': () => ['--unsafe-links   # makes links that lead outside of the folder'],
  'copy-not-found': ({ side }, lines) =>
    side === 'container'
      ? [lines.tool('exec', {}, 'shows what is there; a relative path begins where it does')]
      : [],
  'copy-read-only': ({ side }) => (side === 'container' ? ['/tmp or a volume may be writable'] : []),
  'copy-tool-missing': (_, lines) => [lines.tool('exec', {}, 'works without it')],
} as const satisfies Rows;
