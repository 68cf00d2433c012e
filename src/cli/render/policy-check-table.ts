import { type CheckedPolicy, namesOf, withoutPlace } from '../../app/policy/policy-check.ts';
import type { Point, Verdict } from '../../diagnose/iam/grants.ts';
import { type Column, renderTable } from '../../ui/table.ts';
import type { CommandContext } from '../context.ts';

/** The output of `policy KIND --check PRINCIPAL`, as a table and as JSON. */

/**
 * One action of one statement, with all resources that got the same verdict. `--json` prints these fields, and they are
 * stable.
 */
interface Row extends Pick<Point, 'statement' | 'effect' | 'action' | 'verdict' | 'missingContext'> {
  readonly resources: readonly string[];
  /** Condition keys of the request and their values. */
  readonly when: Readonly<Record<string, readonly string[]>>;
}

function rowsOf(points: readonly Point[]): readonly Row[] {
  const rows = new Map<string, Row>();
  for (const { resource, when, ...point } of points) {
    const entries = Object.fromEntries(when.map(({ key, values }) => [key, values]));
    const key = JSON.stringify([point, entries]);
    const resources = [...(rows.get(key)?.resources ?? []), resource];
    rows.set(key, { ...point, resources, when: entries });
  }
  return [...rows.values()];
}

const WORDS: Readonly<Record<Verdict, string>> = {
  allowed: 'allowed',
  'not-granted': 'not granted',
  'explicitly-denied': 'explicitly denied',
  boundary: 'not in its permissions boundary',
  organization: 'forbidden by a service control policy',
  'not-trusted': 'not trusted',
  denied: 'denied',
  'not-allowed': 'not allowed',
  'not-denied': 'allowed, but is to be denied',
  unproved: 'without a Deny, parts may be allowed',
  'not-answered': 'not answered by IAM',
};

export function writeCheck(checked: CheckedPolicy, context: CommandContext): void {
  const { terminal, settings } = context;
  const { kind, arn, points, wrong, notAsked } = checked;
  if (settings.output === 'json') {
    const result = { kind, principal: arn, complete: wrong.length === 0, points: rowsOf(points), notAsked };
    terminal.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  if (wrong.length > 0) writeTable(rowsOf(wrong), context);
  const held = `${points.length - wrong.length} of ${points.length} points hold for ${arn}`;
  const left =
    notAsked.length === 0
      ? ''
      : `; ${notAsked.length} patterns were not asked, IAM simulates none: ${namesOf(notAsked)}`;
  terminal.stdout.write(`${kind}: ${held}${left}\n`);
}

const COLUMNS: readonly (Column & { readonly cell: (row: Row) => string })[] = [
  { title: 'statement', cell: ({ statement }) => statement },
  { title: 'action', cell: ({ action }) => action },
  { title: 'resources', shrink: true, cell: ({ resources }) => resources.map(withoutPlace).join(' ') },
  {
    title: 'when',
    shrink: true,
    cell: ({ when }) =>
      Object.entries(when)
        .map(([key, values]) => `${key}=${values.map(withoutPlace).join()}`)
        .join(' '),
  },
  {
    title: 'verdict',
    cell: ({ verdict, missingContext }) =>
      WORDS[verdict] + (missingContext.length === 0 ? '' : ` without ${missingContext.join(', ')}`),
  },
];

function writeTable(rows: readonly Row[], { terminal, settings }: CommandContext): void {
  const width = terminal.stdoutIsTty ? terminal.size().columns : undefined;
  const columns = COLUMNS.filter(({ cell }) => rows.some((row) => cell(row) !== ''));
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  terminal.stdout.write(renderTable(columns, cells, { color: settings.color, width }));
}
