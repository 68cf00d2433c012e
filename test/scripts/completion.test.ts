import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { completionScript } from '../../src/cli/completion-script.ts';

const tree = new Command('fargate-connect')
  .addCommand(
    new Command('up')
      .description("makes it. With an apostrophe: it's there")
      .option('--spot', 'spot')
      .addOption(new Option('-o, --output <format>', 'format').choices(['table', 'json'])),
  )
  .addCommand(new Command('ls').addArgument(new Argument('<kind>').choices(['clusters', 'tasks'])));

/** Returns what bash offers after these words; the last one is the word under the cursor. */
function offered(...words: readonly string[]): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'fargate-connect-completion-'));
  try {
    const script = join(folder, 'completion.bash');
    writeFileSync(script, completionScript('bash', tree));
    const list = words.map((word) => `'${word}'`).join(' ');
    const out = execFileSync(
      'bash',
      [
        '-c',
        `source ${script}; COMP_WORDS=(fargate-connect ${list}); COMP_CWORD=${words.length}; _fargate_connect; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ],
      { encoding: 'utf8' },
    );
    return out.split('\n').filter((line) => line !== '');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('completion in a real bash', () => {
  it.each([
    [['u'], ['up']],
    [[''], ['up', 'ls', 'help']],
    [['up', '--s'], ['--spot']],
    [
      ['up', '--output', ''],
      ['table', 'json'],
    ],
    [['--debug', 'up', '--sp'], ['--spot']],
    [
      ['ls', ''],
      ['clusters', 'tasks'],
    ],
    [['ls', 'tasks', '--no'], []],
  ])('after %j offers %j', (words, expected) => {
    expect(offered(...words)).toEqual(expected);
  });
});
