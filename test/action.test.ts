import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

/** The composite action and the workflows of docs/ci.md. GitHub's own validator is not available here. */

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly shell?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, string>>;
}

interface Action {
  readonly name: string;
  readonly description: string;
  readonly inputs: Readonly<Record<string, { readonly description: string; readonly required?: boolean }>>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
}

const action = parse(readFileSync('action.yml', 'utf8'), { strict: true }) as Action;
const [step] = action.runs.steps;

describe('action.yml', () => {
  test('is a composite action of one bash step', () => {
    expect(Object.keys(action).sort()).toEqual(['description', 'inputs', 'name', 'runs']);
    expect(action.runs.using).toBe('composite');
    expect(action.runs.steps).toHaveLength(1);
    expect(step?.shell).toBe('bash');
    for (const input of Object.values(action.inputs)) expect(input.description).not.toBe('');
  });

  test('names only inputs that exist, and none of them inside the script', () => {
    const text = JSON.stringify(action.runs);
    const named = [...text.matchAll(/\$\{\{ inputs\.([\w-]+) \}\}/g)].map(([, name]) => name ?? '');
    expect([...new Set(named)].sort()).toEqual(Object.keys(action.inputs).sort());
    expect(step?.run).not.toContain('${{');
  });
});

describe('its script', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'fc-action-'));
    const npx = join(folder, 'npx');
    writeFileSync(npx, '#!/bin/bash\nprintf "%s\\n" "$@"\nexit "${FAKE_STATUS:-0}"\n');
    chmodSync(npx, 0o755);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (args: string, command: string, status = '0'): readonly string[] =>
    execFileSync('bash', ['-eo', 'pipefail', '-c', step?.run ?? ''], {
      encoding: 'utf8',
      env: {
        PATH: `${folder}${delimiter}${process.env['PATH'] ?? ''}`,
        FARGATE_CONNECT_ARGS: args,
        FARGATE_CONNECT_COMMAND: command,
        FARGATE_CONNECT_PACKAGE: 'fargate-connect@1',
        FAKE_STATUS: status,
      },
    }).split('\n');

  test('passes the flags as words, also over several lines, and the command as one', () => {
    const command = 'echo "$PGHOST" && ./migrate; # `x` $(y)';
    expect(run('--ephemeral --db orders-db\n  --cluster prod\n', command).slice(0, -1)).toEqual([
      ...'--yes fargate-connect@1 run --ephemeral --db orders-db --cluster prod'.split(' '),
      ...'--no-input -- bash -eo pipefail -c'.split(' '),
      command,
    ]);
  });

  test('ends with the status of the command', () => {
    expect(() => run('--db orders-db', 'false', '3')).toThrow(expect.objectContaining({ status: 3 }));
  });
});

test('the workflows of docs/ci.md are YAML, and use the inputs of the action', () => {
  const blocks = [...readFileSync('docs/ci.md', 'utf8').matchAll(/```yaml\n(.*?)```/gs)].map(
    ([, text]) => parse(text ?? '', { strict: true }) as Record<string, unknown>,
  );
  expect(blocks).toHaveLength(3);
  const workflow = blocks[0] as {
    readonly permissions: Readonly<Record<string, string>>;
    readonly jobs: Readonly<Record<string, { readonly steps: readonly Step[] }>>;
  };
  expect(workflow.permissions).toMatchObject({ 'id-token': 'write' });
  const ours = Object.values(workflow.jobs)
    .flatMap(({ steps }) => steps)
    .find(({ uses }) => uses?.includes('/fargate-connect@'));
  const required = Object.entries(action.inputs).filter(
    ([, { required: isRequired }]) => isRequired === true,
  );
  expect(Object.keys(ours?.with ?? {})).toEqual(expect.arrayContaining(required.map(([name]) => name)));
  expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(ours?.with ?? {})));
});
