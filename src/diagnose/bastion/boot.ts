import type { BootDiagnosis, BootingBastion, BootVerdict } from '../../provision/ports/boot-diagnosis.ts';
import type { Instance } from '../../provision/ports/ec2.ts';
import { errorOf } from '../errors.ts';
import type { FindingOf } from '../finding.ts';
import { roleUntrusted } from '../iam/ec2-trust.ts';

/**
 * Determines why a launched bastion cannot be used, from its console output, its state and the state of its agent.
 * Pure.
 */

/** How far the boot script has come, from the console output of the instance; a failure outweighs everything else. */
export function bootVerdict(consoleOutput: string): BootVerdict {
  const lines = [...consoleOutput.matchAll(/fargate-connect: ([^\r\n]*)/g)].map((match) => match[1] ?? '');
  const failure = lines.findLast((line) => line.startsWith('FAILED'));
  if (failure !== undefined) return { kind: 'failed', reason: failure.replace(/^FAILED ?/, '') };
  if (lines.includes('ready')) return { kind: 'ready' };
  return { kind: 'running', last: lines.at(-1) };
}

/** The line in which userdata/bastion.sh reports a refusal that it found in the agent's log. */
const AGENT_REFUSED = /^agent refused: .*not authorized to perform: ([a-z-]+:[A-Za-z]+)/;
/**
 * The line when the instance metadata holds AssumeRoleUnauthorizedAccess in place of credentials (AWS: troubleshooting
 * IAM and EC2).
 */
const ROLE_UNTRUSTED = /^agent refused: EC2 cannot assume the role (\S+)/;

/** `reason` is what the boot script reported. */
export function bootFinding(
  bastion: BootingBastion,
  reason: string,
): FindingOf<'agent-denied'> | FindingOf<'boot-failed'> | FindingOf<'role-untrusted'> {
  const { instanceId, name } = bastion;
  const action = AGENT_REFUSED.exec(reason)?.[1];
  if (action !== undefined) return agentDenied(bastion, action, reason);
  const untrusted = ROLE_UNTRUSTED.exec(reason)?.[1];
  if (untrusted !== undefined) return roleUntrusted(untrusted, { of: 'launched', name });
  return { id: 'boot-failed', severity: 'blocking', evidence: { instanceId, name, reason }, fixes: [] };
}

function agentDenied(
  { instanceId, installs, name, role: known }: BootingBastion,
  action: string,
  reason: string,
): FindingOf<'agent-denied'> {
  const role = /assumed-role\/([^/ ]+)/.exec(reason)?.[1] ?? known;
  const agent = installs ? 'bastion' : 'bastion-tunnel-only';
  const evidence = { instanceId, action, role, reason, agent, name } as const;
  const fixes: FindingOf<'agent-denied'>['fixes'] =
    role === undefined
      ? []
      : [
          [
            {
              kind: 'allow-actions',
              principal: role,
              policy: 'identity',
              statement: undefined,
              actions: [action],
              resources: ['*'],
              when: [],
            },
          ],
        ];
  return { id: 'agent-denied', severity: 'blocking', evidence, fixes };
}

const endedFinding = ({
  id: instanceId,
  state,
  stateReason: reason,
  stateMessage: message,
}: Instance): FindingOf<'instance-ended'> => ({
  id: 'instance-ended',
  severity: 'blocking',
  evidence: { instanceId, state, reason, message },
  fixes: [],
});

/**
 * The finding for an agent that does not come online without a known reason: the tool can read neither its log nor its
 * network.
 */
export const agentMissingFinding = (
  { instanceId, name, networkReason: network }: BootingBastion,
  verdict: BootVerdict,
): FindingOf<'agent-not-online'> => ({
  id: 'agent-not-online',
  severity: 'could-not-tell',
  evidence: {
    instanceId,
    name,
    bootDone: verdict.kind === 'ready',
    bootLine: verdict.kind === 'running' ? verdict.last : undefined,
    network,
  },
  fixes: [],
});

/** The findings of this module as errors, in the form that `provision/bastion/readiness.ts` takes. */
export const bootDiagnosis: BootDiagnosis = {
  verdictOf: bootVerdict,
  bootFailed: (bastion, reason) => errorOf(bootFinding(bastion, reason)),
  ended: (instance) => errorOf(endedFinding(instance)),
  agentMissing: (bastion, verdict) => errorOf(agentMissingFinding(bastion, verdict)),
};
