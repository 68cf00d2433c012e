import type { Metafile } from 'esbuild';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import satisfies from 'spdx-satisfies';

/** Licences that allow the bundle to be given away under ours, as long as their text comes with it. */
const ALLOWED = [
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'Unlicense',
];
/** Its text names nobody, so the copy of one package serves for another. */
const WITHOUT_NAMES = 'Apache-2.0';

/** A package of which the bundle holds code. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** The SPDX expression of package.json; '' where there is none. */
  readonly licence: string;
  /** Licence and NOTICE files; '' where the package has neither these nor a licence section in its README. */
  readonly text: string;
}

/** The packages behind the bundle's code, sorted by name. `root` is the folder to which the metafile's paths are relative. */
export function bundledPackages(metafile: Metafile, root: string): readonly BundledPackage[] {
  const folders = Object.values(metafile.outputs)
    .flatMap((output) => Object.entries(output.inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([input]) => packageFolder(input))
    .filter((folder) => folder !== undefined);
  const packages = [...new Set(folders)].map((folder) => readPackage(join(root, folder)));
  const standard = packages.find((item) => item.licence === WITHOUT_NAMES && item.text !== '')?.text ?? '';
  return packages
    .map((item) => (item.text === '' && item.licence === WITHOUT_NAMES ? { ...item, text: standard } : item))
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : 1));
}

/** `node_modules/a/node_modules/@b/c/lib/d.js` → `node_modules/a/node_modules/@b/c`; undefined for files of ours. */
export function packageFolder(input: string): string | undefined {
  return /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
}

/** One line for each package that may not be given away in the bundle: its licence is not allowed, unreadable, or without text. */
export function refusedPackages(packages: readonly BundledPackage[]): readonly string[] {
  return packages.flatMap(({ name, version, licence, text }) => {
    if (!isAllowed(licence))
      return [`the licence of ${name}@${version} is not allowed: ${licence === '' ? 'none' : licence}`];
    return text.trim() === '' ? [`${name}@${version} comes without the text of its licence`] : [];
  });
}

function isAllowed(licence: string): boolean {
  try {
    return satisfies(licence, ALLOWED);
  } catch {
    // No SPDX expression, for example "SEE LICENSE IN EULA.txt".
    return false;
  }
}

/** The text of THIRD_PARTY_NOTICES: packages with the same licence text stand above one copy of it. */
export function noticesOf(packages: readonly BundledPackage[]): string {
  const byText = new Map<string, BundledPackage[]>();
  for (const item of packages) {
    const key = item.text.replaceAll(/\s+/g, ' ').trim();
    byText.set(key, [...(byText.get(key) ?? []), item]);
  }
  const sections = [...byText.values()].map((items) => {
    const names = items.map(({ name, version, licence }) => `${name} ${version} (${licence})`);
    const text = (items[0]?.text ?? '').replaceAll('\r\n', '\n').trim();
    return `${'-'.repeat(78)}\n${names.join('\n')}\n\n${text}\n`;
  });
  return `fargate-connect contains code of the packages below, under the licences that follow each list.\n\n${sections.join('\n')}`;
}

function readPackage(folder: string): BundledPackage {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly version: string;
    readonly license?: unknown;
  };
  const files = readdirSync(folder).toSorted();
  const texts = files
    .filter((file) => /^(?:licen[cs]e|copying|notice)(?:[.-]|$)/i.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  const readme = files.find((file) => /^readme(?:\.|$)/i.test(file));
  const text =
    texts.length > 0
      ? texts.join('\n')
      : readme === undefined
        ? ''
        : licenceSection(readFileSync(join(folder, readme), 'utf8'));
  return { name, version, licence: typeof license === 'string' ? license : '', text };
}

/** What follows a heading "License" of a README, up to the next heading; '' where that holds no grant of rights. */
export function licenceSection(readme: string): string {
  const section =
    /^#+[ \t]*licen[cs]e[ \t]*\n(?<body>[\s\S]*?)(?=^#|(?![\s\S]))/im.exec(readme)?.groups?.['body'] ?? '';
  return /permission is hereby granted/i.test(section) ? section.trim() : '';
}
