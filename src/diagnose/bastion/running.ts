import type { Node } from '../../provision/ports/nodes.ts';
import type { Finding, FindingOf } from '../finding.ts';
import { agentMissingFinding, bootFinding, bootVerdict } from './boot.ts';

/** Determines what stops, or will stop, sessions through a bastion that exists. Pure. */

/** What AWS shows of one bastion; `undefined` in a field = it was not read. */
export interface ObservedBastion {
  readonly name: string;
  readonly instanceId: string;
  /** State of the instance. */
  readonly state: string;
  /** Milliseconds since the epoch. */
  readonly launchedAt: number;
  /** True if its boot script installs something. */
  readonly installs: boolean;
  /** Null = the agent has not registered. */
  readonly agent: Pick<Node, 'pingStatus' | 'lastPingAt'> | null | undefined;
  /** Whether EC2 has announced an interruption. */
  readonly isInterrupted: boolean | undefined;
  /** Id of the instance that replaces it. */
  readonly replacement: string | undefined;
  readonly consoleOutput: string | undefined;
}

export type BastionFinding =
  | FindingOf<'agent-denied'>
  | FindingOf<'agent-lost'>
  | FindingOf<'agent-not-online'>
  | FindingOf<'bastion-interrupted'>
  | FindingOf<'boot-failed'>
  | FindingOf<'role-untrusted'>;

/** The time that `up` waits for the agent: before it is over, an agent that has not registered is only slow. */
const BOOT_MS = 300_000;

/** Causes that stop sessions through a running bastion; none for an instance in another state. */
export function bastionFindings(bastion: ObservedBastion, now: number): readonly BastionFinding[] {
  const { instanceId, isInterrupted, name, replacement, state } = bastion;
  if (state !== 'running') return [];
  const agent = agentFinding(bastion, now);
  return [
    ...(isInterrupted === true
      ? [
          {
            id: 'bastion-interrupted',
            severity: 'warning',
            evidence: { name, instanceId, replacement },
            fixes: [],
          } as const,
        ]
      : []),
    ...(agent === undefined ? [] : [agent]),
  ];
}

/** What AWS shows of the bastion besides its agent; `undefined` in a field = not known. */
export interface BastionState {
  readonly name: string;
  readonly instanceId: string;
  readonly hasProfile: boolean | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
  /** Bastions of which resources are left, and no instance. */
  readonly leftovers: readonly { readonly name: string; readonly region: string }[];
}

/** A session that starts now should last at least this long. */
const LEASE_SOON_MS = 10 * 60_000;

export function stateFindings(state: BastionState, now: number): readonly Finding[] {
  const { expiresAt, hasProfile, instanceId, leftovers, name } = state;
  const leftMs = (expiresAt ?? Infinity) - now;
  return [
    ...(hasProfile === false
      ? [
          {
            id: 'bastion-without-profile',
            severity: 'blocking',
            evidence: { name, instanceId },
            fixes: [[{ kind: 'replace-bastion', bastion: name }]],
          } as const,
        ]
      : []),
    ...(expiresAt !== undefined && leftMs < LEASE_SOON_MS
      ? [
          {
            id: 'bastion-lease-ends',
            severity: 'warning',
            evidence: { name, endsAt: new Date(expiresAt).toISOString(), leftMs },
            fixes: [[{ kind: 'extend-lease', bastion: name }]],
          } as const,
        ]
      : []),
    ...leftovers.map((left): Finding => ({
      id: 'bastion-leftovers',
      severity: 'warning',
      evidence: { name: left.name, region: left.region },
      fixes: [[{ kind: 'delete-leftovers', bastion: left.name }]],
    })),
  ];
}

/** True if the console output can show why no session can start. */
export const needsConsole = ({ agent, state }: Pick<ObservedBastion, 'agent' | 'state'>): boolean =>
  state === 'running' && agent !== undefined && agent?.pingStatus !== 'Online';

function agentFinding(bastion: ObservedBastion, now: number): BastionFinding | undefined {
  const { agent, consoleOutput, installs, instanceId, launchedAt, name } = bastion;
  if (!needsConsole(bastion) || agent === undefined) return undefined;
  const about = { name, instanceId, installs };
  const verdict = bootVerdict(consoleOutput ?? '');
  if (verdict.kind === 'failed') return bootFinding(about, verdict.reason);
  if (agent !== null) {
    const silentMs = agent.lastPingAt === undefined ? undefined : now - agent.lastPingAt;
    return { id: 'agent-lost', severity: 'blocking', evidence: { name, instanceId, silentMs }, fixes: [] };
  }
  return now - launchedAt < BOOT_MS ? undefined : agentMissingFinding(about, verdict);
}
