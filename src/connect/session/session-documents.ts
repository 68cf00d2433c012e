import { nameOfArn } from '../../core/arn.ts';
import type { StartSessionRequest } from '../ports.ts';

/**
 * AWS's own session documents and their parameters; every value is a list of one string
 * (docs/reference/session-manager.md §1).
 */

const PORT_DOCUMENT = 'AWS-StartPortForwardingSession';
const REMOTE_HOST_DOCUMENT = 'AWS-StartPortForwardingSessionToRemoteHost';
const COMMAND_DOCUMENT = 'AWS-StartNonInteractiveCommand';
const REASON = 'fargate-connect';

/**
 * A port of the target itself, or of a host that the target reaches. Only the official plugin uses `localPort`, because
 * it listens itself.
 */
export function forwardRequest(
  target: string,
  remote: { readonly host: string | undefined; readonly port: number },
  localPort = 0,
): StartSessionRequest {
  const ports = { portNumber: [String(remote.port)], localPortNumber: [String(localPort)] };
  return remote.host === undefined
    ? { target, documentName: PORT_DOCUMENT, parameters: ports, reason: REASON }
    : {
        target,
        documentName: REMOTE_HOST_DOCUMENT,
        parameters: { host: [remote.host], ...ports },
        reason: REASON,
      };
}

/**
 * A port session with a document that contains host and port. Its one parameter matters to the official plugin only,
 * and documents of other authors may lack it.
 */
export const documentRequest = (
  target: string,
  documentName: string,
  localPort = 0,
): StartSessionRequest => ({
  target,
  documentName,
  reason: REASON,
  ...(localPort === 0 ? {} : { parameters: { localPortNumber: [String(localPort)] } }),
});

/** The account's default shell document. */
export const shellRequest = (target: string): StartSessionRequest => ({ target, reason: REASON });

/** A command without a terminal; the agent splits the line by shell rules but runs no shell (SPEC.md §12). */
export const commandRequest = (target: string, line: string): StartSessionRequest => ({
  target,
  documentName: COMMAND_DOCUMENT,
  parameters: { command: [line], separateOutputStream: ['true'] },
  reason: REASON,
});

/** SSM target of a container (docs/reference/ecs-exec.md §3); the cluster's name, not its ARN. */
export const containerTarget = (cluster: string, taskId: string, runtimeId: string): string =>
  `ecs:${nameOfArn(cluster)}_${taskId}_${runtimeId}`;
