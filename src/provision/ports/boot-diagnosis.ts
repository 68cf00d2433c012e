import type { ToolError } from '../../core/errors.ts';
import type { Instance } from './ec2.ts';

/** The port through which the loop that waits for a booting instance uses diagnose/bastion/boot.ts. Pure. */

export type BootVerdict =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'running'; readonly last: string | undefined };

export interface BootingBastion {
  readonly name: string;
  readonly instanceId: string;
  /** True if the bastion has a cluster, so that its boot script installs `ecs_connect.sh`. */
  readonly installs: boolean;
  /** Name of the role, for messages where AWS does not return it. */
  readonly role?: string;
  /** How the subnets reach AWS; part of the error when the agent does not come online. Absent = not known. */
  readonly networkReason?: string;
}

export interface BootDiagnosis {
  /** Reads the lines `fargate-connect: …` of a console output; the last verdict among them counts. */
  readonly verdictOf: (consoleOutput: string) => BootVerdict;
  /** Returns `agent-denied`, `role-untrusted` or `boot-failed`; `reason` is what the boot script reported. */
  readonly bootFailed: (bastion: BootingBastion, reason: string) => ToolError;
  /** Returns `instance-ended`. */
  readonly ended: (instance: Instance) => ToolError;
  /** Returns `agent-not-online`. */
  readonly agentMissing: (bastion: BootingBastion, verdict: BootVerdict) => ToolError;
}
