import type { Instance } from '../../provision/ports/ec2.ts';
import type { GroupRule, SecurityGroup } from '../../provision/ports/network.ts';
import type { FindingOf } from '../finding.ts';
import { listOf, statementsOf } from '../iam/grants.ts';
import { policyDifference } from '../iam/policy-difference.ts';

/**
 * Recognizes bastions that other tools have made, such as one of Terraform with a spot request, port 22 and a wide role.
 * Pure.
 */

const SSH = 22;

/** An instance into which one can log in by SSH, and which has rights of its own. */
export interface Candidate {
  readonly instance: Instance;
  readonly sshFrom: readonly string[];
}

/** Instances with a profile and a security group that admits port 22 from a range. `instances` are not those of this tool. */
export function candidatesOf(
  instances: readonly Instance[],
  groups: readonly SecurityGroup[],
): readonly Candidate[] {
  return instances.filter(hasRights).flatMap((instance) => {
    const rules = groups.filter(({ id }) => instance.groupIds.includes(id)).flatMap(({ ingress }) => ingress);
    const sshFrom = [...new Set(rules.filter(admitsSsh).flatMap(({ cidr }) => cidr ?? []))];
    return sshFrom.length === 0 ? [] : [{ instance, sshFrom }];
  });
}

/** Whether it has a role of its own. */
export const hasRights = ({ profileName }: Instance): boolean => profileName !== undefined;

const admitsSsh = ({ fromPort, protocol, toPort }: GroupRule): boolean =>
  protocol === '-1' ||
  (protocol === 'tcp' && fromPort !== undefined && toPort !== undefined && fromPort <= SSH && SSH <= toPort);

/**
 * Undefined for a machine that nothing shows to be a bastion: its spot request is not persistent, and its role starts no
 * sessions, or may not be read. `policies` are those of its role, `ours` that of the new bastion, as JSON.
 */
export function otherBastion(
  { instance, sshFrom }: Candidate,
  seen: {
    readonly spotRequest: string | undefined;
    readonly role: string | undefined;
    readonly policies: readonly string[] | undefined;
  },
  ours: string | undefined,
): FindingOf<'other-bastion'> | undefined {
  const { policies, role, spotRequest } = seen;
  if (spotRequest === undefined && policies?.some(startsSessions) !== true) return undefined;
  return {
    id: 'other-bastion',
    severity: 'warning',
    evidence: {
      instanceId: instance.id,
      instanceName: instance.tags['Name'],
      sshFrom,
      spotRequest,
      role,
      allowsBesides: policies === undefined || ours === undefined ? undefined : besides(policies, ours),
    },
    fixes: [],
  };
}

const besides = (theirs: readonly string[], ours: string): readonly string[] => [
  ...new Set(policyDifference(theirs, [ours]).onlyLeft.flatMap(({ actions }) => actions)),
];

const SESSIONS: ReadonlySet<string> = new Set([
  '*',
  'ecs:*',
  'ecs:ExecuteCommand',
  'ssm:*',
  'ssm:StartSession',
]);
const startsSessions = (policy: string): boolean =>
  statementsOf(policy).some(
    ({ Action, Effect }) => Effect === 'Allow' && listOf(Action).some((action) => SESSIONS.has(action)),
  );
