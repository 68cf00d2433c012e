import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { NetworkAgents } from '../../src/core/network-agents.ts';

/** No proxy, and only the certificates that Node trusts by default. */
export const DIRECT: NetworkAgents = {
  http: new HttpAgent({ keepAlive: true }),
  https: new HttpsAgent({ keepAlive: true }),
};
