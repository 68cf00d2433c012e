import { type FixPlan, type FixResult, type MadeChange, ruleTitle } from '../../app/doctor/fix.ts';
import type { UndoPlan } from '../../app/doctor/undo.ts';
import type { SecurityGroupRule } from '../../provision/ports/network.ts';
import { quoteWord } from '../../core/shell-words.ts';
import { printable } from '../../ui/printable.ts';
import type { CommandLines } from '../advice/command-lines.ts';
import type { CommandContext } from '../context.ts';
import { jsonOf, writeDiagnosis } from './doctor-report.ts';

/** The output of `doctor --fix` and `doctor --undo`. */

/** What the plan would do, one line for each change. */
export function describeFix({ changes, deployment }: FixPlan): readonly string[] {
  return [
    ...changes.map((change) =>
      change.kind === 'attach-statement'
        ? `attach an inline policy to role ${change.role} that allows ${change.statement.actions.join(', ')}`
        : ruleTitle(change),
    ),
    ...(deployment === undefined
      ? []
      : [
          `start a new deployment of ${deployment.service} with ECS Exec enabled: it replaces the running tasks, and what is in their memory and files is lost`,
        ]),
  ];
}

/** Says why a deployment that is needed is not part of the plan. */
export function reportWithheld(
  { stopsNewTasks, withheld }: FixPlan,
  { commandLines, report }: Pick<CommandContext, 'commandLines' | 'report'>,
): void {
  if (withheld === undefined) return;
  const note = (message: string, hints: readonly string[]): void =>
    report({ type: 'note', level: 'warning', code: 'deployment-withheld', message, hints });
  if (withheld === 'not-asked-for')
    note(
      'new tasks are needed, and a deployment replaces the running ones: it is started only with --redeploy',
      [commandLines.again(undefined, '--redeploy')],
    );
  else
    note(
      `no deployment is started: ${[...new Set(stopsNewTasks.map(({ id }) => id))].join(', ')} would stop the new tasks, too`,
      [],
    );
}

export function writeFix(
  { diagnosis, made }: FixResult,
  context: Pick<CommandContext, 'terminal' | 'settings' | 'commandLines' | 'report'>,
): void {
  const { commandLines, report, settings, terminal } = context;
  if (settings.output === 'json') {
    const fixed = made.map((change) => ({
      ...change,
      undo: undoOf(change, diagnosis.subject, commandLines),
    }));
    const result = { ...(jsonOf(diagnosis, commandLines) as object), fixed };
    terminal.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  for (const change of made) {
    terminal.stdout.write(`FIXED ${printable(describeMade(change))}\n`);
    const back = undoOf(change, diagnosis.subject, commandLines);
    if (back !== null) terminal.stdout.write(`  to take it back: ${back}\n`);
  }
  if (made.length === 0)
    report({
      type: 'note',
      level: 'info',
      code: 'nothing-to-fix',
      message:
        diagnosis.findings.length === 0
          ? 'there is nothing to fix'
          : 'no change that only adds something would help: what is listed has to be done by hand',
    });
  writeDiagnosis(diagnosis, context, { allPaths: false });
}

function describeMade(change: MadeChange): string {
  switch (change.kind) {
    case 'attach-statement':
      return `role ${change.role} has the inline policy ${change.policy}, which allows ${change.actions.join(', ')}`;
    case 'add-rule':
      return change.existed
        ? `${change.group} had this rule for TCP port ${change.port} already`
        : `${change.group} has a rule for TCP port ${change.port} ${change.direction === 'ingress' ? 'from' : 'to'} ${change.peers.join(', ')}`;
    case 'deployment':
      return `deployment ${change.deployment} of ${change.service} has ECS Exec enabled, and task ${change.task.slice(0, 8)} can be entered`;
    default:
      return change satisfies never;
  }
}

/** The command that takes the change back; null if nothing was changed. */
function undoOf(
  change: MadeChange,
  { bastion, database, from, service, task, to }: FixResult['diagnosis']['subject'],
  lines: CommandLines,
): string | null {
  if (change.kind === 'deployment')
    return lines.aws(
      `ecs update-service --cluster ${quoteWord(change.cluster)} --service ${quoteWord(change.service)} --disable-execute-command --force-new-deployment`,
      'replaces the tasks again',
    );
  if (change.kind === 'add-rule' && change.existed) return null;
  const words =
    service !== undefined
      ? [service]
      : task !== undefined
        ? ['--task', task]
        : database !== undefined
          ? ['--db', database]
          : bastion !== undefined
            ? ['--bastion', bastion]
            : ['--path', from ?? '', to ?? ''];
  return `${lines.tool('doctor')} ${words.map((word) => quoteWord(word)).join(' ')} --undo`;
}

/** One line for each policy and rule that `doctor --undo` deletes. */
export const describeUndo = ({ policies, rules }: UndoPlan): readonly string[] => [
  ...policies.map(({ name, role }) => `inline policy ${name} of role ${role}`),
  ...rules.map(
    (rule) =>
      `rule ${rule.id} of ${rule.groupId}: TCP port ${rule.fromPort} ${rule.egress ? 'to' : 'from'} ${peerOf(rule)}`,
  ),
];

const peerOf = ({ cidr, sourceGroupId }: SecurityGroupRule): string =>
  sourceGroupId ?? cidr ?? 'a prefix list';

export function writeUndo(
  plan: UndoPlan,
  { report, settings, terminal }: Pick<CommandContext, 'terminal' | 'settings' | 'report'>,
): void {
  const { policies, rules } = plan;
  if (settings.output === 'json') {
    const deleted = {
      policies,
      rules: rules.map(({ egress, fromPort, groupId, id }) => ({
        id,
        group: groupId,
        egress,
        port: fromPort,
      })),
    };
    terminal.stdout.write(`${JSON.stringify({ deleted })}\n`);
    return;
  }
  for (const line of describeUndo(plan)) terminal.stdout.write(`DELETED ${printable(line)}\n`);
  if (policies.length + rules.length === 0)
    report({
      type: 'note',
      level: 'info',
      code: 'nothing-to-undo',
      message: 'doctor --fix has added nothing here that still exists',
    });
}
