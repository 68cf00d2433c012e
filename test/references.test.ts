import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const TEXT = /\.(ts|mjs|md|sh|json)$/;

function filesBelow(path: string): string[] {
  const full = join(ROOT, path);
  if (!existsSync(full)) return [];
  if (statSync(full).isFile()) return [path];
  return readdirSync(full, { recursive: true, encoding: 'utf8' })
    .map((name) => `${path}/${name.replaceAll('\\', '/')}`)
    .filter((name) => statSync(join(ROOT, name)).isFile());
}

const files = [
  ...['src', 'test', 'docs', 'userdata', 'policies', 'scripts'].flatMap(filesBelow),
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'].flatMap(filesBelow),
].filter((name) => TEXT.test(name) && name !== 'test/references.test.ts' && !name.includes('/transcripts/'));
const textOf = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

/** The document that a reference names: by its path, or by its name alone for a reference document. */
function documentNamed(named: string): string | undefined {
  return [named, `docs/reference/${named}`, `src/protocol/${named}`].find((path) =>
    existsSync(join(ROOT, path)),
  );
}

function sectionsOf(document: string): ReadonlySet<string> {
  return new Set([...textOf(document).matchAll(/^#+ (\d+(?:\.\d+)*)\.? /gm)].map((match) => match[1] ?? ''));
}

/**
 * Matches a document with one or several sections: `SPEC.md §4`, `docs/reference/iam.md §3, §8`; a section
 * without a document refers to the document that contains it.
 */
const REFERENCE = /(?:(RFC \d+|[\w./-]+\.md)`? )?((?:(?:, | and )?§(?:\d+(?:\.\d+)*)?)+)/g;

function broken(file: string): string[] {
  // A comment may have a line break before the section.
  const text = textOf(file).replaceAll(/\n[ \t]*(?:\*|\/\/|#)?[ \t]*/g, ' ');
  return [...text.matchAll(REFERENCE)].flatMap(([whole, named, list = '']) => {
    if (named?.startsWith('RFC') === true) return [];
    const document = named === undefined ? (file.endsWith('.md') ? file : undefined) : documentNamed(named);
    if (document === undefined) return [`${file}: ${whole}: no such document`];
    const sections = sectionsOf(document);
    return [...list.matchAll(/§(\d+(?:\.\d+)*)?/g)]
      .filter(([, section]) => section === undefined || !sections.has(section))
      .map(([section]) => `${file}: ${basename(document)} has no section ${section}`);
  });
}

describe('references', () => {
  it('lead to a document and a section that exist', () => {
    // These explain the notation itself.
    const except = ['docs/reference/README.md', 'CONTRIBUTING.md'];
    const all = files.filter((file) => !except.includes(file));
    expect(all.flatMap(broken)).toEqual([]);
    expect(all.filter((file) => textOf(file).includes('§')).length).toBeGreaterThan(40);
  });

  it('name no file outside the repository', () => {
    const outside = /\bshared\/(reference|design)|\baws-facts\b|ssm-data-channel\.md|\bdesign §/;
    expect(files.filter((file) => outside.test(textOf(file)))).toEqual([]);
  });

  it('state the AWS page and the date of each fact', () => {
    const facts = files.filter((file) => /^docs\/reference\/(?!README)/.test(file));
    expect(facts.length).toBeGreaterThan(5);
    for (const file of facts) {
      const [head = '', ...sections] = textOf(file).split(/^## /m);
      expect(head, file).toMatch(/Collected \d{4}-\d\d-\d\d/);
      for (const section of sections)
        expect(section, `${file}: ${section.split('\n')[0]}`).toMatch(/^Sources?: /m);
    }
  });
});
