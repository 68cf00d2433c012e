import { describe, expect, it } from 'vitest';
import { programTableModule } from '../../scripts/completion-bundle.ts';
import { type CommandTable, commandTable } from '../../src/cli/completion-table.ts';
import { COMMANDS, createProgram } from '../../src/cli/program.ts';
import type { Command } from 'commander';

const program = createProgram({
  invoke: () => Promise.resolve(),
  commands: COMMANDS,
  version: '1',
  write: () => undefined,
  columns: 80,
});

/** Every command with the table of the same path. */
function pairs(command: Command, table: CommandTable | undefined): [Command, CommandTable | undefined][] {
  const children = command.commands.flatMap((child) =>
    pairs(
      child,
      table?.commands.find(({ name }) => name === child.name()),
    ),
  );
  return [[command, table], ...children];
}

describe('the table of commands in the bundle', () => {
  it('is that of the program', async () => {
    const source = Buffer.from(await programTableModule()).toString('base64');
    const built = (await import(`data:text/javascript;base64,${source}`)) as {
      readonly programTable: () => Promise<CommandTable>;
    };
    expect(await built.programTable()).toEqual(commandTable(program));
  });

  it('has every command, every argument, and every flag by both names and with its kind', () => {
    const table = commandTable(program);
    const all = pairs(program, table);
    expect(all.length).toBeGreaterThan(20);
    for (const [command, row] of all) {
      expect(row?.commands.map(({ name }) => name)).toEqual(command.commands.map((child) => child.name()));
      expect(row?.arguments).toEqual(
        command.registeredArguments.map((argument) => ({
          name: argument.name(),
          variadic: argument.variadic,
        })),
      );
      for (const { long, short, required, optional } of command.options) {
        const flags = [...(row?.flags ?? []), ...table.flags];
        for (const name of [long, short])
          if (name !== undefined)
            expect(flags.find((flag) => flag.long === name || flag.short === name)).toEqual({
              long,
              short,
              takesValue: required || optional,
            });
      }
    }
  });
});
