import type { PolicyDiff, PolicyDiffRequest } from '../../app/policy/policy-diff.ts';
import type { Grant } from '../../diagnose/iam/policy-difference.ts';
import { printable } from '../../ui/printable.ts';
import type { CommandContext } from '../context.ts';

/** The output of `policy diff`. The fields of the JSON form are stable. */
export function writePolicyDiff(
  { left, right }: PolicyDiffRequest,
  diff: PolicyDiff,
  { report, settings, terminal }: Pick<CommandContext, 'report' | 'settings' | 'terminal'>,
): void {
  const { denials, onlyLeft, onlyRight, unfilled } = diff;
  if (settings.output === 'json') {
    const result = { left, right, equal: isEqual(diff), onlyLeft, onlyRight, denials, unfilled };
    terminal.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  for (const [name, grants] of [
    [left, onlyLeft],
    [right, onlyRight],
  ] as const) {
    if (grants.length === 0) continue;
    terminal.stdout.write(`only ${printable(name)} allows:\n`);
    for (const grant of grants) terminal.stdout.write(`  ${printable(lineOf(grant))}\n`);
  }
  const note = (code: string, message: string): void =>
    report({ type: 'note', level: 'info', code, message });
  if (isEqual(diff)) note('policies-equal', `${left} and ${right} allow the same`);
  if (denials.left + denials.right > 0)
    note(
      'denials-not-compared',
      `statements with Deny are not compared: ${denials.left} in ${left}, ${denials.right} in ${right}`,
    );
  if (unfilled.length > 0)
    note('placeholders-compared', `without a value, and compared as they are: ${unfilled.join(', ')}`);
}

export const isEqual = ({ onlyLeft, onlyRight }: PolicyDiff): boolean =>
  onlyLeft.length + onlyRight.length === 0;

function lineOf({ actions, condition, except, resources }: Grant): string {
  const what = except.length === 0 ? actions.join(', ') : `everything except ${except.join(', ')}`;
  const when = condition === undefined ? '' : `, if ${JSON.stringify(condition)}`;
  return `${what} on ${resources.join(', ')}${when}`;
}
