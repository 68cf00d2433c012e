import { setFlagsFromString } from 'node:v8';

/**
 * For a process that stays and makes garbage with every message: V8 doubles its young generation under load and would let
 * 30 MB of it stand until there is need. At its first size it is swept as quickly, more often (`npm run bench -- memory`).
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
