import { retry } from '../core/backoff.ts';
import { sha256, hex, utf8 } from '../core/bytes.ts';
import { sleep } from '../core/clock.ts';
import { failed, ToolError } from '../core/errors.ts';
import { type Applied, type LaunchDeps, launchInstance, type LaunchSpec } from './launch.ts';
import { IAM_PATH, iamTags, resourceNames, ROLE_POLICY, TAG, widenedPorts } from './names.ts';
import { egressChanges, type Plan, type PlanStep, wantedEgress } from './plan.ts';
import { overrides } from './pool.ts';
import type { IamPort, LaunchTemplateSpec, Market, Tags } from './ports.ts';
import type { BastionSpec } from './spec.ts';

/** Carries a plan out, in its order. Any prefix of it can be deleted by `down`; a second run adopts what exists. */

export interface ApplyDeps extends LaunchDeps {
  readonly iam: IamPort;
  /** How long new IAM resources rest before a launch uses them. */
  readonly settleMs: number;
}

/** Ids that later steps need. */
interface Progress {
  boundaryArn: string | undefined;
  profileArn: string;
  groupId: string;
  templateId: string;
  lastIamWrite: number | undefined;
  /** The running instance: somebody may be connected, so what others opened stays. */
  instanceId: string | undefined;
  applied: Applied | undefined;
}

const SETTLE_DEADLINE_MS = 60_000;

/** AWS does not see yet what it has just created. */
const NOT_YET_VISIBLE = new Set([
  'NoSuchEntity',
  'NoSuchEntityException',
  'InvalidGroup.NotFound',
  'InvalidLaunchTemplateId.NotFound',
  'InvalidInstanceID.NotFound',
]);

