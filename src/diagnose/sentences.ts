import { parseArn } from '../core/arn.ts';
import { describeDuration } from '../core/duration.ts';
import type { Finding, FindingEvidence, FindingId } from './finding.ts';
import { SUBNET_REASONS } from './network/subnet-reasons.ts';

/** Each finding as one sentence about the facts, without advice. */

/** The finding as a sentence, without the change that removes the cause. */
export const sentenceOf = (finding: Finding): string =>
  // The evidence belongs to the id; the compiler cannot infer that.
  (SENTENCES[finding.id] as (evidence: Finding['evidence']) => string)(finding.evidence);

/** The ids of all findings. */
export const findingIds = (): readonly FindingId[] => Object.keys(SENTENCES) as FindingId[];

const SENTENCES: { readonly [I in FindingId]: (evidence: FindingEvidence[I]) => string } = {
  'agent-denied': ({ instanceId, role, action }) =>
    `the agent of ${instanceId} was refused: its role${role === undefined ? '' : ` ${role}`} may not call ${action}`,
  'agent-not-online': ({ instanceId }) => `the agent of ${instanceId} did not come online in time`,
  'agent-lost': ({ instanceId, silentMs }) =>
    `the agent of ${instanceId} has lost its connection${silentMs === undefined ? '' : ` ${describeDuration(silentMs)} ago`}`,
  'bastion-interrupted': ({ instanceId, replacement }) =>
    `EC2 interrupts ${instanceId} within two minutes: ${replacement === undefined ? 'a running forward replaces it' : `${replacement} takes its place`}`,
  'boot-failed': ({ reason }) => `the bastion's boot script failed: ${reason}`,
  'instance-ended': ({ instanceId, state, reason = 'no reason given', message = '' }) => {
    // EC2's messages repeat the code before a colon.
    const sentence = message.startsWith(reason) ? message : `${reason}: ${message}`;
    const why =
      reason === 'Server.SpotInstanceTermination'
        ? 'EC2 interrupted the spot instance'
        : sentence.replace(/: $/, '');
    return `instance ${instanceId} is ${state}: ${why}`;
  },
  'task-not-running': ({ task, status, mayStart, stoppedReason }) =>
    mayStart
      ? `task ${task} is ${status}, not RUNNING`
      : `task ${task} is ${status.toLowerCase()} and will not come back${because(stoppedReason)}`,
  'container-not-running': ({ container, task, mayStart }) =>
    `container ${container} of task ${task} ${mayStart ? 'has not started yet' : 'has stopped'}`,
  'exec-not-enabled': ({ task, service, serviceEnabled }) => {
    if (service === undefined) return `exec is off in task ${task}, and a running task cannot be switched on`;
    return serviceEnabled === true
      ? `task ${task} was started before exec was switched on in service ${service}`
      : `exec is off in service ${service}`;
  },
  'exec-agent-not-running': ({ container, agent, agentReason, stateAgeMs }) => {
    const age = stateAgeMs === undefined ? '' : ` for ${describeDuration(stateAgeMs)}`;
    return `the exec agent of container ${container} is ${agent}${age}${because(agentReason)}`;
  },
  'role-untrusted': ({ role, action }) =>
    `EC2 may not call ${action} for role ${role}: its trust policy does not let ec2.amazonaws.com`,
  'action-not-granted': about((actions) => `lacks ${actions}`),
  'action-undecided': about((actions) => `may lack ${actions}, which its policies grant under conditions`),
  'action-outside-boundary': about((actions) => `has a permissions boundary without ${actions}`),
  'action-forbidden-by-organization': about(
    (actions) => `is forbidden ${actions} by a service control policy`,
  ),
  'action-explicitly-denied': about((actions) => `is explicitly denied ${actions}`),
  'service-not-trusted': about((actions) => `does not grant ${actions} in its trust policy`),
  'trust-undecided': about(
    (actions) => `may not grant ${actions}, which its trust policy grants under conditions`,
  ),
  'action-not-denied': about((actions) => `may call ${actions}, which the document denies`),
  'denial-undecided': about((actions) => `has no Deny of ${actions}, and may be allowed it in part`),
  'action-not-answered': about((actions) => `got no answer about ${actions}`),
  'subnet-full': ofSubnet('subnet-full'),
  'endpoint-refuses': ofSubnet('endpoint-refuses'),
  'endpoint-other-family': ofSubnet('endpoint-other-family'),
  'no-way-out-ipv4': ofSubnet('no-way-out-ipv4'),
  'no-way-out-ipv6': ofSubnet('no-way-out-ipv6'),
  'nat64-needed': ofSubnet('nat64-needed'),
  'way-out-assumed': ({ subnet, destination, target }) =>
    `${subnet}: ${destination} → ${target}, assumed to lead to the internet`,
  'no-running-task': ({ service, desired, why }) =>
    `service ${service} has no running task (desired count ${desired})${because(why)}`,
  'platform-too-old': ({ task, platformVersion, needed }) =>
    `task ${task} runs on platform version ${platformVersion}, and ECS Exec needs ${needed} or later`,
  'container-agent-not-read': ({ task, launchType }) =>
    `task ${task} has launch type ${launchType}: whether the ECS agent of its instance is 1.50.2 or later was not read`,
  'task-role-missing': ({ taskDefinition }) =>
    `task definition ${taskDefinition} has no task role, so that the exec agent has no credentials`,
  'task-role-gone': ({ taskDefinition, role }) =>
    `task definition ${taskDefinition} names the task role ${role}, which does not exist`,
  'task-role-untrusted': ({ role, service }) =>
    `the trust policy of role ${role} does not let ${service} assume it`,
  'exec-granted-to-execution-role': ({ executionRole, taskRole, actions }) =>
    `${actions.join(', ')} are allowed to the execution role ${executionRole}, and the exec agent uses ${taskRole === undefined ? 'the task role, which is missing' : `the task role ${taskRole}`}`,
  'task-role-is-execution-role': ({ role, taskDefinition }) =>
    `task definition ${taskDefinition} uses role ${role} as task role and as execution role, so that the application has the rights of both`,
  'role-not-readable': ({ principal, actions, denied }) =>
    `whether ${subjectOf(principal)} may call ${actions.join(', ')} could not be found out: ${denied.join(' and ')} are denied to you`,
  'readonly-root-filesystem': ({ container, taskDefinition }) =>
    `container ${container} of ${taskDefinition} has a read-only root file system, on which the exec agent cannot start`,
  'shared-pid-namespace': ({ taskDefinition, pidMode, containers }) =>
    `${taskDefinition} has pidMode ${pidMode}: only one of its containers (${containers.join(', ')}) can be entered`,
  'init-process-off': ({ taskDefinition, containers }) =>
    `${taskDefinition} runs ${containers.join(', ')} without initProcessEnabled: processes of ended sessions stay as zombies`,
  'aws-keys-in-container': ({ container, variables, taskDefinition }) =>
    `container ${container} of ${taskDefinition} sets ${variables.join(', ')}, which the exec agent uses in place of the task role`,
  'environment-file': ({ container, files }) =>
    `container ${container} reads variables from ${files.join(', ')}: the file is not read here, and AWS_ACCESS_KEY_ID in it would take precedence over the task role`,
  'proxy-without-exceptions': ({ container, variables, taskDefinition }) =>
    `container ${container} of ${taskDefinition} sets ${variables.join(', ')} without NO_PROXY: the exec agent then asks the proxy for its credentials`,
  'exec-log-group-missing': ({ cluster, logGroup }) =>
    `cluster ${cluster} logs exec sessions to ${logGroup}, which does not exist`,
  'exec-log-group-unencrypted': ({ cluster, logGroup }) =>
    `cluster ${cluster} demands an encrypted log group, and ${logGroup} has no key`,
  'exec-log-programs': ({ container, programs }) =>
    `exec sessions are logged, and no call shows whether the image of container ${container} has ${programs.join(' and ')}, which that needs`,
  'task-without-ipv4': ({ task, subnet }) =>
    `task ${task} is in ${subnet}, which has IPv6 only: ECS Exec does not work there`,
  'windows-container': ({ task, platformFamily }) =>
    `task ${task} runs on ${platformFamily}: ECS Exec works in Windows containers except Nano Server`,
  'not-allowed-to-read': ({ action, what }) => `${what} could not be found out: ${action} is denied to you`,
  'database-not-available': ({ database, status }) => `database ${database} is ${status}`,
  'database-failing-over': ({ database, status }) =>
    `database ${database} is ${status}: its writer changes, and it refuses connections for a minute or two`,
  'database-storage-full': ({ allocatedGiB, database }) =>
    `the storage of ${database} is full${allocatedGiB === undefined ? '' : ` (${allocatedGiB} GiB)`}: it accepts no connections until it has more`,
  'database-connections-not-read': ({ database }) =>
    `could not tell whether ${database} has connections left: no description shows it, a metric of CloudWatch does (DatabaseConnections), to be compared with max_connections`,
  'credentials-end': ({ endsAt, leftMs }) =>
    `your credentials end ${leftMs <= 0 ? 'now' : `in ${describeDuration(leftMs)}`} (${endsAt}), and with them every new session`,
  'bastion-lease-ends': ({ endsAt, leftMs, name }) =>
    `bastion ${name} terminates itself ${leftMs <= 0 ? 'now' : `in ${describeDuration(leftMs)}`} (${endsAt}), and its sessions end`,
  'bastion-without-profile': ({ instanceId, name }) =>
    `instance ${instanceId} of bastion ${name} has no instance profile, so that its agent has no credentials`,
  'other-bastion': ({ allowsBesides, instanceId, instanceName, role, spotRequest, sshFrom }) => {
    const parts = [
      `admits port 22 from ${sshFrom.join(', ')}`,
      ...(spotRequest === undefined
        ? []
        : [`comes back after its end, because its spot request ${spotRequest} is persistent`]),
      ...(role === undefined || allowsBesides === undefined || allowsBesides.length === 0
        ? []
        : [
            `has the role ${role}, which allows what the role of this bastion does not: ${allowsBesides.join(', ')}`,
          ]),
    ];
    const name = instanceName === undefined ? instanceId : `${instanceName} (${instanceId})`;
    return `another bastion, ${name}, is in this VPC: it ${parts.join('; it ')}`;
  },
  'bastion-leftovers': ({ name, region }) =>
    `resources of bastion ${name} are left in ${region}, and no instance of it runs`,
  'database-certificate-ends': ({ database, ca, endsAt, hasEnded }) =>
    `the certificate of ${database} (${ca}) ${hasEnded ? 'has ended' : 'ends'} on ${endsAt.slice(0, 10)}: clients that verify it ${hasEnded ? 'refuse the connection' : 'then refuse the connection'}`,
  'database-path-not-judged': ({ database }) =>
    `the path to ${database} was not followed: name a service, a bastion, or both ends of the path`,
  'clock-wrong': ({ offsetMs }) =>
    `the clock of this machine differs from AWS's by ${describeDuration(Math.abs(offsetMs))}: AWS refuses requests from 15 minutes on`,
  'plugin-missing': ({ searched }) =>
    `the chosen transport is the session-manager-plugin, which is not in ${searched.join(', ')}: install it, or use the native transport, which needs no plugin`,
  'path-blocked': (path) => `${pathText(path)}: blocked at ${hopText(path)}: ${path.rule}`,
  'path-not-visible': (path) =>
    `${pathText(path)}: ${hopText(path)} cannot be seen from here, because ${path.rule}`,
  'database-closed': ({ database, port }) =>
    `${database} does not admit port ${port} from any group or range of this bastion`,
  'client-group-elsewhere': ({ group, vpc, bastionVpc }) =>
    `${group} belongs to ${vpc}: EC2 refuses it unless it is associated with ${bastionVpc}`,
  'client-group-closed': ({ group }) =>
    `${group} allows no outbound traffic besides port 443, which every bastion has`,
};

