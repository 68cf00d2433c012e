import type { Metafile } from 'esbuild';
import { isBuiltin } from 'node:module';

/** Upper limits, a tenth above what was measured when they were set; raising one is a decision for its commit message. */
export const BUDGETS = {
  /** JavaScript that every start loads, `--version` included. */
  startBytes: 250_000,
  /** JavaScript that the completion of a shell loads at each key press, beside the entry. */
  completionBytes: 40_000,
  /** The packed tarball. */
  tarballBytes: 1_450_000,
} as const;

/**
 * The output files that every start loads: the entry, the module that the entry itself imports when the compile cache is
 * on, and what these import statically.
 */
export const startOutputs = (metafile: Metafile, entry: string): readonly string[] =>
  reachedOutputs(metafile, entry, (output, kind) => kind === 'import-statement' || output === entry);

/** An output file and what it imports statically, directly or not. */
export const staticOutputs = (metafile: Metafile, entry: string): readonly string[] =>
  reachedOutputs(metafile, entry, (_, kind) => kind === 'import-statement');

function reachedOutputs(
  metafile: Metafile,
  entry: string,
  follows: (output: string, kind: string) => boolean,
): readonly string[] {
  const reached = new Set<string>();
  const visit = (output: string): void => {
    if (reached.has(output)) return;
    reached.add(output);
    for (const { path, kind } of metafile.outputs[output]?.imports ?? [])
      if (metafile.outputs[path] !== undefined && follows(output, kind)) visit(path);
  };
  visit(entry);
  return [...reached];
}

/** Bytes of these output files. */
export const bytesOf = (metafile: Metafile, outputs: readonly string[]): number =>
  outputs.reduce((sum, output) => sum + (metafile.outputs[output]?.bytes ?? 0), 0);

/** Packages that the bundle would load from a node_modules folder at run time, without those that `allowed` names. */
export function missingPackages(metafile: Metafile, allowed: readonly string[]): readonly string[] {
  const names = Object.values(metafile.outputs)
    .flatMap((output) => output.imports)
    .filter((item) => item.external === true && !isBuiltin(item.path) && !allowed.includes(item.path))
    .map((item) => item.path);
  return [...new Set(names)].toSorted();
}

export const kilobytes = (bytes: number): string => `${Math.ceil(bytes / 1000)} kB`;
