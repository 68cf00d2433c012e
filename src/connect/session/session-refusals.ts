import { describeDuration } from '../../core/duration.ts';
import { access, type ToolError, transport } from '../../core/errors.ts';

/** What AWS forbids, us or the agent, while a session begins, in the middle of it or at its end, as errors of the session. */

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

export const agentSilent = (target: string, afterMs: number): ToolError =>
  transport('agent-silent', `the agent sent nothing within ${describeDuration(afterMs)}`, {
    hints: ['try again; if it stays silent, the task or instance may be out of memory: pick another one'],
    details: { target },
  });

/** Told apart by their words, because an agent has no codes: amazon-ssm-agent, agent/session. */
const AGENT_DENIED =
  /User: (?:\S*?:assumed-role\/)?(\S+?)(?:\/\S*)? is not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)/;
const CLIENT_DENIED = 'failed on client';
const NO_DATA_CHANNEL = 'failed to open datachannel with error';
const BUCKET_UNSEEN = /unable to validate encryption on Amazon S3 bucket\. Error: AccessDenied/;
const GROUP_UNSEEN = 'encryption is not set up on the selected CloudWatch Logs log group';

/**
 * What the agent's own role lacked, from what the service says at the end of a session: `agent-denied`, or
 * `session-log-unverified` where that is one of two reasons. Undefined for every other end.
 */
export function agentRefusal(output: string, target: string): ToolError | undefined {
  const said = output.replace(/\s+/g, ' ').trim();
  const ofTask = target.startsWith('ecs:');
  const whose = ofTask ? "the task's role" : "the bastion's role";
  const policy = (why: string): string =>
    `fargate-connect policy ${ofTask ? 'task-role' : 'bastion'}   # ${why}, for ${whose}`;
  if (said.includes(GROUP_UNSEEN))
    return transport('session-log-unverified', `the session was refused: ${said.replace(/\.$/, '')}`, {
      hints: [
        `a group that has a key passes for one without if ${whose} lacks logs:DescribeLogGroups`,
        policy('with --log-group: grants logs:DescribeLogGroups'),
        'aws logs describe-log-groups   # has it a kmsKeyId',
      ],
      details: { action: 'logs:DescribeLogGroups', target },
    });
  const named = said.includes(CLIENT_DENIED) ? null : AGENT_DENIED.exec(said);
  const action =
    named?.[2] ??
    (BUCKET_UNSEEN.test(said) ? 's3:GetEncryptionConfiguration' : undefined) ??
    (said.includes(NO_DATA_CHANNEL) ? 'ssmmessages:OpenDataChannel' : undefined);
  if (action === undefined) return undefined;
  const role = named?.[1];
  const who = role === undefined ? whose : `${whose} ${role}`;
  return access('agent-denied', `the agent was refused: ${who} may not call ${action}`, {
    hints: [`the agent said: ${said}`, policy(`grants ${action}`)],
    details: { action, role, target },
  });
}
