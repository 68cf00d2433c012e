import type { Plugin } from 'esbuild';

/** Modules that bundled packages name but the tool never uses, and what stands in the bundle instead. */
const ABSENT: Readonly<Record<string, string>> = {
  // A kind of question that is never asked. It brings an external editor's temporary files and half a megabyte of encodings.
  '@inquirer/editor': 'export default undefined;',
  // The SDK reads a browser's name with it; a command has none.
  bowser: 'export default undefined;',
  // Tracing of https-proxy-agent to stderr, where it would stand between our own lines; it could show the proxy's address.
  debug: 'export default () => () => undefined;',
  // The native client of pg; pg takes this error for "not installed".
  'pg-native':
    "throw Object.assign(new Error('pg-native is not part of this bundle'), { code: 'MODULE_NOT_FOUND' });",
};

export const absentModules: Plugin = {
  name: 'absent-modules',
  setup(build) {
    const names = Object.keys(ABSENT).join('|');
    build.onResolve({ filter: new RegExp(`^(?:${names})$`) }, ({ path }) => ({ path, namespace: 'absent' }));
    build.onLoad({ filter: /./, namespace: 'absent' }, ({ path }) => ({ contents: ABSENT[path] ?? '' }));
  },
};
