import type { Machine, Principal } from '../contracts.ts';
import type { SeedExecLogging } from '../seed-shapes.ts';

/**
 * What the agent has to do in one session: the session document with its parameters substituted (SPEC.md §4, §13.1).
 */
export type SessionPlan =
  | { readonly type: 'Standard_Stream' }
  | { readonly type: 'InteractiveCommands'; readonly command: string }
  | {
      readonly type: 'NonInteractiveCommands';
      readonly command: string;
      readonly separateOutput: boolean;
      readonly stdOutPrefix: string;
      readonly stdErrPrefix: string;
    }
  | { readonly type: 'Port'; readonly properties: Readonly<Record<string, string>> };

/** What the gateway needs to open a session. */
export interface SessionRequest {
  readonly sessionId: string;
  /** `i-…` or `ecs:<cluster>_<taskId>_<runtimeId>`; the agent's own id, and part of the KMS encryption context. */
  readonly target: string;
  readonly machine: Machine;
  readonly plan: SessionPlan;
  /** The KMS key that encrypts the session; Port sessions are never encrypted. */
  readonly kmsKeyId: string | undefined;
  /** Where the transcript is stored; absent = nowhere. Port sessions have none. */
  readonly logging?: SeedExecLogging;
  /** Role of the machine; its agent uses it for data channels, `kms:Decrypt` and the transcript. */
  readonly roleName: string | undefined;
  readonly documentName: string | undefined;
  readonly reason: string | undefined;
  readonly owner: Principal;
  /** Limits of the session document in ms; undefined = the limits of the account. */
  readonly idleMs?: number;
  readonly maxMs?: number;
}

/** Answer to StartSession, ResumeSession and ExecuteCommand. */
export interface SessionAccess {
  readonly sessionId: string;
  readonly streamUrl: string;
  readonly tokenValue: string;
}

export type SessionStatus = 'Connecting' | 'Connected' | 'Disconnected' | 'Terminated' | 'Failed';

/** What DescribeSessions returns for a session; ended sessions are kept as history. */
export interface SessionRecord {
  readonly sessionId: string;
  readonly target: string;
  readonly documentName: string | undefined;
  readonly reason: string | undefined;
  readonly owner: Principal;
  readonly status: SessionStatus;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number | undefined;
}

/** The sessions of the account, as the SSM and ECS services use them. */
export interface Sessions {
  open(request: SessionRequest): SessionAccess;
  /**
   * Returns a new token and StreamUrl; earlier tokens stop working. `over` for a session that has ended, undefined
   * for one that never existed.
   */
  resume(sessionId: string): SessionAccess | 'over' | undefined;
  /**
   * Sends channel_closed to both sides. Returns false if there never was such a session; ending an ended one has no
   * effect.
   */
  terminate(sessionId: string): boolean;
  /** Ends every session of a machine that is being removed. */
  endTarget(target: string, output: string): void;
  find(sessionId: string): SessionRecord | undefined;
  /** Newest first. */
  records(): readonly SessionRecord[];
}

/**
 * Tags that the service puts on a session, as condition keys: who started it, and on which target
 * (docs/reference/session-manager.md §4).
 */
export function sessionTags(session: {
  readonly owner: Principal;
  readonly target: string;
}): Readonly<Record<string, string>> {
  return {
    'ssm:resourceTag/aws:ssmmessages:session-id': session.owner.userId,
    'ssm:resourceTag/aws:ssmmessages:target-id': session.target,
    'aws:ResourceTag/aws:ssmmessages:session-id': session.owner.userId,
    'aws:ResourceTag/aws:ssmmessages:target-id': session.target,
  };
}
