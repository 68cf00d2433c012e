import type { Metafile } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { missingPackages, startOutputs } from '../../scripts/bundle-checks.ts';

type Imports = Metafile['outputs'][string]['imports'];

const metafileOf = (outputs: Readonly<Record<string, Imports>>): Metafile => ({
  inputs: {},
  outputs: Object.fromEntries(
    Object.entries(outputs).map(([name, imports]) => [name, { bytes: 1, inputs: {}, exports: [], imports }]),
  ),
});

describe('the outputs that every start loads', () => {
  it('are the entry, everything that it imports, and the static imports of those', () => {
    const metafile = metafileOf({
      'dist/main.js': [{ path: 'dist/run.js', kind: 'dynamic-import' }],
      'dist/run.js': [
        { path: 'dist/chunk.js', kind: 'import-statement' },
        { path: 'dist/sandbox.js', kind: 'dynamic-import' },
        { path: 'node:fs', kind: 'import-statement', external: true },
      ],
      'dist/chunk.js': [{ path: 'dist/run.js', kind: 'import-statement' }],
      'dist/sandbox.js': [],
    });
    expect(startOutputs(metafile, 'dist/main.js')).toEqual(['dist/main.js', 'dist/run.js', 'dist/chunk.js']);
  });
});

describe('packages that the bundle loads at run time', () => {
  it('are all external ones, except modules of Node.js and the allowed packages', () => {
    const metafile = metafileOf({
      'dist/main.js': [
        { path: 'node:fs', kind: 'import-statement', external: true },
        { path: 'util/types', kind: 'require-call', external: true },
        { path: 'bufferutil', kind: 'require-call', external: true },
        { path: '@lydell/node-pty', kind: 'dynamic-import', external: true },
        { path: 'dist/chunk.js', kind: 'import-statement' },
      ],
      'dist/chunk.js': [{ path: 'bufferutil', kind: 'require-call', external: true }],
    });
    expect(missingPackages(metafile, ['@lydell/node-pty'])).toEqual(['bufferutil']);
  });
});
