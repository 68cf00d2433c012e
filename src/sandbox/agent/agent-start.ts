import { formatArn } from '../../core/arn.ts';
import type { AgentLogLine } from '../contracts.ts';
import { type AgentRole, channelResource, gatewayRefusal } from './agent-role.ts';

/** The SSM agent of an instance from its start to its control channel: what it asks of AWS, and what its log says. */

export interface AgentStartOptions {
  /** That of the instance profile. */
  readonly role: AgentRole;
  /** The profile's role, where EC2 may not assume it. */
  readonly untrustedRole?: string | undefined;
  readonly instanceId: string;
  readonly region: string;
  readonly accountId: string;
  /** Whether the subnet and the security group let it out to Session Manager. */
  readonly reachesSessionManager: boolean;
}

export interface AgentStart {
  /** It reported itself: DescribeInstanceInformation shows it online. */
  readonly isOnline: boolean;
  readonly hasControlChannel: boolean;
  readonly log: readonly AgentLogLine[];
}

const ROLE_CREDENTIALS =
  'EC2RoleProvider Failed to connect to Systems Manager with instance profile role credentials. ' +
  'Err: retrieved credentials failed to report to ssm.';
const SLEEPS = 'Sleeping for 26m42s before retrying retrieve credentials';
const GATEWAY = '[ssm-agent-worker] [MessageService] [MGSInteractor]';

/** The agent's words are those of its source and of its users' logs (amazon-ssm-agent 3.2, issues 120, 543, 544). */
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
  // The upgrade has no body that the agent would show: which action was refused, only its status tells.
  if (role.refusal('ssmmessages:OpenControlChannel', channelResource(region, accountId)) !== undefined)
    return online(false, opening, {
      level: 'WARN',
      text: `${GATEWAY} Failed to dial websocket, status: 403 Forbidden, err: websocket: bad handshake`,
    });
  return online(true, opening, { level: 'INFO', text: `${GATEWAY} Set up control channel successfully` });
}

/** What the metadata service answers instead of credentials, as the SDK of the agent hands it on. */
const cannotAssume = (roleName: string): string =>
  `AssumeRoleUnauthorizedAccess: EC2 cannot assume the role ${roleName}.  Please see documentation at ` +
  'https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html#troubleshoot_iam-ec2_errors-info-doc.';

/** Default Host Management, which the agent tries when its own role fails. */
const noDefault = (accountId: string): string =>
  'no valid credentials could be retrieved for ec2 identity. Default Host Management Err: error calling ' +
  "RequestManagedInstanceRoleToken: AccessDeniedException: Systems Manager's instance management role is not " +
  `configured for account: ${accountId}`;
