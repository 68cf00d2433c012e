import { sleep } from '../../core/clock.ts';
import { failed } from '../../core/errors.ts';
import { type FoundResources, removedDuringUp } from '../bastion/removed-during-up.ts';
import type { Applied } from '../capacity/launch.ts';
import type { ApplyDeps } from './apply-deps.ts';
import { createOrAdopt } from './create-or-adopt.ts';
import type { ExistingLaunchTemplate } from './kinds/launch-template.ts';
import type { ApplyRun, Existing, Ref } from './kinds/resource-kind.ts';
import type { PlanStep, StepOf } from './plan.ts';
import type { UpPlan } from './plan-up.ts';
import { type ExistingOf, type KindName, RESOURCE_KINDS, stepTitle } from './resource-kinds.ts';

/**
 * Carries out a plan, in its order. If a run stops early, `down` can delete what it has created, and a second run
 * adopts it. Throws what the ports throw, `name-taken`, `removed-during-up`, and the launch failures of pool.ts.
 */
export async function applyUp(plan: UpPlan, deps: ApplyDeps): Promise<Applied> {
  const run = new Run(plan.bastion, deps);
  for (const [index, step] of plan.steps.entries()) {
    deps.signal.throwIfAborted();
    if (step.action === 'keep') run.had(step.kind, step.existing);
    else await performInStep(step, `${step.kind}-${index}`, run);
  }
  const { instance } = run.found;
  if (instance === undefined) throw failed('plan-incomplete', 'the plan has no step for an instance');
  return { instanceId: instance.id, market: instance.market, launched: instance.launched };
}

async function performInStep(step: PlanStep, stepId: string, run: Run): Promise<void> {
  const { report } = run.deps;
  const title = stepTitle(step);
  report({ type: 'step-started', step: stepId, title });
  run.stepId = stepId;
  try {
    const existing = await perform(step, run);
    if (step.action !== 'delete') run.had(step.kind, existing);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    report({ type: 'step-failed', step: stepId, title, detail });
    throw (await removedDuringUp(error, run.bastion, run.found, run.deps)) ?? error;
  }
  report({ type: 'step-done', step: stepId, title });
}

/** Resolves with the resource that the step has created, as far as AWS returns its identity. */
async function perform<K extends KindName>(step: StepOf<K>, run: Run): Promise<ExistingOf<K> | undefined> {
  const existing = await callAws(step, run);
  if (RESOURCE_KINDS[step.kind].settles === true) run.wroteIam();
  return existing;
}

async function callAws<K extends KindName>(step: StepOf<K>, run: Run): Promise<ExistingOf<K> | undefined> {
  const kind = RESOURCE_KINDS[step.kind];
  switch (step.action) {
    case 'create':
      return createOrAdopt(kind, step.name, step.input, run);
    case 'update':
      return kind.create(step.input, run);
    case 'replace':
      return kind.replace?.(step.existing, step.input, run);
    case 'delete':
      await kind.removal?.delete(step.existing, run.deps);
      return undefined;
    case 'keep':
      return step.existing;
    default:
      return step satisfies never;
  }
}

class Run implements ApplyRun {
  readonly bastion: string;
  readonly deps: ApplyDeps;
  stepId = '';
  closedRules: ApplyRun['closedRules'] = [];
  /** What this run has created or found so far. */
  readonly found: FoundResources = {};
  #lastIamWrite: number | undefined;

  constructor(bastion: string, deps: ApplyDeps) {
    this.bastion = bastion;
    this.deps = deps;
  }

  had<K extends KindName>(kind: K, existing: FoundResources[K]): void {
    if (existing !== undefined) this.found[kind] = existing;
  }

  resolve<K extends string>(ref: Ref<K>): string {
    if ('value' in ref) return ref.value;
    const existing = new Map<string, Existing | undefined>(Object.entries(this.found)).get(ref.outputOf);
    if (existing !== undefined) return existing.id;
    throw failed('plan-incomplete', `no step of the plan has created or found a ${ref.outputOf}`);
  }

  templateReplaced(existing: ExistingLaunchTemplate): void {
    this.found['launch-template'] = existing;
  }

  wroteIam(): void {
    this.#lastIamWrite = this.deps.clock.now();
  }

  /**
   * The wait is needed because an agent that is denied at its first start waits for half an hour before it tries again.
   */
  async settled(): Promise<void> {
    const { clock, settleMs, report, signal } = this.deps;
    if (this.#lastIamWrite === undefined) return;
    const rest = this.#lastIamWrite + settleMs - clock.now();
    if (rest <= 0) return;
    report({
      type: 'step-progress',
      step: this.stepId,
      detail: 'waiting until IAM has propagated the new role',
    });
    await sleep(clock, rest, signal);
  }
}
