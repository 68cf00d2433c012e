// Bundles src/ into dist/: one quick entry chunk, everything costly (AWS clients, prompts, sandbox) in chunks loaded on demand.
import { build } from 'esbuild';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';

const packageJson = JSON.parse(await readFile('package.json', 'utf8'));
// Another folder beside dist/, for builds that must not disturb each other.
const out = process.env.FARGATE_CONNECT_DIST ?? 'dist';
await rm(out, { recursive: true, force: true });
const result = await build({
  entryPoints: { main: 'src/main.ts' },
  outdir: out,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  // The ES modules of the SDK, of which only what is imported is kept: half of what its CommonJS files cost at every start.
  mainFields: ['module', 'main'],
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  metafile: true,
  // Native code and WebAssembly stay packages: they load files that lie beside them.
  external: ['@electric-sql/pglite', '@lydell/node-pty'],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  define: { 'process.env.FARGATE_CONNECT_VERSION': JSON.stringify(packageJson.version) },
  logLevel: 'warning',
});
await writeFile(`${out}/meta.json`, JSON.stringify(result.metafile));
await chmod(`${out}/main.js`, 0o755);
