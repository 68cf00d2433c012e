import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findingIds } from '../src/diagnose/sentences.ts';

/** docs/doctor.md: each cause of its tables names findings that exist, and the test whose world shows them. */

const FINDING_IDS = findingIds();
const ROOT = resolve(import.meta.dirname, '..');
const PAGE = readFileSync(join(ROOT, 'docs/doctor.md'), 'utf8');

interface Row {
  readonly cells: readonly string[];
  readonly text: string;
}
/** The rows of the table whose head begins with this cell. */
function tableOf(head: string): readonly Row[] {
  const lines = PAGE.slice(PAGE.indexOf(`\n| ${head} |`) + 1).split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(2, end).map((text) => ({
    text,
    cells: text
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  }));
}
/** Code in a cell that has the form of an id. */
const idsIn = (cell: string): readonly string[] =>
  [...cell.matchAll(/`([a-z]+(?:-[a-z0-9]+)+)`/g)].map((match) => match[1] ?? '');

const CAUSES = tableOf('Cause');
const BESIDES = tableOf('What | Cause');
const AWS = tableOf("AWS's error or advice");

describe.each([
  ['causes', CAUSES, 3],
  ["AWS's pages", AWS, 1],
  ['what is found besides', BESIDES, 2],
])('the table of %s', (_title, rows, column) => {
  it('has rows', () => {
    expect(rows.length).toBeGreaterThan(7);
  });

  it.each(rows.map(({ cells, text }) => [cells.slice(0, column).join(' '), cells, text] as const))(
    '%s',
    (_cause, cells) => {
      const found = idsIn(cells[column] ?? '');
      expect(found.filter((id) => !FINDING_IDS.some((each) => each === id))).toEqual([]);
      const fixtures = [...(cells[column + 1] ?? '').matchAll(/`([a-z-]+)`/g)].map((match) => match[1] ?? '');
      // A row without a finding says in its own words why there is none.
      expect(fixtures.length > 0).toBe(found.length > 0);
      const files = fixtures.map((name) => join(ROOT, 'test/contract/doctor', `${name}.test.ts`));
      expect(files.filter((file) => !existsSync(file))).toEqual([]);
      const texts = files.map((file) => readFileSync(file, 'utf8'));
      expect(found.filter((id) => !texts.some((text) => text.includes(`'${id}'`)))).toEqual([]);
    },
  );
});

it('names every finding that doctor can report', () => {
  // Of `up` and `policy --check`, which have pages of their own.
  const elsewhere: ReadonlySet<string> = new Set([
    'role-untrusted',
    'service-not-trusted',
    'trust-undecided',
    'action-not-denied',
    'denial-undecided',
    'action-not-answered',
    'subnet-full',
    'endpoint-refuses',
    'endpoint-other-family',
    'no-way-out-ipv4',
    'no-way-out-ipv6',
    'nat64-needed',
    'way-out-assumed',
    'database-closed',
    'client-group-elsewhere',
    'client-group-closed',
    'instance-ended',
  ]);
  expect(FINDING_IDS.filter((id) => !elsewhere.has(id) && !PAGE.includes(`\`${id}\``))).toEqual([]);
});
