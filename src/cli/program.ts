import { type Argument, Command } from 'commander';
import { paragraph } from '../core/paragraph.ts';
import type { CommandFactory, Invoke } from './command.ts';
import { completeCommand } from './commands/complete.ts';
import { completionCommand } from './commands/completion.ts';
import { configCommand } from './commands/config.ts';
import { connectCommand } from './commands/connect.ts';
import { cpCommand } from './commands/cp.ts';
import { dbCommand } from './commands/db.ts';
import { demoCommand } from './commands/demo.ts';
import { doctorCommand } from './commands/doctor.ts';
import { downCommand } from './commands/down.ts';
import { enableExecCommand } from './commands/enable-exec.ts';
import { execCommand } from './commands/exec.ts';
import { forwardCommand } from './commands/forward.ts';
import { logsCommand } from './commands/logs.ts';
import { lsCommand } from './commands/ls.ts';
import { policyCommand } from './commands/policy.ts';
import { runCommand } from './commands/run.ts';
import { sandboxCommand } from './commands/sandbox.ts';
import { shellCommand } from './commands/shell.ts';
import { superviseCommand } from './commands/supervise.ts';
import { statusCommand } from './commands/status.ts';
import { verifyRecordingCommand } from './commands/verify-recording.ts';
import { upCommand } from './commands/up.ts';
import { refuseRepeats } from './contradictions.ts';
import { addSharedFlags, helpFlag } from './shared-flags.ts';

export interface CommandGroup {
  readonly heading: string;
  readonly factories: readonly CommandFactory[];
}

/** All commands, in the order of the help page. */
export const COMMANDS: readonly CommandGroup[] = [
  {
    heading: 'Connect:',
    factories: [
      connectCommand,
      execCommand,
      enableExecCommand,
      logsCommand,
      cpCommand,
      forwardCommand,
      dbCommand,
      runCommand,
      shellCommand,
      lsCommand,
      verifyRecordingCommand,
      doctorCommand,
    ],
  },
  { heading: 'Bastion:', factories: [upCommand, statusCommand, downCommand, policyCommand] },
  { heading: 'Try it:', factories: [demoCommand, sandboxCommand] },
  { heading: 'Shell:', factories: [(invoke) => configCommand(invoke), completionCommand] },
];

/** The command that runs when the command line names none. */
const DEFAULT_COMMAND = 'connect';

export interface ProgramOptions {
  readonly invoke: Invoke;
  readonly commands: readonly CommandGroup[];
  readonly version: string;
  readonly write: (text: string) => void;
  /** Width of the help pages. */
  readonly columns: number;
}

/** The whole command tree. It throws CommanderError instead of printing errors or ending the process. */
export function createProgram(options: ProgramOptions): Command {
  const program = new Command('fargate-connect')
    .description(
      'From a misbehaving Fargate service in a private subnet to a shell in its container or psql on its database.',
    )
    .usage('[command] [flags]')
    .version(options.version, '-V, --version', 'the version')
    .helpOption('-h, --help', 'this help')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp({
      subcommandTerm: (command) =>
        [command.name(), ...command.registeredArguments.map((argument) => argumentTerm(argument))].join(' '),
    })
    .configureOutput({
      writeOut: (page) => options.write(fitted(page, options.columns)),
      // Commander prints no errors; usage-errors.ts reports them from the CommanderError.
      writeErr: () => undefined,
      outputError: () => undefined,
      getOutHelpWidth: () => options.columns,
      getErrHelpWidth: () => options.columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  // The shared flags are accepted before the command's name too, but this help page should show the list of commands.
  addSharedFlags(program, { hidden: true });
  refuseRepeats(program);
  for (const group of options.commands) {
    program.commandsGroup(group.heading);
    for (const factory of group.factories) {
      const command = factory(options.invoke);
      addSharedFlags(command);
      refuseRepeats(command);
      program.addCommand(inherit(command, program), { isDefault: command.name() === DEFAULT_COMMAND });
    }
  }
  // Not listed: the completion scripts call the one, and `forward --detach` starts the other.
  for (const hidden of [completeCommand(options.invoke), superviseCommand(options.invoke)]) {
    addSharedFlags(hidden);
    program.addCommand(inherit(hidden, program), { hidden: true });
  }
  program.helpCommand('help [command]', 'help for a command');
  program.addHelpText('after', ROOT_EXAMPLES);
  return program;
}

const ROOT_EXAMPLES = `
Without a command: connect, the picker. Every command understands the shared flags that its own --help lists.

Examples:
  $ fargate-connect demo                    the whole tour; needs no account
  $ fargate-connect up --cluster prod       a bastion that terminates itself
  $ fargate-connect                         pick a container, get a shell
  $ fargate-connect forward -L 5432:db:5432 --service web
  $ fargate-connect down                    delete everything and verify it`;

/**
 * Commander wraps its own lines between words, but not those of `addHelpText`. Lines with commands to copy are not
 * wrapped.
 */
const fitted = (page: string, columns: number): string =>
  page
    .split('\n')
    .flatMap((line) => {
      const term = /^ {2}\S+ {2,}/.exec(line)?.[0] ?? '';
      return line.startsWith('  $ ') ? [line] : paragraph(line, columns, term.length);
    })
    .join('\n');

const argumentTerm = (argument: Argument): string => {
  const name = `${argument.name()}${argument.variadic ? '…' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
};

/** `addCommand` does not pass settings on to the subcommand, unlike commander's own `command()`. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent).addHelpOption(helpFlag());
  for (const child of command.commands) inherit(child, command);
  return command;
}
