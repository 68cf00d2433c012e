import type { Metafile } from 'esbuild';
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { startOutputs } from '../../scripts/bundle-checks.ts';
import { ENTRY } from '../support/cli-process.ts';

it('the entry chunk loads neither the sandbox nor an AWS client nor a prompt library', () => {
  const metafile = JSON.parse(readFileSync(join(dirname(ENTRY), 'meta.json'), 'utf8')) as Metafile;
  const inputs = startOutputs(metafile, relative(process.cwd(), ENTRY)).flatMap((output) =>
    Object.keys(metafile.outputs[output]?.inputs ?? {}),
  );
  expect(inputs.length).toBeGreaterThan(5);
  const heavy = /^src\/sandbox\/|node_modules\/(@aws-sdk|@smithy|inquirer|execa|ws|yaml)\//;
  expect(inputs.filter((input) => heavy.test(input))).toEqual([]);
});
