import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentEndpoints } from '../contracts.ts';

/** The agent's own configuration file. */
const FILE = 'etc/amazon/ssm/amazon-ssm-agent.json';

/**
 * The endpoints that the file below `root` names. If the file is absent or not JSON, the defaults stay in force, as
 * with the real agent.
 */
export function readAgentEndpoints(root: string): AgentEndpoints {
  const config = readConfig(join(root, FILE));
  return { ssm: hostOf(config, 'Ssm'), ssmmessages: hostOf(config, 'Mgs') };
}

function readConfig(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** `{"Ssm": {"Endpoint": "https://HOST"}}`, with or without the scheme. */
function hostOf(config: unknown, section: string): string | undefined {
  const endpoint = memberOf(memberOf(config, section), 'Endpoint');
  return typeof endpoint === 'string' && endpoint !== '' ? endpoint.replace(/^https:\/\//, '') : undefined;
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
