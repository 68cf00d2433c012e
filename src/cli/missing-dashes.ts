import type { Command } from 'commander';
import { usage } from '../core/errors.ts';

/**
 * Index in argv of the first word of a remote command that was typed without `--` before it, as in `exec web ls -la`;
 * undefined where there is none, or where an option comes before it that the tool does not know. Only commands whose last
 * argument is called `command` take a remote command.
 */
export function remoteCommandAt(argv: readonly string[], program: Command): number | undefined {
  let command = program;
  /** How many words the command takes for itself. */
  let own = 0;
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') return undefined;
    if (!word.startsWith('-') || word === '-') {
      if (command === program) {
        const named = program.commands.find((each) => each.name() === word);
        if (named?.registeredArguments.at(-1)?.name() !== 'command') return undefined;
        command = named;
        own += named.registeredArguments.length - 1;
      } else if (own <= 0) return at;
      else own--;
      continue;
    }
    const known = knownOption(word, command);
    if (known === undefined) return undefined;
    // A flag that names the target leaves no word for it.
    if (known.flag === '--service' || known.flag === '--task') own--;
    if (known.takesNext) at++;
  }
  return undefined;
}

interface KnownOption {
  readonly flag: string;
  /** Its value is the next word. */
  readonly takesNext: boolean;
}

/** `--flag`, `--flag=value`, `-f`, `-fvalue`, `-fg`; undefined for options that the command does not have. */
function knownOption(word: string, command: Command): KnownOption | undefined {
  const name = word.startsWith('--') ? (word.split('=', 1)[0] ?? '') : word.slice(0, 2);
  const option = command.options.find(({ long, short }) => long === name || short === name);
  if (option === undefined) return undefined;
  const flag = option.long ?? name;
  if (option.required) return { flag, takesNext: word === name };
  if (word === name) return { flag, takesNext: false };
  return word.startsWith('--') ? undefined : knownOption(`-${word.slice(2)}`, command);
}

/**
 * The words before and after `--`. Commander drops `--`; everything after it in the raw command line belongs to the
 * remote command or the client. Throws `bad-arguments` for more than `own` words before it.
 */
export function wordsAfterDashes(
  typed: readonly string[],
  command: Command,
  own = 1,
): { readonly before: readonly string[]; readonly after: readonly string[] } {
  let root: Command = command;
  while (root.parent !== null) root = root.parent;
  const raw = Reflect.get(root, 'rawArgs') as readonly string[];
  const dashes = raw.indexOf('--');
  const behind = dashes === -1 ? 0 : raw.length - dashes - 1;
  const before = typed.slice(0, typed.length - behind);
  if (before.length > own) {
    throw usage('bad-arguments', `unexpected argument ${before[own] ?? ''}: a command comes after --`, {
      details: { remoteCommandAt: remoteCommandAt(raw, root) },
    });
  }
  return { before, after: typed.slice(before.length) };
}
