import type { Command, CommanderError } from 'commander';
import { type ToolError, usage } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';

/** What is wrong with a command line: commander's findings in our words, with what to type next. */

/**
 * With a default command commander would hand an unknown word to it as an argument, and `fargate-connect donw` would
 * look for a service of that name; `help donw` it answers with nothing.
 */
export function refuseUnknownCommand(argv: readonly string[], program: Command): void {
  const word = argv[0] === 'help' ? argv[1] : argv[0];
  if (word === undefined || word.startsWith('-')) return;
  const names = namesOf(program);
  if (word === 'help' || names.includes(word)) return;
  const close = nearest(word, names);
  throw usage('unknown-command', `unknown command '${word}'`, {
    hints:
      close.length > 0
        ? [`did you mean ${close.join(' or ')}?`]
        : ['fargate-connect --help lists the commands'],
    details: { candidates: close },
  });
}

const namesOf = (program: Command): readonly string[] =>
  program.commands.flatMap((command) => [command.name(), ...command.aliases()]);

/** Not for what commander throws after it has printed a help page or the version (`exitCode` 0). */
export function usageError(
  { code, message }: CommanderError,
  argv: readonly string[],
  program: Command,
): ToolError {
  const [first = '', ...rest] = message.replace(/^error: /, '').split('\n');
  const said = first.replace(/\.$/, '').replace('. Expected', ': expected');
  const refused = refusedValue(said);
  const hints = [
    ...(refused?.hints ?? []),
    // `(Did you mean --all?)`
    ...rest.map((line) =>
      line
        .trim()
        .replace(/^\((.*)\)$/, '$1')
        .replace(/^Did/, 'did'),
    ),
  ].filter((hint) => hint !== '');
  const command = argv.slice(0, 1).filter((word) => namesOf(program).includes(word));
  const help = ['fargate-connect', ...command, '--help'].join(' ');
  return usage(codeOf(code), refused?.message ?? said, { hints: hints.length > 0 ? hints : [help] });
}

/** A value that a flag or an argument does not take, out of commander's sentence; undefined for other sentences. */
function refusedValue(
  said: string,
): { readonly message: string; readonly hints: readonly string[] } | undefined {
  const match =
    /^(?:command-argument value|option '(?:.*, )?(--[\w-]+|-\w)[^']*' argument) '(.*)' is invalid(?: for argument '(.*)')?\. (.*)$/.exec(
      said,
    );
  if (match === null) return undefined;
  const [, flag, value = '', argument = '', why = ''] = match;
  const message = flag === undefined ? `'${value}' is no ${argument}` : `${flag} does not take '${value}'`;
  const choices = /^Allowed choices are (.*)$/.exec(why)?.[1];
  if (choices === undefined) return { message, hints: [why.charAt(0).toLowerCase() + why.slice(1)] };
  const near = nearest(value, choices.split(', '));
  return {
    message,
    hints: [...(near.length > 0 ? [`did you mean ${near.join(', ')}?`] : []), `one of: ${choices}`],
  };
}

/** `commander.unknownOption` → `unknown-option`; the codes are in docs/errors.md. */
function codeOf(commanderCode: string): string {
  return commanderCode.replace(/^commander\./, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
