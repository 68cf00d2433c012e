/** Bundles src/ into dist/: one quick entry chunk, everything costly (AWS clients, prompts, sandbox) in chunks loaded on demand. */
import { type BuildOptions, type Metafile, build } from 'esbuild';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { absentModules } from './absent-modules.ts';
import {
  BUDGETS,
  bytesOf,
  kilobytes,
  missingPackages,
  startOutputs,
  staticOutputs,
} from './bundle-checks.ts';
import {
  COMPLETION_ENTRY,
  COMPLETION_OUTPUT,
  completionOutside,
  finishedTable,
} from './completion-bundle.ts';
import { bundledPackages, noticesOf, refusedPackages } from './third-party-notices.ts';

/** The sandbox's packages with native code or WebAssembly, which load files that lie beside them. */
const NOT_BUNDLED = ['@electric-sql/pglite', '@lydell/node-pty'];
/** Another folder beside dist/, for builds that must not disturb each other. */
const FOLDER = process.env['FARGATE_CONNECT_DIST'] ?? 'dist';

async function bundle(): Promise<Metafile> {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
  const options = {
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    // The ES modules of the SDK, of which only what is imported is kept: half of what its CommonJS files cost at every start.
    mainFields: ['module', 'main'],
    target: 'node20',
    minify: true,
    // Error codes and the SDK's middleware read the names of classes and functions, and so does a reader of a stack trace.
    keepNames: true,
    // The licence texts are in THIRD_PARTY_NOTICES.txt.
    legalComments: 'none',
    metafile: true,
    external: NOT_BUNDLED,
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    define: {
      'process.env.FARGATE_CONNECT_VERSION': JSON.stringify(version),
      // Otherwise ws and pg look for faster native packages in whatever node_modules they are installed into.
      'process.env.WS_NO_BUFFER_UTIL': '"1"',
      'process.env.WS_NO_UTF_8_VALIDATE': '"1"',
      'process.env.NODE_PG_FORCE_NATIVE': 'undefined',
    },
    logLevel: 'warning',
  } as const satisfies BuildOptions;
  const bundles = await Promise.all([
    build({
      ...options,
      entryPoints: { main: 'src/main.ts' },
      outdir: FOLDER,
      plugins: [absentModules, completionOutside],
    }),
    build({
      ...options,
      entryPoints: [COMPLETION_ENTRY],
      outdir: join(FOLDER, dirname(COMPLETION_OUTPUT)),
      plugins: [absentModules, finishedTable],
      // Its errors are reported by the program, which does the work again.
      keepNames: false,
    }),
  ]);
  const files = bundles.map(({ metafile }) => metafile);
  return {
    inputs: Object.assign({}, ...files.map(({ inputs }) => inputs)) as Metafile['inputs'],
    outputs: Object.assign({}, ...files.map(({ outputs }) => outputs)) as Metafile['outputs'],
  };
}

/** What is wrong with the bundle, a line each; empty when it may be published. */
function complaints(metafile: Metafile, packages: ReturnType<typeof bundledPackages>): readonly string[] {
  const start = startOutputs(metafile, `${FOLDER}/main.js`);
  const bytes = bytesOf(metafile, start);
  const completion = bytesOf(metafile, staticOutputs(metafile, join(FOLDER, COMPLETION_OUTPUT)));
  return [
    ...missingPackages(metafile, [...NOT_BUNDLED, COMPLETION_OUTPUT]).map(
      (name) => `${name} is neither bundled nor a package of ours`,
    ),
    ...refusedPackages(packages),
    ...(bytes > BUDGETS.startBytes
      ? [`every start loads ${kilobytes(bytes)}, the budget is ${kilobytes(BUDGETS.startBytes)}`]
      : []),
    ...(completion > BUDGETS.completionBytes
      ? [`completion loads ${kilobytes(completion)}, the budget is ${kilobytes(BUDGETS.completionBytes)}`]
      : []),
  ];
}

rmSync(FOLDER, { recursive: true, force: true });
const metafile = await bundle();
const packages = bundledPackages(metafile, process.cwd());
const wrong = complaints(metafile, packages);
writeFileSync(join(FOLDER, 'meta.json'), JSON.stringify(metafile));
if (wrong.length > 0) {
  for (const line of wrong) console.error(`build: ${line}`);
  process.exitCode = 1;
} else {
  writeFileSync(join(FOLDER, 'THIRD_PARTY_NOTICES.txt'), noticesOf(packages));
  chmodSync(join(FOLDER, 'main.js'), 0o755);
}
