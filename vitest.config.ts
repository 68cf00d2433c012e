import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Two at least: most tests wait for processes and sockets more than they compute. */
const WORKERS = Math.max(2, availableParallelism() - 1);
/** Real shells, ptys and sockets have races of their own; CI tries such a test once more, and the report says so. */
const RETRY = process.env['CI'] === undefined ? 0 : 1;

const EXHAUSTIVE = ['crash-*', 'race*', '*-proof'].map((name) => `test/contract/provision/${name}.test.ts`);

/**
 * Projects by what they cost: `unit` is pure and quick; `contract` drives the real SDK against the sandbox; `crash` goes
 * through every API call, grant and seed of provisioning (minutes; the other projects together are the quick feedback);
 * `e2e` drives the built CLI (`npm test` builds first) and runs serially, because its processes compete for cores.
 * `soak` is only run by `npm run test:soak`.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/contract/**', 'test/e2e/**', 'test/soak/**', 'test/sandbox/**'],
          pool: 'threads',
          maxWorkers: WORKERS,
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'contract',
          include: ['test/contract/**/*.test.ts', 'test/sandbox/**/*.test.ts'],
          exclude: EXHAUSTIVE,
          pool: 'forks',
          maxWorkers: WORKERS,
          retry: RETRY,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'crash',
          include: EXHAUSTIVE,
          pool: 'forks',
          maxWorkers: WORKERS,
          testTimeout: 900_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          retry: RETRY,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      ...(process.env['SOAK'] === undefined
        ? []
        : [
            {
              test: {
                name: 'soak',
                include: ['test/soak/**/*.test.ts'],
                pool: 'forks' as const,
                testTimeout: 1_800_000,
              },
            },
          ]),
    ],
  },
});
