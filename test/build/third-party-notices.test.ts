import type { Metafile } from 'esbuild';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type BundledPackage,
  bundledPackages,
  licenceSection,
  noticesOf,
  packageFolder,
  refusedPackages,
} from '../../scripts/third-party-notices.ts';

const MIT = 'Copyright (c) somebody\n\nPermission is hereby granted, free of charge, …';

const packageWith = (change: Partial<BundledPackage> = {}): BundledPackage => ({
  name: 'a',
  version: '1.0.0',
  licence: 'MIT',
  text: MIT,
  ...change,
});

describe('the allow-list of licences', () => {
  it.each(['MIT', 'ISC', 'Apache-2.0', '0BSD', 'BSD-3-Clause', '(MIT OR GPL-3.0-only)', 'MIT AND ISC'])(
    'accepts %s',
    (licence) => {
      expect(refusedPackages([packageWith({ licence })])).toEqual([]);
    },
  );

  it.each([
    'GPL-3.0-only',
    'AGPL-3.0-or-later',
    'MIT AND GPL-2.0-only',
    'SEE LICENSE IN EULA.txt',
    'UNLICENSED',
    '',
  ])('rejects "%s" and names the package', (licence) => {
    expect(refusedPackages([packageWith(), packageWith({ name: 'b', licence })])).toEqual([
      `the licence of b@1.0.0 is not allowed: ${licence === '' ? 'none' : licence}`,
    ]);
  });

  it('rejects a package whose licence text is missing', () => {
    expect(refusedPackages([packageWith({ text: ' \n' })])).toEqual([
      'a@1.0.0 comes without the text of its licence',
    ]);
  });
});

describe('the packages behind a bundle', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'fc-notices-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function addPackage(folder: string, files: Readonly<Record<string, string>>): void {
    mkdirSync(join(root, folder), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, folder, name), text);
  }

  const manifest = (name: string, license: unknown): string =>
    JSON.stringify({ name, version: '1.2.3', license });

  const metafileOf = (inputs: Readonly<Record<string, number>>): Metafile => ({
    inputs: {},
    outputs: {
      'dist/main.js': {
        bytes: 1,
        imports: [],
        exports: [],
        inputs: Object.fromEntries(
          Object.entries(inputs).map(([path, bytesInOutput]) => [path, { bytesInOutput }]),
        ),
      },
    },
  });

  it('are derived from the files in the bundle, each package once, without unused ones', () => {
    addPackage('node_modules/a', { 'package.json': manifest('a', 'MIT'), 'LICENSE.md': MIT });
    addPackage('node_modules/a/node_modules/@b/c', {
      'package.json': manifest('@b/c', 'ISC'),
      licence: 'ISC text',
    });
    const packages = bundledPackages(
      metafileOf({
        'src/main.ts': 10,
        'node_modules/a/index.js': 10,
        'node_modules/a/lib/more.js': 10,
        'node_modules/a/node_modules/@b/c/index.js': 10,
        'node_modules/unused/index.js': 0,
      }),
      root,
    );
    expect(packages).toEqual([
      { name: '@b/c', version: '1.2.3', licence: 'ISC', text: 'ISC text' },
      { name: 'a', version: '1.2.3', licence: 'MIT', text: MIT },
    ]);
  });

  it('keep their NOTICE beside the licence', () => {
    addPackage('node_modules/a', {
      'package.json': manifest('a', 'Apache-2.0'),
      LICENSE: 'terms',
      NOTICE: 'by A',
    });
    expect(bundledPackages(metafileOf({ 'node_modules/a/i.js': 1 }), root)[0]?.text).toBe('terms\nby A');
  });

  it('without a licence file get the licence section of their README', () => {
    addPackage('node_modules/a', {
      'package.json': manifest('a', 'MIT'),
      'README.md': `# a\n\n## License\n\n${MIT}\n\n## More\n`,
    });
    expect(bundledPackages(metafileOf({ 'node_modules/a/i.js': 1 }), root)[0]?.text).toBe(MIT);
  });

  it('under Apache-2.0 without a file get the text of another package under Apache-2.0', () => {
    addPackage('node_modules/a', { 'package.json': manifest('a', 'Apache-2.0') });
    addPackage('node_modules/b', { 'package.json': manifest('b', 'Apache-2.0'), LICENSE: 'terms' });
    const packages = bundledPackages(
      metafileOf({ 'node_modules/a/i.js': 1, 'node_modules/b/i.js': 1 }),
      root,
    );
    expect(packages.map(({ text }) => text)).toEqual(['terms', 'terms']);
  });

  it('with a licence section that has no text are rejected', () => {
    addPackage('node_modules/a', { 'package.json': manifest('a', { type: 'MIT' }), LICENSE: MIT });
    const packages = bundledPackages(metafileOf({ 'node_modules/a/i.js': 1 }), root);
    expect(refusedPackages(packages)).toEqual(['the licence of a@1.2.3 is not allowed: none']);
  });
});

describe('a licence section', () => {
  it('that only names the licence is not a licence text', () => {
    expect(licenceSection('# a\n\n## License\n\nMIT\n')).toBe('');
  });

  it('may be the end of the README', () => {
    expect(licenceSection(`# a\n\n## LICENSE\n${MIT}`)).toBe(MIT);
  });
});

describe('the notices', () => {
  it('print a text once, below all packages that have it, regardless of line ends', () => {
    const text = noticesOf([
      packageWith(),
      packageWith({ name: 'b', licence: 'ISC', text: 'ISC text' }),
      packageWith({ name: 'c', version: '2.0.0', text: MIT.replaceAll('\n', '\r\n') }),
    ]);
    expect(text).toContain(`a 1.0.0 (MIT)\nc 2.0.0 (MIT)\n\n${MIT}\n`);
    expect(text).toContain('b 1.0.0 (ISC)\n\nISC text\n');
    expect(text.split('Permission is hereby granted')).toHaveLength(2);
  });
});

describe('a path of the bundle', () => {
  it.each([
    ['node_modules/a/lib/b.js', 'node_modules/a'],
    ['node_modules/a/node_modules/@b/c/lib/d.js', 'node_modules/a/node_modules/@b/c'],
    ['../up/node_modules/@b/c/d.js', '../up/node_modules/@b/c'],
    ['src/main.ts', undefined],
  ])('%s belongs to the package in %s', (path, folder) => {
    expect(packageFolder(path)).toBe(folder);
  });
});
