/**
 * Features that each side derives from the other's version string; the two sides compare versions differently
 * (SPEC.md §4).
 */

/** The client's rule: both versions must have four integers, otherwise the agent counts as not newer. */
function isAgentNewerThan(agentVersion: string, bound: string): boolean {
  const left = components(agentVersion);
  const right = components(bound);
  if (left === undefined || right === undefined || left.length !== right.length) return false;
  return compareComponents(left, right) > 0;
}

/**
 * The agent's rule: compares component by component; the version with fewer components is the smaller. An unreadable
 * version counts as the oldest.
 */
function compareClientVersions(a: string, b: string): number {
  return compareComponents(components(a) ?? [], components(b) ?? []);
}

/** How the connections of a port session are carried. */
export interface MuxFeatures {
  readonly mux: boolean;
  /** Whether this side's smux keepalive is on; false outside mux mode. */
  readonly keepAlive: boolean;
}

/** The features that the client uses, given the agent's version and the session's properties. */
export function clientMuxFeatures(agentVersion: string, localPortForwarding: boolean): MuxFeatures {
  const mux = localPortForwarding && isAgentNewerThan(agentVersion, '3.0.196.0');
  return { mux, keepAlive: mux && !isAgentNewerThan(agentVersion, '3.1.1511.0') };
}

/** The features that the agent uses, given the client's version. */
export function agentMuxFeatures(clientVersion: string, localPortForwarding: boolean): MuxFeatures {
  const mux = localPortForwarding && compareClientVersions(clientVersion, '1.1.70') >= 0;
  return { mux, keepAlive: mux && compareClientVersions(clientVersion, '1.2.331.0') <= 0 };
}

function components(version: string): readonly number[] | undefined {
  const parts = version.split('.');
  return parts.every((part) => /^\d{1,9}$/.test(part)) ? parts.map(Number) : undefined;
}

function compareComponents(a: readonly number[], b: readonly number[]): number {
  for (const [index, left] of a.entries()) {
    const right = b[index];
    if (right === undefined) return 1;
    if (left !== right) return left - right;
  }
  return a.length - b.length;
}
