import { nameOfArn } from '../core/arn.ts';
import type { Change } from './change.ts';
import type { Finding } from './finding.ts';

/**
 * Which changes of a diagnosis `doctor --fix` makes by itself: those that only add something, that carry the name of
 * this tool, and that can be taken back. Pure.
 */

export type AllowActions = Change & { readonly kind: 'allow-actions' };

/** One rule of a security group, for TCP. */
export interface MissingRule {
  readonly kind: 'add-rule';
  readonly direction: 'ingress' | 'egress';
  readonly group: string;
  readonly port: number;
  /** Addresses, address ranges, and ids of security groups. */
  readonly peers: readonly string[];
}

export interface MissingStatement {
  readonly kind: 'attach-statement';
  /** Name of the task role. */
  readonly role: string;
  readonly statement: AllowActions;
}

export type SafeChange = MissingRule | MissingStatement;

/** New tasks with ECS Exec enabled replace the running ones. */
export interface WantedDeployment {
  readonly cluster: string;
  readonly service: string;
}

export interface SafeChanges {
  readonly changes: readonly SafeChange[];
  /** Ids of the findings that `changes` remove, without a deployment or together with it. */
  readonly removes: readonly Finding['id'][];
  /** Undefined if no finding needs a deployment that may be started from here. */
  readonly deployment: WantedDeployment | undefined;
  /** Findings that stop the new tasks as well: a deployment would replace tasks for nothing. */
  readonly stopsNewTasks: readonly Finding[];
}

/** `taskRole` is the ARN of the role that the tasks of the diagnosis have; undefined = there are none. */
export function safeChangesOf(findings: readonly Finding[], taskRole: string | undefined): SafeChanges {
  const judged = findings.map((finding) => ({ finding, fix: safeFixOf(finding, taskRole) }));
  const chosen = judged.flatMap(({ fix }) => fix ?? []);
  const changes = chosen.flatMap((change) => safeChange(change, taskRole) ?? []);
  const deployments = chosen.flatMap((change) => (change.kind === 'redeploy-service' ? change : []));
  const [first] = deployments;
  return {
    changes: [...new Map(changes.map((change) => [JSON.stringify(change), change])).values()],
    removes: judged.flatMap(({ finding, fix }) =>
      fix?.some((change) => safeChange(change, taskRole) !== undefined) === true ? finding.id : [],
    ),
    deployment: first === undefined ? undefined : { cluster: first.cluster, service: first.service },
    stopsNewTasks: judged.flatMap(({ finding, fix }) =>
      fix === undefined && stopsTasks(finding) ? finding : [],
    ),
  };
}

/** The first alternative that has nothing but safe changes and a deployment; undefined if there is none. */
function safeFixOf(finding: Finding, taskRole: string | undefined): readonly Change[] | undefined {
  return finding.fixes.find(
    (fix) =>
      fix.length > 0 &&
      fix.every((change) => isDeployment(change) || safeChange(change, taskRole) !== undefined),
  );
}

/**
 * A deployment of the present task definition. A setting that other findings merged into it (`family`) needs a new
 * revision, which is not made here; without it the deployment is still one that this finding needs.
 */
const isDeployment = (change: Change): boolean =>
  change.kind === 'redeploy-service' &&
  change.controller === undefined &&
  change.platformVersion === undefined;

/** Undefined for every change that is for a person to make. */
function safeChange(change: Change, taskRole: string | undefined): SafeChange | undefined {
  if (change.kind === 'allow-actions') {
    if (taskRole === undefined || change.principal !== taskRole) return undefined;
    if (change.policy !== 'identity' && change.policy !== undefined) return undefined;
    const statement: AllowActions = { ...change, kind: 'allow-actions' };
    return { kind: 'attach-statement', role: nameOfArn(taskRole), statement };
  }
  if (change.kind === 'admit' && change.from !== 'own-group') {
    const { from: peers, group, port } = change;
    return { kind: 'add-rule', direction: 'ingress', group, port, peers };
  }
  if (change.kind === 'allow-out') {
    const { group, port, to: peers } = change;
    return { kind: 'add-rule', direction: 'egress', group, port, peers };
  }
  return undefined;
}

/** A network path that is blocked stops new tasks, too; every other such finding names a deployment among its fixes. */
const stopsTasks = ({ id, severity, fixes }: Finding): boolean =>
  severity === 'blocking' &&
  (id === 'path-blocked' || fixes.some((fix) => fix.some(({ kind }) => kind === 'redeploy-service')));
