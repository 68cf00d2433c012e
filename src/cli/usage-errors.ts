import type { Command, CommanderError } from 'commander';
import type { ParseFacts } from '../core/facts/command-line-facts.ts';
import { type ToolError, usage } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { remoteCommandAt } from './missing-dashes.ts';

/** Turns commander's errors about a command line into errors of this tool, with the next command to type. */

/**
 * Because there is a default command, commander would pass an unknown word to it as an argument, and `fargate-connect
 * donw` would look for a service of that name. For `help donw` commander prints nothing.
 */
export function refuseUnknownCommand(argv: readonly string[], program: Command): void {
  const word = argv[0] === 'help' ? argv[1] : argv[0];
  if (word === undefined || word.startsWith('-')) return;
  const names = commandNames(program);
  if (word === 'help' || names.includes(word)) return;
  const close = nearest(word, names);
  throw usage('unknown-command', `unknown command '${word}'`, {
    details: { suggestions: close },
  });
}

/** Index of the first word that is neither a flag nor the value of one; undefined where there is none before `--`. */
export function firstWordAt(argv: readonly string[], program: Command): number | undefined {
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') return undefined;
    if (!word.startsWith('-') || word === '-') return at;
    const option = program.options.find(({ long, short }) => long === word || short === word);
    if (option?.required === true) at++;
  }
  return undefined;
}

export const commandNames = (program: Command): readonly string[] =>
  program.commands.flatMap((command) => [command.name(), ...command.aliases()]);

/** The command that the first word names; undefined where there is none. */
const commandOf = (argv: readonly string[], program: Command): Command | undefined =>
  program.commands.find((command) => command.name() === argv[0] || command.aliases().includes(argv[0] ?? ''));

/**
 * Not for what commander throws after it has printed a help page or the version (`exitCode` 0). Where an argument of
 * the command is missing, the values that it takes are listed.
 */
export function usageError(
  { code, message }: CommanderError,
  argv: readonly string[],
  program: Command,
): ToolError {
  const command = commandOf(argv, program);
  // Commander throws this for `config` alone, and its message is no sentence.
  if (code === 'commander.help' && command !== undefined)
    return usage('missing-argument', `${command.name()} needs a command`, {
      details: { allowed: command.commands.map((each) => each.name()) },
    });
  // An option of the remote command is one that commander does not know, or reads as one of ours.
  const remote = remoteCommandAt(argv, program);
  const [first = '', ...rest] = message.replace(/^error: /, '').split('\n');
  const sentence = first.replace(/\.$/, '').replace('. Expected', ': expected');
  const refused = refusedValue(sentence);
  const suggestions = rest.flatMap((line) => {
    // `(Did you mean --all?)`, `(Did you mean one of --all, --call?)`
    const names = /^\(Did you mean (?:one of )?(.*)\?\)$/.exec(line.trim())?.[1];
    return names === undefined ? [] : names.split(', ');
  });
  return usage(codeOf(code), refused?.message ?? sentence, {
    details: {
      ...missingValues(code, sentence, command),
      ...nameAsArgument(code, argv, command),
      ...refused?.facts,
      ...(suggestions.length > 0 ? { suggestions } : {}),
      ...(remote === undefined ? {} : { remoteCommandAt: remote }),
    },
  });
}

/** `down orders`: the name of a bastion is the value of a flag, as it is for `up` and `status`. */
function nameAsArgument(code: string, argv: readonly string[], command: Command | undefined): ParseFacts {
  if (code !== 'commander.excessArguments' || command?.registeredArguments.length !== 0) return {};
  const name = argv.slice(1).find((word) => !word.startsWith('-'));
  const takesName = command.options.some(({ long }) => long === '--name');
  return name === undefined || !takesName ? {} : { suggestions: [`--name ${name}`] };
}

/** All values of the argument that is missing; empty if it accepts any value. */
function missingValues(code: string, sentence: string, command: Command | undefined): ParseFacts {
  if (code !== 'commander.missingArgument') return {};
  const allowed = command?.registeredArguments.find((argument) =>
    sentence.includes(`'${argument.name()}'`),
  )?.argChoices;
  return allowed === undefined ? {} : { allowed };
}

/**
 * Reads from commander's sentence the value that a flag or an argument does not accept; undefined for other sentences.
 */
function refusedValue(
  sentence: string,
): { readonly message: string; readonly facts: ParseFacts } | undefined {
  const match =
    /^(?:command-argument value|option '(?:.*, )?(--[\w-]+|-\w)[^']*' argument) '(.*)' is invalid(?: for argument '(.*)')?\. (.*)$/.exec(
      sentence,
    );
  if (match === null) return undefined;
  const [, flag, value = '', argument = '', why = ''] = match;
  const message = flag === undefined ? `'${value}' is no ${argument}` : `${flag} does not take '${value}'`;
  const choices = /^Allowed choices are (.*)$/.exec(why)?.[1];
  if (choices === undefined)
    // FIELD=VALUE keeps its capital letters.
    return { message, facts: { expected: why.replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase()) } };
  const allowed = choices.split(', ');
  return { message, facts: { suggestions: nearest(value, allowed), allowed } };
}

/** `commander.unknownOption` → `unknown-option`; the codes are in docs/errors.md. */
function codeOf(commanderCode: string): string {
  return commanderCode.replace(/^commander\./, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
