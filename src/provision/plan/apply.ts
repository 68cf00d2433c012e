import { sleep } from '../../core/clock.ts';
import { failed } from '../../core/errors.ts';
import { type ApplyDeps, visible } from './creation.ts';
import { wantedEgress } from '../network/egress.ts';
import { type Applied, launchInstance, type LaunchSpec } from '../capacity/launch.ts';
import { createTemplate } from '../capacity/launch-template.ts';
import { iamNames } from '../roles/iam-names.ts';
import { commonName, ROLE_POLICY, TAG } from '../bastion/names.ts';
import { overtaken } from '../bastion/overtaken.ts';
import { admitAtDatabase, createGroup, giveBack, setEgress } from '../network/own-group.ts';
import { createBoundary, createProfile, createRole, putRoleIntoProfile } from '../roles/own-role.ts';
import type { Plan, PlanStep } from './plan.ts';
import { overrides } from '../capacity/pool.ts';
import type { GroupRule } from '../ports/network.ts';
import type { BastionSpec } from './spec.ts';

/** Carries a plan out, in its order. Any prefix of it can be deleted by `down`; a second run adopts what exists. */

/** Ids that later steps need. */
interface Progress {
  boundaryArn: string | undefined;
  profileArn: string;
  groupId: string;
  templateId: string;
  /** Made by an earlier run, or by one at the same time. */
  keptTemplate: boolean;
  lastIamWrite: number | undefined;
  /** The running instance: somebody may be connected, so what others opened stays. */
  instanceId: string | undefined;
  applied: Applied | undefined;
  /** What somebody else had opened in our group. */
  closed: readonly GroupRule[];
}

/** Throws what the ports throw, `name-taken`, `overtaken`, and the launch failures of pool.ts. */
export async function applyUp(plan: Plan, spec: BastionSpec, deps: ApplyDeps): Promise<Applied> {
  const progress: Progress = {
    boundaryArn:
      spec.role.kind === 'own' && spec.role.boundary.kind === 'existing' ? spec.role.boundary.arn : undefined,
    profileArn: spec.role.kind === 'given' ? spec.role.profileArn : '',
    groupId: '',
    templateId: '',
    keptTemplate: plan.steps.some((step) => step.kind === 'launch-template' && step.action === 'keep'),
    lastIamWrite: undefined,
    instanceId: plan.steps.find((step) => step.kind === 'instance' && step.action === 'keep')?.id,
    applied: undefined,
    closed: [],
  };
  const had: PlanStep[] = [];
  for (const [index, step] of plan.steps.entries()) {
    deps.signal.throwIfAborted();
    if (step.action === 'keep') {
      adopt(step, progress);
      had.push(step);
      continue;
    }
    const id = `${step.kind}-${index}`;
    const title = titleOf(step);
    deps.report({ type: 'step-started', step: id, title });
    try {
      await applyStep(step, spec, progress, deps, id);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      deps.report({ type: 'step-failed', step: id, title, detail });
      const { groupId, templateId } = progress;
      throw (await overtaken(error, { steps: had, groupId, templateId }, spec, deps)) ?? error;
    }
    had.push(step);
    deps.report({ type: 'step-done', step: id, title });
  }
  if (progress.applied === undefined) throw failed('plan-incomplete', 'the plan held no instance');
  return progress.applied;
}

function titleOf(step: PlanStep): string {
  const verb: Readonly<Record<PlanStep['action'], string>> = {
    create: 'create',
    keep: 'keep',
    update: 'update',
    replace: 'replace',
    delete: 'delete',
  };
  return `${verb[step.action]} ${step.kind.replace('-', ' ')} ${step.name}`;
}

function adopt(step: PlanStep, progress: Progress): void {
  if (step.id === undefined) return;
  if (step.kind === 'boundary') progress.boundaryArn = step.id;
  if (step.kind === 'instance-profile') progress.profileArn = step.id;
  if (step.kind === 'security-group') progress.groupId = step.id;
  if (step.kind === 'launch-template') progress.templateId = step.id;
  if (step.kind === 'instance') progress.applied = { instanceId: step.id, market: 'spot', launched: false };
}

