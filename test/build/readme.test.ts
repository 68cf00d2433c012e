import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly files: readonly string[];
};

describe('README.md', () => {
  it('has no relative link: on a package page nothing says what they are relative to', () => {
    const targets = [...README.matchAll(/\]\((?<target>[^)]*)\)/g)].map(
      (match) => match.groups?.['target'] ?? '',
    );
    expect(targets.filter((target) => !/^(?:https:|#)/.test(target))).toEqual([]);
  });

  it('names documents by paths that exist, those for users in the package', () => {
    const named = [...README.matchAll(/`(?<path>[\w./-]+\.md)`/g)].map(
      (match) => match.groups?.['path'] ?? '',
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(named.filter((path) => path.startsWith('docs/')).length).toBeGreaterThan(3);
    expect(files).toContain('docs');
  });
});
