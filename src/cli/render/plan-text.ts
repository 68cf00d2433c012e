import { wrapped } from '../../core/paragraph.ts';
import type { Plan, PlanAction } from '../../provision/plan/plan.ts';

/** A plan as text. */

const SIGN: Readonly<Record<PlanAction, string>> = {
  create: '+',
  keep: '=',
  update: '~',
  replace: '±',
  delete: '-',
};

/** If the column of reasons would be narrower than this, a long reason is written below its step instead. */
const MIN_REASON_WIDTH = 36;

/**
 * One aligned line for each step: `+ create  role  NAME  reason`; text that does not fit into `width` continues on the
 * next line, indented. `withReasons` false = only the steps.
 */
export function describePlan(
  plan: Plan,
  width = Number.POSITIVE_INFINITY,
  withReasons = true,
): readonly string[] {
  const kind = Math.max(0, ...plan.steps.map((item) => item.kind.length));
  const name = Math.max(0, ...plan.steps.map((item) => item.name.length));
  const column = 2 + 7 + 2 + kind + 2 + name + 2;
  const below = width - column < MIN_REASON_WIDTH;
  return plan.steps.flatMap((item) => {
    const start = `${SIGN[item.action]} ${item.action.padEnd(7)}  ${item.kind.padEnd(kind)}  ${item.name}`;
    if (!withReasons) return [start.trimEnd()];
    const indent = below && Number.isFinite(width) ? 6 : column;
    if (indent !== column && start.length + 2 + item.reason.length <= width)
      return [`${start}  ${item.reason}`];
    const [first = '', ...rest] = wrapped(item.reason, width - indent);
    const more = rest.map((line) => ' '.repeat(indent) + line);
    return indent === column
      ? [`${start.padEnd(column)}${first}`.trimEnd(), ...more]
      : [start, ...(first === '' ? [] : [' '.repeat(indent) + first]), ...more];
  });
}