function ofSubnet<I extends keyof typeof SUBNET_REASONS>(id: I): (evidence: FindingEvidence[I]) => string {
  return (evidence) => `${evidence.subnet}: ${SUBNET_REASONS[id](evidence)}`;
}

const pathText = ({ from, to, port, family }: FindingEvidence['path-blocked']): string =>
  `${from} → ${to}:${port}${family === 'ipv6' ? ' over IPv6' : ''}`;

const hopText = ({ hop, resource }: FindingEvidence['path-blocked']): string =>
  `${hop.replaceAll('-', ' ')} ${resource}`;

const because = (reason: string | null | undefined): string =>
  reason === undefined || reason === null ? '' : `: ${reason}`;

interface About {
  readonly principal: string;
  readonly actions: readonly string[];
}

/** Such sentences have the same subject, so that `sentenceOfAll` can join several of them. */
function about(predicate: (actions: string) => string): (evidence: About) => string {
  return ({ principal, actions }) => `${subjectOf(principal)} ${predicate(actions.join(', '))}`;
}

/** `role/dev`: partition and account are omitted, because they are nearly always those of the caller. */
const subjectOf = (principal: string): string => parseArn(principal)?.resource ?? principal;

/** The findings about one principal as one sentence. */
export function sentenceOfAll(principal: string, findings: readonly Finding[]): string {
  const subject = `${subjectOf(principal)} `;
  return subject + findings.map((finding) => sentenceOf(finding).replace(subject, '')).join('; ');
}
