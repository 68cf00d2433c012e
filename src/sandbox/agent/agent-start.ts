import { formatArn } from '../../core/arn.ts';
import type { AgentLogLine } from '../contracts.ts';
import { type AgentRole, channelResource, gatewayRefusal } from './agent-role.ts';

/**
 * How the SSM agent of an instance starts, up to its control channel: the AWS calls it makes and the lines it logs.
 */

export interface AgentStartOptions {
  /** The role of the instance profile. */
  readonly role: AgentRole;
  /** The name of the profile's role, if EC2 may not assume it. */
  readonly untrustedRole?: string | undefined;
  readonly instanceId: string;
  readonly region: string;
  readonly accountId: string;
  /** Whether the subnet and the security group let the agent reach Session Manager. */
  readonly reachesSessionManager: boolean;
}

export interface AgentStart {
  /** The agent reported itself: DescribeInstanceInformation shows it as online. */
  readonly isOnline: boolean;
  readonly hasControlChannel: boolean;
  readonly log: readonly AgentLogLine[];
}

const ROLE_CREDENTIALS =
  'EC2RoleProvider Failed to connect to Systems Manager with instance profile role credentials. ' +
  'Err: retrieved credentials failed to report to ssm.';
const SLEEPS = 'Sleeping for 26m42s before retrying retrieve credentials';
const GATEWAY = '[ssm-agent-worker] [MessageService] [MGSInteractor]';

/**
 * The texts are those of the agent's source and of logs that users published (amazon-ssm-agent 3.2, issues 120, 543,
 * 544).
 */
export function startInstanceAgent(options: AgentStartOptions): AgentStart {
  const { role, instanceId, region, accountId } = options;
  const begin: AgentLogLine = {
    level: 'INFO',
    text: '[CredentialRefresher] credentialRefresher has started',
  };
  const asleep = (reason: string): AgentStart => ({
    isOnline: false,
    hasControlChannel: false,
    log: [
      begin,
      { level: 'WARN', text: `${ROLE_CREDENTIALS} Error: ${reason}` },
      {
        level: 'ERROR',
        text: `[CredentialRefresher] Retrieve credentials produced error: ${noDefault(accountId)}`,
      },
      { level: 'INFO', text: `[CredentialRefresher] ${SLEEPS}` },
    ],
  });
  if (!options.reachesSessionManager) return asleep('RequestError: send request failed');
  if (options.untrustedRole !== undefined) return asleep(cannotAssume(options.untrustedRole));
  if (!role.exists) return asleep('EC2RoleRequestError: no EC2 instance role found');
  const instanceArn = formatArn({
    service: 'ec2',
    region,
    account: accountId,
    resource: `instance/${instanceId}`,
  });
  const unreported = role.refusal('ssm:UpdateInstanceInformation', instanceArn);
  if (unreported !== undefined) return asleep(`AccessDeniedException: ${unreported}\n\tstatus code: 400`);

  const ready: AgentLogLine = { level: 'INFO', text: '[CredentialRefresher] Credentials ready' };
  const online = (hasControlChannel: boolean, ...log: readonly AgentLogLine[]): AgentStart => ({
    isOnline: true,
    hasControlChannel,
    log: [begin, ready, ...log],
  });
  const uncreated = role.refusal('ssmmessages:CreateControlChannel', channelResource(region, accountId));
  if (uncreated !== undefined)
    return online(false, {
      level: 'ERROR',
      text: `${GATEWAY} Failed to get controlchannel token, error: CreateControlChannel failed with error: createControlChannel request failed: ${gatewayRefusal(uncreated)}`,
    });
  const opening: AgentLogLine = {
    level: 'INFO',
    text: `${GATEWAY} Opening websocket connection to: wss://ssmmessages.${region}.amazonaws.com/v1/control-channel/${instanceId}?role=subscribe&stream=input`,
  };
  // The agent does not show the body of a refused upgrade: its log holds the status and not the action that was
  // refused.
  if (role.refusal('ssmmessages:OpenControlChannel', channelResource(region, accountId)) !== undefined)
    return online(false, opening, {
      level: 'WARN',
      text: `${GATEWAY} Failed to dial websocket, status: 403 Forbidden, err: websocket: bad handshake`,
    });
  return online(true, opening, { level: 'INFO', text: `${GATEWAY} Set up control channel successfully` });
}

/** What the metadata service answers in place of credentials, in the form in which the agent's SDK reports it. */
const cannotAssume = (roleName: string): string =>
  `AssumeRoleUnauthorizedAccess: EC2 cannot assume the role ${roleName}.  Please see documentation at ` +
  'https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html#troubleshoot_iam-ec2_errors-info-doc.';

/** The error of Default Host Management, which the agent tries when its own role fails. */
const noDefault = (accountId: string): string =>
  'no valid credentials could be retrieved for ec2 identity. Default Host Management Err: error calling ' +
  "RequestManagedInstanceRoleToken: AccessDeniedException: Systems Manager's instance management role is not " +
  `configured for account: ${accountId}`;
