import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Installation } from '../core/facts/installation.ts';
import { failed } from '../core/errors.ts';
import { packageFolder } from './assets.ts';

/** A package of sandbox/packages.ts that cannot be used. */
export interface MissingPackage {
  readonly name: string;
  /** Undefined = not installed. */
  readonly reason: string | undefined;
}

/**
 * Throws ToolError `sandbox-part-missing` if a package of the sandbox is missing, so that the sandbox does not start.
 */
export function requirePackages(missing: readonly MissingPackage[]): void {
  if (missing.length === 0) return;
  const root = packageFolder();
  const { version, optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly version: string;
    readonly optionalDependencies: Readonly<Record<string, string>>;
  };
  const names = missing.map(({ name, reason }) =>
    reason === undefined ? `${name} (not installed)` : `${name} (${firstLine(reason)})`,
  );
  throw failed(
    'sandbox-part-missing',
    `the sandbox needs packages that it cannot load: ${names.join(', ')}`,
    {
      details: {
        // The oldest version in the range is named without a caret, because a caret has a special meaning in some
        // shells.
        packages: missing.map(({ name }) => `${name}@${(optionalDependencies[name] ?? '').replace('^', '')}`),
        installation: installationOf(root, version, existsSync),
      },
    },
  );
}

/** `root` is the folder with the tool's package.json. */
export function installationOf(
  root: string,
  version: string,
  exists: (path: string) => boolean,
): Installation {
  const parts = root.split(/[/\\]/);
  if (parts.at(-2) !== 'node_modules') {
    const isCheckout = exists(join(root, 'package-lock.json'));
    return { kind: isCheckout ? 'checkout' : 'unpacked', version, folder: root };
  }
  const folder = dirname(dirname(root));
  if (parts.includes('.pnpm')) return { kind: 'pnpm', version, folder };
  if (parts.at(-4) === '_npx') return { kind: 'npx', version, folder };
  // npm keeps a package.json in every folder into which it installs, except with `--global`.
  return { kind: exists(join(folder, 'package.json')) ? 'project' : 'global', version, folder };
}

const firstLine = (text: string): string => text.split('\n')[0] ?? '';
