import { type Clock, sleep } from '../../core/clock.ts';
import { textFact } from '../../core/error-facts.ts';
import { failed, ToolError } from '../../core/errors.ts';
import { NOT_YET_VISIBLE } from '../plan/creation.ts';
import { iamNames } from '../roles/iam-names.ts';
import { commonName } from './names.ts';
import type { PlanStep } from '../plan/plan.ts';
import type { Ec2Port } from '../ports/ec2.ts';
import type { IamPort } from '../ports/iam.ts';
import type { BastionSpec } from '../plan/spec.ts';

/**
 * An `up` whose work a `down` removes while it is being done. AWS answers as it does for what is not visible yet, so
 * the patience for that is used up first; then what this run had made or found is looked for once more.
 */

/** Ids of what this run has made or found; undefined or empty = it has not got that far. */
export interface Had {
  /** Steps that are done or needed nothing. */
  readonly steps: readonly PlanStep[];
  readonly groupId: string;
  readonly templateId: string;
}

export interface OvertakenDeps {
  readonly ec2: Ec2Port;
  readonly iam: IamPort;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What was made a moment before a call was refused may only not be visible yet. */
const LOOK_AGAIN_MS = 5_000;

/** The error to throw instead; undefined when nothing is gone or the failure is another one. */
export async function overtaken(
  failure: unknown,
  had: Had,
  spec: BastionSpec,
  deps: OvertakenDeps,
): Promise<ToolError | undefined> {
  if (!(failure instanceof ToolError)) return undefined;
  // A grant that depends on tags or a boundary refuses what is not there, instead of saying so.
  const refused = failure.role === 'access';
  const missed = failure.code === 'not-settled' || NOT_YET_VISIBLE.has(textFact(failure.details, 'awsError'));
  if (!refused && !missed) return undefined;
  const look = (): Promise<readonly string[]> => whatIsGone(had, spec, deps).catch(() => []);
  let gone = await look();
  if (gone.length > 0 && refused) {
    await sleep(deps.clock, LOOK_AGAIN_MS, deps.signal);
    gone = await look();
  }
  return gone.length === 0 ? undefined : removedMeanwhile(spec.name, gone, failure);
}

/** The same for the time after the launch: the instance was ended by a call, and not by EC2 or by itself. */
export function endedByDown(error: unknown, name: string): ToolError | undefined {
  if (!(error instanceof ToolError) || error.code !== 'instance-ended') return undefined;
  return error.details['reason'] === 'Client.UserInitiatedShutdown'
    ? removedMeanwhile(name, [`instance ${textFact(error.details, 'instanceId')}`], error)
    : undefined;
}

/** Code `overtaken`. */
export function removedMeanwhile(name: string, gone: readonly string[], cause?: ToolError): ToolError {
  const named = name === 'default' ? '' : ` --name ${name}`;
  return failed('overtaken', `bastion ${name} was removed while up was at work: ${gone.join(', ')} gone`, {
    hints: [
      `fargate-connect status${named}   # what is there; somebody ran down at the same time`,
      `fargate-connect up${named}   # begins again`,
    ],
    details: { name, gone },
    ...(cause === undefined ? {} : { cause }),
  });
}

async function whatIsGone(
  had: Had,
  spec: BastionSpec,
  { ec2, iam }: Pick<OvertakenDeps, 'ec2' | 'iam'>,
): Promise<readonly string[]> {
  const names = iamNames(spec.name, spec.region, spec.iam);
  const was = (kind: PlanStep['kind']): boolean => had.steps.some((step) => step.kind === kind);
  const ownRole = spec.role.kind === 'own';
  const [role, profile, groups, templates] = await Promise.all([
    ownRole && was('role') ? iam.role(names.role) : undefined,
    ownRole && was('instance-profile') ? iam.instanceProfile(names.profile) : undefined,
    had.groupId === '' ? [] : ec2.securityGroups({ ids: [had.groupId] }),
    had.templateId === '' ? [] : ec2.launchTemplates({ names: [commonName(spec.name)] }),
  ]);
  return [
    ...(ownRole && was('role') && role === undefined ? ['role'] : []),
    ...(ownRole && was('instance-profile') && profile === undefined ? ['instance profile'] : []),
    ...(had.groupId !== '' && groups.length === 0 ? ['security group'] : []),
    ...(had.templateId !== '' && !templates.some((template) => template.id === had.templateId)
      ? ['launch template']
      : []),
  ];
}
