import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/program.ts';
import { runCli } from '../../src/cli/run-cli.ts';
import { fakeDeps } from '../support/fake-deps.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

/** The command line interface is a contract: each change of a help page appears in a review as a change of its file. */
async function help(...argv: readonly string[]): Promise<string> {
  const deps = fakeDeps();
  expect(await runCli([...argv, '--help'], deps)).toBe(0);
  expect(deps.terminal.stderr.text).toBe('');
  return deps.terminal.stdout.text;
}

const names = COMMANDS.flatMap((group) =>
  group.factories.map((factory) => factory(() => Promise.resolve()).name()),
);

describe('help', () => {
  it('lists every command', async () => {
    const page = await help();
    await expect(page).toMatchFileSnapshot('help/fargate-connect.txt');
    for (const name of names) expect(page).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
  });

  it.each(names)('of %s is frozen, has an example, and fits the screen', async (name) => {
    const page = await help(name);
    await expect(page).toMatchFileSnapshot(`help/${name}.txt`);
    expect(page).toMatch(/^ {2}\$ /m);
    expect(page).toContain('--no-input');
    for (const line of page.split('\n')) expect(line.length, line).toBeLessThanOrEqual(120);
  });

  it.each(names)('of %s breaks no word on a narrow terminal, and no command', async (name) => {
    const deps = fakeDeps({ terminal: fakeTerminal({ stdout: true, columns: 80 }) });
    await runCli([name, '--help'], deps);
    const lines = deps.terminal.stdout.text.split('\n');
    const commands = (page: readonly string[]): readonly string[] =>
      page.filter((line) => line.startsWith('  $ '));
    expect(commands(lines)).toEqual(commands((await help(name)).split('\n')));
    for (const line of lines.filter((each) => !each.startsWith('  $ ')))
      expect(line.length, line).toBeLessThanOrEqual(80);
  });

  it.each(names)('of %s is also what the help command prints', async (name) => {
    const deps = fakeDeps();
    await runCli(['help', name], deps);
    expect(deps.terminal.stdout.text).toBe(await help(name));
  });
});
