import { describeDuration } from '../../core/duration.ts';
import { access, type ToolError, transport } from '../../core/errors.ts';

/**
 * Denials by AWS, to us or to the agent, at the beginning, in the middle or at the end of a session, as errors of the
 * session.
 */

/** The connection was cut, and IAM denies the call that would resume the session. */
export function resumeDenied(sessionId: string, cause: ToolError): ToolError {
  const action = 'ssm:ResumeSession';
  return access(
    'resume-denied',
    `the connection was cut and cannot be resumed, so the session and what ran in it are lost: ${cause.message}`,
    {
      details: { sessionId, action },
      cause,
    },
  );
}

/** The session, and what runs in it, continues in the account until its idle limit. */
export function sessionNotEnded(sessionId: string, cause: ToolError): ToolError {
  const action = 'ssm:TerminateSession';
  return access('session-not-ended', `session ${sessionId} stays open: ${cause.message}`, {
    details: { sessionId, action },
    cause,
  });
}

/** The error for an agent that sends nothing after the WebSocket was opened. */
export const agentSilent = (target: string, afterMs: number): ToolError =>
  transport('agent-silent', `the agent sent nothing within ${describeDuration(afterMs)}`, {
    details: { target },
  });

/** Denials are recognized by their text, because an agent sends no codes: amazon-ssm-agent, agent/session. */
const AGENT_DENIED =
  /User: (?:\S*?:assumed-role\/)?(\S+?)(?:\/\S*)? is not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)/;
const CLIENT_DENIED = 'failed on client';
const NO_DATA_CHANNEL = 'failed to open datachannel with error';
const BUCKET_UNSEEN = /unable to validate encryption on Amazon S3 bucket\. Error: AccessDenied/;
const GROUP_UNSEEN = 'encryption is not set up on the selected CloudWatch Logs log group';

/**
 * What the agent's own role is not allowed to do, from the service's text at the end of a session: `agent-denied`, or
 * `session-log-unverified` when that is one of two possible reasons. Undefined for every other end.
 */
export function agentRefusal(output: string, target: string): ToolError | undefined {
  const refusal = output.replace(/\s+/g, ' ').trim();
  const ofTask = target.startsWith('ecs:');
  const whose = ofTask ? "the task's role" : "the bastion's role";
  if (refusal.includes(GROUP_UNSEEN))
    return transport('session-log-unverified', `the session was refused: ${refusal.replace(/\.$/, '')}`, {
      details: { action: 'logs:DescribeLogGroups', target },
    });
  const named = refusal.includes(CLIENT_DENIED) ? null : AGENT_DENIED.exec(refusal);
  const action =
    named?.[2] ??
    (BUCKET_UNSEEN.test(refusal) ? 's3:GetEncryptionConfiguration' : undefined) ??
    (refusal.includes(NO_DATA_CHANNEL) ? 'ssmmessages:OpenDataChannel' : undefined);
  if (action === undefined) return undefined;
  const role = named?.[1];
  const who = role === undefined ? whose : `${whose} ${role}`;
  return access('agent-denied', `the agent was refused: ${who} may not call ${action}`, {
    details: { action, role, target, reason: refusal, agent: ofTask ? 'task' : 'bastion' },
  });
}
