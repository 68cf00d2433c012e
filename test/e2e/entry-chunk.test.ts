import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ENTRY } from '../support/cli-process.ts';

describe('the built entry chunk', () => {
  it('contains neither the sandbox nor an AWS client nor a prompt library', () => {
    const meta = JSON.parse(readFileSync(join(dirname(ENTRY), 'meta.json'), 'utf8')) as {
      outputs: Record<string, { imports: { path: string; kind: string }[]; inputs: Record<string, unknown> }>;
    };
    const reached = new Set<string>();
    const visit = (output: string): void => {
      if (reached.has(output)) return;
      reached.add(output);
      for (const item of meta.outputs[output]?.imports ?? [])
        if (item.kind === 'import-statement' && meta.outputs[item.path] !== undefined) visit(item.path);
    };
    visit('dist/main.js');
    const inputs = [...reached].flatMap((output) => Object.keys(meta.outputs[output]?.inputs ?? {}));
    expect(inputs.length).toBeGreaterThan(5);
    const heavy = /^src\/sandbox\/|node_modules\/(@aws-sdk|@smithy|inquirer|execa|ws|yaml)\//;
    expect(inputs.filter((input) => heavy.test(input))).toEqual([]);
  });
});
