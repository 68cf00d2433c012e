import type { Plan, PlanAction } from './plan.ts';

/** A plan as lines for people. */

const SIGN: Readonly<Record<PlanAction, string>> = {
  create: '+',
  keep: '=',
  update: '~',
  replace: '±',
  delete: '-',
};

/** Where the column of reasons would be narrower than that, long ones stand below their step instead. */
const NARROWEST_REASON = 36;

/** One aligned line for each step: `+ create  role  NAME  reason`; what does not fit `width` goes on below, indented. */
export function describePlan(plan: Plan, width = Number.POSITIVE_INFINITY): readonly string[] {
  const kind = Math.max(0, ...plan.steps.map((item) => item.kind.length));
  const name = Math.max(0, ...plan.steps.map((item) => item.name.length));
  const column = 2 + 7 + 2 + kind + 2 + name + 2;
  const below = width - column < NARROWEST_REASON;
  return plan.steps.flatMap((item) => {
    const start = `${SIGN[item.action]} ${item.action.padEnd(7)}  ${item.kind.padEnd(kind)}  ${item.name}`;
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

/** A line for people, broken between words where it does not fit; all but the first of the lines are indented. */
export function paragraph(text: string, width: number, indent: number): readonly string[] {
  const margin = /^ */.exec(text)?.[0] ?? '';
  const [first = '', ...rest] = wrapped(text.trimStart(), width - margin.length);
  // What is broken off has less room than the first line: it is put together and broken again.
  const more = rest.length === 0 ? [] : wrapped(rest.join(' '), width - indent);
  return [margin + first, ...more.map((line) => ' '.repeat(indent) + line)];
}

/** Lines of whole words; a word that is longer than a line gets one of its own. */
function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
