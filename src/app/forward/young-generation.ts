import { setFlagsFromString } from 'node:v8';

/**
 * For a process that runs long and allocates with every message: V8 doubles its young generation under load and would keep
 * 30 MB of garbage. At its first size it is swept as quickly, more often (`npm run bench -- memory`).
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
