import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');

/** The codes in the source: the first argument of an error factory of core/errors.ts, or of ProtocolError. */
function codesInSource(): Set<string> {
  // The codes of the parser come from commander (cli/usage-errors.ts passes them on).
  const codes = new Set<string>([
    'interrupted',
    'internal',
    'conflicting-option',
    'excess-arguments',
    'invalid-argument',
    'missing-argument',
    'option-missing-argument',
    'unknown-option',
  ]);
  for (const name of readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name.startsWith('core/errors')) continue;
    const text = readFileSync(join(ROOT, 'src', name), 'utf8');
    for (const match of text.matchAll(
      /\b(?:failed|usage|noMatch|access|leftovers|transport|ProtocolError)\(\s*'([a-z0-9-]+)'/g,
    ))
      codes.add(match[1] ?? '');
    for (const match of text.matchAll(/\bcode: '([a-z0-9]+(?:-[a-z0-9]+)+)', role:/g))
      codes.add(match[1] ?? '');
  }
  return codes;
}

it('docs/errors.md has a heading for every error code, and no heading without a code', () => {
  const page = readFileSync(join(ROOT, 'docs', 'errors.md'), 'utf8');
  const headings = new Set([...page.matchAll(/^## ([a-z0-9-]+)$/gm)].map((match) => match[1] ?? ''));
  const codes = codesInSource();
  expect({
    undocumented: [...codes].filter((code) => !headings.has(code)).sort(),
    unused: [...headings].filter((code) => !codes.has(code)).sort(),
  }).toEqual({ undocumented: [], unused: [] });
});
