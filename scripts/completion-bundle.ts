import type { Plugin } from 'esbuild';
import { programTable } from '../src/cli/program-table.ts';

/**
 * The completion of a shell starts a process at each key press, which must load little. It has a bundle of its own: in
 * that of the program, it would share dozens of chunks with the other commands.
 */
export const COMPLETION_ENTRY = 'src/cli/quick-completion.ts';

/** Where the program finds that bundle, from its own folder. */
export const COMPLETION_OUTPUT = './completion/quick-completion.js';

/** In the bundle of the program: the import of the entry becomes one of the other bundle. */
export const completionOutside: Plugin = {
  name: 'completion-outside',
  setup(build) {
    build.onResolve({ filter: /\/quick-completion\.ts$/ }, () => ({
      path: COMPLETION_OUTPUT,
      external: true,
    }));
  },
};

/** In the bundle of completion: the module that derives the table from the command tree becomes the table itself. */
export const finishedTable: Plugin = {
  name: 'finished-table',
  setup(build) {
    build.onLoad({ filter: /[\\/]src[\\/]cli[\\/]program-table\.ts$/ }, async () => ({
      contents: await programTableModule(),
      loader: 'js',
    }));
  },
};

/** JavaScript that exports what src/cli/program-table.ts exports. */
export async function programTableModule(): Promise<string> {
  return `export const programTable = async () => (${JSON.stringify(await programTable())});`;
}
