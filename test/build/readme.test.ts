import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly files: readonly string[];
};

describe('README.md', () => {
  it('has no relative link, because on a package page relative links lead nowhere', () => {
    const targets = [...README.matchAll(/\]\((?<target>[^)]*)\)/g)].map(
      (match) => match.groups?.['target'] ?? '',
    );
    expect(targets.filter((target) => !/^(?:https:|#)/.test(target))).toEqual([]);
  });

  it('names documents by existing paths, and documents for users by paths in the package', () => {
    const named = [...README.matchAll(/`(?<path>[\w./-]+\.md)`/g)].map(
      (match) => match.groups?.['path'] ?? '',
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(named.filter((path) => path.startsWith('docs/')).length).toBeGreaterThan(3);
    expect(files).toContain('docs');
  });
});
