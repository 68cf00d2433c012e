import type { Metafile } from 'esbuild';
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { startOutputs, staticOutputs } from '../../scripts/bundle-checks.ts';
import { COMPLETION_OUTPUT } from '../../scripts/completion-bundle.ts';
import { ENTRY } from '../support/cli-process.ts';

const metafileOfBuild = (): Metafile =>
  JSON.parse(readFileSync(join(dirname(ENTRY), 'meta.json'), 'utf8')) as Metafile;

it('the entry chunk loads neither the sandbox nor an AWS client nor a prompt library', () => {
  const metafile = metafileOfBuild();
  const inputs = startOutputs(metafile, relative(process.cwd(), ENTRY)).flatMap((output) =>
    Object.keys(metafile.outputs[output]?.inputs ?? {}),
  );
  expect(inputs.length).toBeGreaterThan(5);
  const heavy = /^src\/sandbox\/|node_modules\/(@aws-sdk|@smithy|inquirer|execa|ws|yaml)\//;
  expect(inputs.filter((input) => heavy.test(input))).toEqual([]);
});

it('a completion loads the entry alone, and no package and no command', () => {
  const metafile = metafileOfBuild();
  const main = relative(process.cwd(), ENTRY);
  expect(staticOutputs(metafile, main)).toEqual([main]);
  const completion = join(dirname(main), COMPLETION_OUTPUT);
  const inputs = staticOutputs(metafile, completion).flatMap((output) =>
    Object.keys(metafile.outputs[output]?.inputs ?? {}),
  );
  expect(inputs).toContain('src/cli/program-table.ts');
  expect(
    inputs.filter((input) => /node_modules\/|^src\/(aws|ui|cli\/(commands|program\.))/.test(input)),
  ).toEqual([]);
  // A dynamic import of the command tree would stand where the finished table is missing.
  const all = Object.entries(metafile.outputs)
    .filter(([output]) => dirname(output) === dirname(completion))
    .flatMap(([, { inputs: modules }]) => Object.keys(modules));
  expect(all).toContain('src/config/yaml-config.ts');
  expect(
    all.filter((input) => /node_modules\/(commander|@aws-sdk)\/|^src\/cli\/program\.ts/.test(input)),
  ).toEqual([]);
});
