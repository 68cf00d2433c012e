import { Argument, Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { completionScript } from '../../src/cli/completion-script.ts';
import { runCli } from '../../src/cli/run-cli.ts';
import { fakeDeps } from '../support/fake-deps.ts';

const tree = new Command('fargate-connect')
  .addCommand(
    new Command('up')
      .description("makes it. With an apostrophe: it's there")
      .option('--spot', 'spot')
      .addOption(new Option('-o, --output <format>', 'format').choices(['table', 'json'])),
  )
  .addCommand(new Command('ls').addArgument(new Argument('<kind>').choices(['clusters', 'tasks'])));

describe('zsh and fish', () => {
  it('contain each command, its flags and fixed values', () => {
    expect(completionScript('zsh', tree)).toContain(`'up:makes it'`);
    expect(completionScript('zsh', tree)).toContain('--output) compadd -- table json; return ;;');
    const fish = completionScript('fish', tree);
    expect(fish).toContain(`-n '__fish_use_subcommand' -f -a up -d 'makes it'`);
    expect(fish).toContain(
      `-n '__fish_seen_subcommand_from up' -l output -s o -x -a 'table json' -d 'format'`,
    );
    expect(fish).toContain(`-n '__fish_seen_subcommand_from ls' -f -a 'clusters'`);
  });
});

describe('the command', () => {
  it.each(['bash', 'zsh', 'fish'])('prints the script for %s', async (shell) => {
    const deps = fakeDeps();
    expect(await runCli(['completion', shell], deps)).toBe(0);
    expect(deps.terminal.stdout.text).toContain('completion');
    expect(deps.terminal.stdout.text).toContain('sandbox');
    expect(deps.terminal.stderr.text).toBe('');
  });

  it('rejects an unknown shell', async () => {
    const deps = fakeDeps();
    expect(await runCli(['completion', 'tcsh'], deps)).toBe(2);
    expect(deps.terminal.stderr.text).toContain('one of: bash, zsh, fish');
  });
});
