import type { Command, Option } from 'commander';

/** A flag, and whether a value follows it. */
export interface TableFlag {
  readonly long: string | undefined;
  readonly short: string | undefined;
  readonly takesValue: boolean;
}

/** What completion has to know about a command; plain data, so that the bundle contains it (scripts/build.ts). */
export interface CommandTable {
  readonly name: string;
  /** Without the flags of the program, which every command understands. */
  readonly flags: readonly TableFlag[];
  readonly arguments: readonly { readonly name: string; readonly variadic: boolean }[];
  readonly commands: readonly CommandTable[];
}

/** The table of a command tree, hidden commands and flags included. */
export function commandTable(program: Command): CommandTable {
  const shared = program.options.map(flagOf);
  return { ...tableOf(program, shared), flags: shared };
}

function tableOf(command: Command, shared: readonly TableFlag[]): CommandTable {
  return {
    name: command.name(),
    flags: command.options.map(flagOf).filter((flag) => !shared.some((other) => isSame(flag, other))),
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      variadic: argument.variadic,
    })),
    commands: command.commands.map((child) => tableOf(child, shared)),
  };
}

const flagOf = ({ long, short, required, optional }: Option): TableFlag => ({
  long,
  short,
  takesValue: required || optional,
});

const isSame = (flag: TableFlag, other: TableFlag): boolean =>
  flag.long === other.long && flag.short === other.short && flag.takesValue === other.takesValue;
