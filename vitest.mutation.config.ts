import { defineConfig } from 'vitest/config';
import { unit } from './vitest.config.ts';

/**
 * The project `unit` alone, as Stryker wants it (`npm run test:mutation`, stryker.config.json). Isolated: a constant of a
 * module is only seen changed by a test that loads the module anew.
 */
export default defineConfig({ test: { ...unit, isolate: true } });
