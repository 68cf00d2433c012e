import type { ToolError } from '../../core/errors.ts';
import type { Instance } from './ec2.ts';

/** What diagnose/bastion/boot.ts makes of an instance that boots, handed to the loop that waits for it. Pure. */

export type BootVerdict =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'running'; readonly last: string | undefined };

export interface BootingBastion {
  readonly name: string;
  readonly instanceId: string;
  /** The bastion has a cluster, so that its boot script installs `ecs_connect.sh`. */
  readonly installs: boolean;
  /** Name of its role, for messages where AWS does not name it. */
  readonly role?: string;
  /** How the subnets reach AWS; part of the error when the agent does not come online. */
  readonly networkReason: string;
}

export interface BootDiagnosis {
  /** Reads the lines `fargate-connect: …` of a console output; the last verdict among them counts. */
  readonly verdictOf: (consoleOutput: string) => BootVerdict;
  /** `agent-denied`, `role-untrusted`, `boot-failed`: `reason` is what the boot script reported. */
  readonly bootFailed: (bastion: BootingBastion, reason: string) => ToolError;
  /** `instance-ended`. */
  readonly ended: (instance: Instance) => ToolError;
  /** `agent-not-online`. */
  readonly agentMissing: (bastion: BootingBastion, verdict: BootVerdict) => ToolError;
}
