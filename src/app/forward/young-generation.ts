import { setFlagsFromString } from 'node:v8';

/**
 * For a process that runs long and allocates with every message: V8 doubles its young generation under load and would
 * keep 30 MB of garbage. At its initial size, each collection is as fast, but collections are more frequent (`npm run
 * bench -- memory`).
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
