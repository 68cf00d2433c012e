import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const ITEMS = 50;

/** Item → files with a test whose title names it. */
function itemsInTests(): Map<number, Set<string>> {
  const found = new Map<number, Set<string>>();
  for (const name of readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.test.ts') || name === 'conformance-doc.test.ts') continue;
    for (const match of readFileSync(join(ROOT, 'test', name), 'utf8').matchAll(/'conformance ([\d, ]+):/g))
      for (const item of (match[1] ?? '').split(', ').map(Number))
        found.set(item, (found.get(item) ?? new Set()).add(name));
  }
  return found;
}

/** Item → files that its row names. */
function itemsInTable(): Map<number, Set<string>> {
  const page = readFileSync(join(ROOT, 'docs', 'conformance.md'), 'utf8');
  const rows = [...page.matchAll(/^\| (\d+) \|.*\| ([^|]+) \|$/gm)];
  return new Map(
    rows.map(([, item, files]) => [
      Number(item),
      new Set(
        [...(files ?? '').matchAll(/\[[^\]]+\]\(\.\.\/test\/([^)]+)\)/g)].map((match) => match[1] ?? ''),
      ),
    ]),
  );
}

it('docs/conformance.md has a row for each of the 50 items, and names exactly the files that test it', () => {
  const plain = (map: Map<number, Set<string>>): unknown =>
    Array.from({ length: ITEMS }, (_, i) => [i + 1, [...(map.get(i + 1) ?? [])].sort()]);
  const table = itemsInTable();
  expect([...table.keys()]).toEqual(Array.from({ length: ITEMS }, (_, i) => i + 1));
  expect(plain(table)).toEqual(plain(itemsInTests()));
  expect([...table.values()].every((files) => files.size > 0)).toBe(true);
});
