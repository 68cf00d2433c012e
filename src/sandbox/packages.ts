import { createRequire } from 'node:module';

/** The packages that the sandbox loads from node_modules: native code and WebAssembly cannot be bundled. */
const SANDBOX_PACKAGES = ['@electric-sql/pglite', '@lydell/node-pty'] as const;

export interface MissingPackage {
  readonly name: string;
  /**
   * Why the package cannot be used although it is installed, for example because it has no build for this platform.
   */
  readonly reason: string | undefined;
}

/** Returns the packages that cannot be used; empty where the sandbox can run. */
export async function missingPackages(): Promise<readonly MissingPackage[]> {
  const { resolve } = createRequire(import.meta.url);
  const missing: MissingPackage[] = [];
  for (const name of SANDBOX_PACKAGES) {
    try {
      resolve(name);
    } catch {
      missing.push({ name, reason: undefined });
    }
  }
  if (missing.every(({ name }) => name !== '@lydell/node-pty')) {
    // The native part of node-pty is a separate package for each platform, which can be missing on its own.
    await import('@lydell/node-pty').catch((error: unknown) => {
      missing.push({
        name: '@lydell/node-pty',
        reason: error instanceof Error ? error.message : String(error),
      });
    });
  }
  return missing;
}