/** Throws what the ports throw, `name-taken`, and the launch failures of pool.ts. */
export async function applyUp(plan: Plan, spec: BastionSpec, deps: ApplyDeps): Promise<Applied> {
  const progress: Progress = {
    boundaryArn:
      spec.role.kind === 'own' && spec.role.boundary.kind === 'existing' ? spec.role.boundary.arn : undefined,
    profileArn: spec.role.kind === 'given' ? spec.role.profileArn : '',
    groupId: '',
    templateId: '',
    lastIamWrite: undefined,
    instanceId: plan.steps.find((step) => step.kind === 'instance' && step.action === 'keep')?.id,
    applied: undefined,
  };
  for (const [index, step] of plan.steps.entries()) {
    deps.signal.throwIfAborted();
    if (step.action === 'keep') {
      adopt(step, progress);
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
      throw error;
    }
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
  const names = resourceNames(spec.name, spec.region);
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
      progress.groupId = await createGroup(spec, names.common, deps);
      break;
    case 'egress':
      await setEgress(spec, progress, deps);
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
      progress.applied = await launchInstance(launchSpec(spec), progress.templateId, deps, stepId, {
        templateFor: async (market) => {
          await ec2.deleteLaunchTemplate(progress.templateId);
          progress.templateId = await createTemplate(spec, progress, market, deps);
          return progress.templateId;
        },
      });
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

/** Repeats while AWS does not see what was made a moment ago. */
function visible<T>(deps: ApplyDeps, work: () => Promise<T>): Promise<T> {
  return retry(work, {
    clock: deps.clock,
    random: deps.random,
    baseMs: 500,
    capMs: 5_000,
    deadlineMs: SETTLE_DEADLINE_MS,
    signal: deps.signal,
    shouldRetry: (error) =>
      error instanceof ToolError && NOT_YET_VISIBLE.has(String(error.details['awsError'])),
  });
}

/** Creates, or adopts what another run made meanwhile if it carries our tag. */
async function createOrAdopt(
  what: string,
  bastion: string,
  create: () => Promise<string>,
  find: () => Promise<{ readonly id: string; readonly tags: Tags } | undefined>,
): Promise<string> {
  try {
    return await create();
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'already-exists') throw error;
    const found = await find();
    if (found?.tags[TAG.bastion] === bastion) return found.id;
    throw failed('name-taken', `${what} exists and is not ours`, {
      hints: ['fargate-connect up --name OTHER   # another name, nothing in the way'],
      details: { name: bastion },
      cause: error,
    });
  }
}

function createBoundary(spec: BastionSpec, name: string, deps: ApplyDeps): Promise<string> {
  const { role } = spec;
  if (role.kind !== 'own' || role.boundary.kind !== 'own') return Promise.resolve('');
  const { document } = role.boundary;
  const arn = role.boundary.arn;
  return createOrAdopt(
    `policy ${name}`,
    spec.name,
    () =>
      deps.iam.createPolicy({
        name,
        path: IAM_PATH,
        description: `fargate-connect: most that bastion ${spec.name} could ever do`,
        document,
        tags: iamTags(spec.tags),
      }),
    async () => {
      const policy = await deps.iam.policy(arn);
      return policy === undefined ? undefined : { id: policy.arn, tags: policy.tags };
    },
  );
}

function createRole(
  spec: BastionSpec,
  name: string,
  boundaryArn: string | undefined,
  deps: ApplyDeps,
): Promise<string> {
  const { role } = spec;
  if (role.kind !== 'own') return Promise.resolve('');
  return createOrAdopt(
    `role ${name}`,
    spec.name,
    () =>
      visible(deps, () =>
        deps.iam.createRole({
          name,
          path: IAM_PATH,
          description: `fargate-connect: bastion ${spec.name} in ${spec.region}`,
          trust: role.trust,
          boundaryArn,
          tags: iamTags(spec.tags),
        }),
      ),
    async () => {
      const found = await deps.iam.role(name);
      return found === undefined ? undefined : { id: found.arn, tags: found.tags };
    },
  );
}

function createProfile(spec: BastionSpec, name: string, deps: ApplyDeps): Promise<string> {
  return createOrAdopt(
    `instance profile ${name}`,
    spec.name,
    () => deps.iam.createInstanceProfile({ name, path: IAM_PATH, tags: iamTags(spec.tags) }),
    async () => {
      const found = await deps.iam.instanceProfile(name);
      return found === undefined ? undefined : { id: found.arn, tags: found.tags };
    },
  );
}

/** Looks first: IAM answers a second role with LimitExceeded, which the SDK takes for throttling and repeats for long. */
async function putRoleIntoProfile(profile: string, role: string, deps: ApplyDeps): Promise<void> {
  const found = await deps.iam.instanceProfile(profile);
  if (found?.roleNames.includes(role) === true) return;
  await visible(deps, () => deps.iam.addRoleToInstanceProfile(profile, role));
}

function createGroup(spec: BastionSpec, name: string, deps: ApplyDeps): Promise<string> {
  const { vpcId } = spec.network;
  return createOrAdopt(
    `security group ${name}`,
    spec.name,
    () =>
      deps.ec2.createSecurityGroup({
        name,
        description: `fargate-connect: bastion ${spec.name}, nothing comes in`,
        vpcId,
        tags: spec.tags,
      }),
    async () => {
      const groups = await deps.ec2.securityGroups({ tag: { key: TAG.bastion, values: [spec.name] } });
      return groups.find((group) => group.name === name && group.vpcId === vpcId);
    },
  );
}

/** Compares with what is there now, because a new group comes with a rule that lets everything out. */
async function setEgress(spec: BastionSpec, progress: Progress, deps: ApplyDeps): Promise<void> {
  const { groupId } = progress;
  // Before the rules: a run that ends in between finds the missing rule again, but would not miss the tag.
  await tellPorts(spec, progress, deps);
  await visible(deps, async () => {
    const [group] = await deps.ec2.securityGroups({ ids: [groupId] });
    if (group === undefined) {
      throw failed('not-settled', `security group ${groupId} is not visible yet`, {
        details: { awsError: 'InvalidGroup.NotFound' },
      });
    }
    const running = progress.instanceId !== undefined;
    let changes = egressChanges(group, wantedEgress(spec), !running);
    // Another up may have launched since the plan was made: what it opened is not closed under its hands.
    if (!running && changes.revoke.some((rule) => rule.protocol !== '-1') && (await othersRun(spec, deps)))
      changes = egressChanges(group, wantedEgress(spec), false);
    await deps.ec2.revokeEgress(groupId, changes.revoke);
    await deps.ec2.authorizeEgress(groupId, changes.add, spec.tags);
  });
}

async function othersRun(spec: BastionSpec, deps: ApplyDeps): Promise<boolean> {
  const tag = { key: TAG.bastion, values: [spec.name] };
  return (await deps.ec2.instances({ tag, states: ['pending', 'running'] })).length > 0;
}

/** Two `up` that ask for different databases share group and instance: what this one asked for is open in the end. */
async function keepOpen(spec: BastionSpec, progress: Progress, deps: ApplyDeps): Promise<void> {
  if (progress.applied?.launched !== true || wantedEgress(spec).length === 1) return;
  progress.instanceId = progress.applied.instanceId;
  await setEgress(spec, progress, deps);
}

/** A running instance says what it can reach, so that a forward need not find out by waiting. */
async function tellPorts(spec: BastionSpec, progress: Progress, deps: ApplyDeps): Promise<void> {
  if (progress.instanceId === undefined) return;
  const [instance] = await deps.ec2.instances({ ids: [progress.instanceId] });
  const ports = widenedPorts(instance?.tags[TAG.ports], spec.tags[TAG.ports]);
  if (ports !== undefined) await deps.ec2.setTags([progress.instanceId], { [TAG.ports]: ports });
}

async function admitAtDatabase(
  step: PlanStep,
  spec: BastionSpec,
  groupId: string,
  deps: ApplyDeps,
): Promise<void> {
  const database = spec.databases.find((candidate) => candidate.id === step.parent);
  if (database === undefined) return;
  await visible(deps, () =>
    deps.ec2.authorizeIngress({
      groupId: database.groupId,
      sourceGroupId: groupId,
      port: database.port,
      description: `fargate-connect: bastion ${spec.name}`,
      tags: spec.tags,
    }),
  );
}

/** What a launch template is made of, as far as it is known before anything was created. */
export function templateDigest(spec: BastionSpec): string {
  const content = {
    region: spec.region,
    cluster: spec.cluster,
    publicIp: spec.network.publicIp,
    images: spec.images,
    clientGroups: spec.clientGroupIds,
    market: spec.market,
    userData: spec.userData,
    role: spec.role.kind,
    version: spec.tags[TAG.version],
  };
  return hex(sha256(utf8(JSON.stringify(content)))).slice(0, 16);
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

function createTemplate(
  spec: BastionSpec,
  progress: Progress,
  market: Market,
  deps: ApplyDeps,
): Promise<string> {
  const name = resourceNames(spec.name, spec.region).common;
  const image = spec.images[0];
  const request: LaunchTemplateSpec = {
    name,
    clientToken: deps.uuid(),
    instanceProfileArn: progress.profileArn,
    securityGroupIds: [progress.groupId, ...spec.clientGroupIds],
    publicIp: spec.network.publicIp,
    userData: spec.userData,
    rootDevice: image?.rootDevice ?? '/dev/xvda',
    volumeGiB: Math.max(...spec.images.map((candidate) => candidate.volumeGiB)),
    market,
    tags: { ...spec.tags, [TAG.digest]: templateDigest(spec), [TAG.group]: progress.groupId },
    instanceTags: spec.tags,
  };
  return createOrAdopt(
    `launch template ${name}`,
    spec.name,
    () => visible(deps, () => deps.ec2.createLaunchTemplate(request)),
    async () => (await deps.ec2.launchTemplates({ names: [name] }))[0],
  );
}

/** An agent that is denied at its first start sleeps for half an hour: what it may do must be known everywhere first. */
async function settle(progress: Progress, deps: ApplyDeps, stepId: string): Promise<void> {
  if (progress.lastIamWrite === undefined) return;
  const rest = progress.lastIamWrite + deps.settleMs - deps.clock.now();
  if (rest <= 0) return;
  deps.report({ type: 'step-progress', step: stepId, detail: 'letting the new role settle' });
  await sleep(deps.clock, rest, deps.signal);
}

const launchSpec = (spec: BastionSpec): LaunchSpec => ({
  name: spec.name,
  market: spec.market,
  pools: overrides(
    spec.types,
    spec.network.subnets.map((subnet) => subnet.id),
    spec.images,
  ),
  zones: new Map(spec.network.subnets.map((subnet) => [subnet.id, subnet.zone])),
  tags: spec.tags,
});
