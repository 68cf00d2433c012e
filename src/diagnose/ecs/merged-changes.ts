import type { Finding } from '../finding.ts';
import type { Change, DefinitionChanges } from '../change.ts';

/**
 * One new revision of a task definition and one deployment for all findings together: each finding alone would register
 * a revision that lacks what the others change. Pure.
 */
export function withMergedChanges(findings: readonly Finding[]): readonly Finding[] {
  const changes = findings.flatMap(({ fixes }) => fixes[0] ?? []);
  const registers = changes.filter((change) => change.kind === 'register-task-definition');
  const deployments = changes.filter((change) => change.kind === 'redeploy-service');
  const replaced = (change: Change): Change => {
    if (change.kind === 'register-task-definition') {
      const same = registers.filter(({ taskDefinition }) => taskDefinition === change.taskDefinition);
      return { ...change, changes: mergedDefinition(same.map((each) => each.changes)) };
    }
    if (change.kind !== 'redeploy-service') return change;
    const same = deployments.filter(
      ({ cluster, service }) => cluster === change.cluster && service === change.service,
    );
    // Made from all of them alone, so that it is the same for each finding.
    return Object.assign({}, ...same.map(withoutAbsent)) as typeof change;
  };
  return findings.map((finding): Finding => {
    const [first, ...others] = finding.fixes;
    if (first === undefined) return finding;
    return { ...finding, fixes: [first.map(replaced), ...others] };
  });
}

/** An absent member must not replace that of another deployment. */
const withoutAbsent = (change: Change): Partial<Change> =>
  Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));

function mergedDefinition(all: readonly DefinitionChanges[]): DefinitionChanges {
  const names = [...new Set(all.flatMap(({ containers = [] }) => containers.map(({ name }) => name)))];
  const taskRole = all.find((each) => each.taskRole !== undefined)?.taskRole;
  return {
    ...(taskRole === undefined ? {} : { taskRole }),
    ...(all.some(({ removePidMode }) => removePidMode === true) ? { removePidMode: true } : {}),
    ...(names.length === 0
      ? {}
      : {
          containers: names.map((name) => {
            const own = all.flatMap(({ containers = [] }) => containers.filter((each) => each.name === name));
            const removed = [...new Set(own.flatMap(({ removeVariables = [] }) => removeVariables))];
            return {
              ...Object.assign({}, ...own),
              name,
              ...(removed.length === 0 ? {} : { removeVariables: removed }),
            } as { readonly name: string };
          }),
        }),
  };
}
