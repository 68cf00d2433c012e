import { access, type ToolError } from '../core/errors.ts';

/** What AWS forbids in the middle of a session or at its end, as errors of the session. */

/** `fargate-connect policy KIND` for a session: its id tells only whether ECS Exec started it. */
const policyHint = (sessionId: string, action: string): string =>
  sessionId.startsWith('ecs-execute-command-')
    ? `fargate-connect policy exec   # grants ${action}`
    : `fargate-connect policy forward   # or shell: grants ${action}`;

/** The connection was cut, and IAM denies what would bring it back. */
export function resumeDenied(sessionId: string, cause: ToolError): ToolError {
  const action = 'ssm:ResumeSession';
  return access('resume-denied', `the connection was cut and cannot be resumed: ${cause.message}`, {
    hints: [policyHint(sessionId, action)],
    details: { sessionId, action },
    cause,
  });
}

/** The session goes on in the account until its idle limit, with whatever runs in it. */
export function sessionNotEnded(sessionId: string, cause: ToolError): ToolError {
  const action = 'ssm:TerminateSession';
  return access('session-not-ended', `session ${sessionId} stays open: ${cause.message}`, {
    hints: [
      `aws ssm terminate-session --session-id ${sessionId}   # by somebody who may`,
      policyHint(sessionId, action),
    ],
    details: { sessionId, action },
    cause,
  });
}
