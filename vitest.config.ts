import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { projectTimes } from './test/support/project-times.ts';

/** Two at least: most tests wait for processes and sockets more than they compute. */
const WORKERS = Math.max(2, availableParallelism() - 1);
/** Real shells, ptys and sockets have races of their own; CI tries such a test once more, and the report says so. */
const RETRY = process.env['CI'] === undefined ? 0 : 1;
const MINUTE = 60_000;
/** In every project, since a project does not take the plugins of the root. */
const plugins = [projectTimes()];

/**
 * The files of a worker share its modules. A quarter of the time went into loading and compiling the AWS SDK and the sandbox
 * for each file. The code keeps no state in its modules, so that each file sees what a process of its own would see.
 */
const SHARED_MODULES = { pool: 'forks' as const, isolate: false };

/** Pure code. Also what `npm run test:mutation` runs (vitest.mutation.config.ts). */
export const unit = {
  name: 'unit',
  include: ['test/**/*.test.ts'],
  exclude: ['scripts', 'contract', 'sandbox', 'proof', 'e2e', 'soak'].map((name) => `test/${name}/**`),
  pool: 'threads' as const,
  // Half the time went into loading the same modules for each file. Pure code keeps no state in its modules.
  isolate: false,
  // One more than the cores: at the start the workers wait for their modules, and some tests wait for the pause after Escape.
  maxWorkers: availableParallelism() + 1,
  sequence: { groupOrder: 1 },
  testTimeout: MINUTE,
};

/**
 * Projects by what a test needs and what it costs. They run one after the other, the cheapest first, so that each has a time
 * of its own and a defect in pure code is seen before the minutes begin. CONTRIBUTING.md says where a new test belongs.
 * `soak` takes part only when SOAK is set (`npm run test:soak`).
 */
export default defineConfig({
  test: {
    // Compiled modules are kept in node_modules between runs, by their content: a third of the time of `npm run test:quick`.
    experimental: { fsModuleCache: true },
    projects: [
      { plugins, test: unit },
      {
        plugins,
        test: {
          name: 'scripts',
          include: ['test/scripts/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: WORKERS,
          sequence: { groupOrder: 2 },
          testTimeout: 2 * MINUTE,
          hookTimeout: 2 * MINUTE,
        },
      },
      {
        plugins,
        test: {
          name: 'contract',
          include: ['test/contract/**/*.test.ts', 'test/sandbox/**/*.test.ts'],
          ...SHARED_MODULES,
          maxWorkers: WORKERS,
          sequence: { groupOrder: 3 },
          retry: RETRY,
          testTimeout: 3 * MINUTE,
          hookTimeout: 3 * MINUTE,
        },
      },
      {
        plugins,
        test: {
          name: 'proof',
          include: ['test/proof/**/*.test.ts'],
          ...SHARED_MODULES,
          maxWorkers: WORKERS,
          sequence: { groupOrder: 4 },
          testTimeout: 30 * MINUTE,
          hookTimeout: 3 * MINUTE,
        },
      },
      {
        plugins,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          pool: 'forks',
          // Its processes compete for cores, and some tests drive a terminal.
          fileParallelism: false,
          sequence: { groupOrder: 5 },
          retry: RETRY,
          testTimeout: 5 * MINUTE,
          hookTimeout: 5 * MINUTE,
        },
      },
      ...(process.env['SOAK'] === undefined
        ? []
        : [
            {
              plugins,
              test: {
                name: 'soak',
                include: ['test/soak/**/*.test.ts'],
                pool: 'forks' as const,
                sequence: { groupOrder: 6 },
                testTimeout: 60 * MINUTE,
              },
            },
          ]),
    ],
  },
});