async function applyStep(
  step: PlanStep,
  spec: BastionSpec,
  progress: Progress,
  deps: ApplyDeps,
  stepId: string,
): Promise<void> {
  const { ec2, iam } = deps;
  const names = iamNames(spec.name, spec.region, spec.iam);
  if (step.action === 'delete') {
    await deleteInTheWay(step, deps);
    return;
  }
  switch (step.kind) {
    case 'boundary':
      progress.boundaryArn = await createBoundary(spec, names.boundary, deps);
      break;
    case 'role':
      await createRole(spec, names.role, progress.boundaryArn, deps);
      break;
    case 'role-policy': {
      const { role } = spec;
      if (role.kind === 'own')
        await visible(deps, () => iam.putRolePolicy(names.role, ROLE_POLICY, role.policy));
      break;
    }
    case 'instance-profile':
      progress.profileArn = await createProfile(spec, names.profile, deps);
      break;
    case 'profile-role':
      await putRoleIntoProfile(names.profile, names.role, deps);
      break;
    case 'security-group':
      progress.groupId = await createGroup(spec, commonName(spec.name), deps);
      break;
    case 'egress':
      progress.closed = await setEgress(spec, progress.groupId, progress.instanceId, deps);
      break;
    case 'database-rule':
      await admitAtDatabase(step, spec, progress.groupId, deps);
      break;
    case 'launch-template':
      progress.templateId =
        step.parent === progress.groupId && step.id !== undefined
          ? // The group that seemed to be gone was only not visible yet.
            step.id
          : await replaceTemplate(step, spec, progress, deps);
      break;
    case 'instance': {
      await settle(progress, deps, stepId);
      progress.applied = await launchInstance(
        launchSpec(spec, progress.keptTemplate),
        progress.templateId,
        deps,
        stepId,
        {
          templateFor: async (market) => {
            await ec2.deleteLaunchTemplate(progress.templateId);
            progress.templateId = await createTemplate(spec, progress, market, deps);
            return progress.templateId;
          },
        },
      );
      await keepOpen(spec, progress, deps);
      break;
    }
    case 'lease':
      if (step.id !== undefined)
        await ec2.setTags([step.id], { [TAG.expiresAt]: new Date(spec.expiresAt).toISOString() });
      break;
    case 'fleet':
      break;
    default:
      step.kind satisfies never;
  }
  if (IAM_KINDS.has(step.kind)) progress.lastIamWrite = deps.clock.now();
}

const IAM_KINDS: ReadonlySet<PlanStep['kind']> = new Set([
  'boundary',
  'role',
  'role-policy',
  'instance-profile',
  'profile-role',
]);

async function deleteInTheWay(step: PlanStep, deps: ApplyDeps): Promise<void> {
  if (step.id === undefined) return;
  if (step.kind === 'instance') await deps.ec2.terminateInstances([step.id]);
  if (step.kind === 'database-rule') await deps.ec2.revokeIngress(step.parent ?? '', step.id);
  if (step.kind === 'security-group') await deps.ec2.deleteSecurityGroup(step.id);
}

/** Two `up` that ask for different databases share group and instance: what this one asked for is open in the end. */
async function keepOpen(spec: BastionSpec, progress: Progress, deps: ApplyDeps): Promise<void> {
  const { applied, groupId, closed } = progress;
  if (applied?.launched !== true) return;
  progress.instanceId = applied.instanceId;
  if (closed.length > 0) await giveBack(closed, spec, groupId, applied.instanceId, deps);
  if (wantedEgress(spec).length > 1) await setEgress(spec, groupId, applied.instanceId, deps);
}

async function replaceTemplate(
  step: PlanStep,
  spec: BastionSpec,
  progress: Progress,
  deps: ApplyDeps,
): Promise<string> {
  if (step.action === 'replace' && step.id !== undefined) await deps.ec2.deleteLaunchTemplate(step.id);
  return createTemplate(spec, progress, spec.market, deps);
}

/** An agent that is denied at its first start sleeps for half an hour: what it may do must be known everywhere first. */
async function settle(progress: Progress, deps: ApplyDeps, stepId: string): Promise<void> {
  if (progress.lastIamWrite === undefined) return;
  const rest = progress.lastIamWrite + deps.settleMs - deps.clock.now();
  if (rest <= 0) return;
  deps.report({ type: 'step-progress', step: stepId, detail: 'letting the new role settle' });
  await sleep(deps.clock, rest, deps.signal);
}

const launchSpec = (spec: BastionSpec, mayRepeat: boolean): LaunchSpec => ({
  name: spec.name,
  market: spec.market,
  pools: overrides(
    spec.types,
    spec.network.subnets.map((subnet) => subnet.id),
    spec.images,
  ),
  zones: new Map(spec.network.subnets.map((subnet) => [subnet.id, subnet.zone])),
  tags: spec.tags,
  mayRepeat,
});
