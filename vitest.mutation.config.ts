import { defineConfig } from 'vitest/config';
import { unit } from './vitest.config.ts';

/**
 * The project `unit` alone, as Stryker wants it (`npm run test:mutation`, stryker.config.json). Isolated: a constant of a
 * module is only seen changed by a test that loads the module anew. With `MUTATION_SHARED=1`, for runs with
 * `--ignoreStatic`, which leave such constants out, all tests of a run share their modules. Without the tests that read
 * the sources as text, because they would find what Stryker writes into them. `MUTATION_TESTS=protocol` runs the tests of
 * one folder only, which is enough for the code of that folder and many times quicker.
 */
const folder = process.env['MUTATION_TESTS'];
const isShared = process.env['MUTATION_SHARED'] !== undefined;
export default defineConfig({
  test: {
    ...unit,
    isolate: !isShared,
    ...(folder === undefined ? {} : { include: [`test/${folder}/**/*.test.ts`] }),
    exclude: [
      ...unit.exclude,
      'test/architecture.test.ts',
      'test/conformance-doc.test.ts',
      'test/errors-doc.test.ts',
      'test/references.test.ts',
    ],
  },
});
