import { AgentRole } from './agent-role.ts';
import { ClientRole } from './client-role.ts';
import type { ChannelRole, DataChannelLimits, DataChannelOptions, RoleLink } from './data-channel-types.ts';

const DEFAULT_CLIENT_VERSION = '1.2.707.0';
const DEFAULT_AGENT_VERSION = '3.3.987.0';

/** The role that the options name; without a version it reports that of an official peer. */
export function createRole(
  { role, version, handshake, randomBytes }: DataChannelOptions,
  { handshakeTimeoutMs }: DataChannelLimits,
  link: RoleLink,
): ChannelRole {
  return role === 'client'
    ? new ClientRole({ version: version ?? DEFAULT_CLIENT_VERSION, handshakeTimeoutMs, randomBytes }, link)
    : new AgentRole({ version: version ?? DEFAULT_AGENT_VERSION, handshake, randomBytes }, link);
}
