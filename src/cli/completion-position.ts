import type { CompletionKind } from '../app/completion/candidates.ts';
import { CONNECTION_KINDS, type ConnectionKind } from '../config/config-fields.ts';
import type { CommandTable, TableFlag } from './completion-table.ts';

/** What the word under the cursor names, and what the words before it say about it. */
export interface CompletionPosition {
  /** Undefined = no name of AWS, only connections. */
  readonly kind: CompletionKind | undefined;
  /** Connections of the config files that the word may name as well, by their kinds. */
  readonly connections: readonly ConnectionKind[];
  /** The part of the name that is typed already. */
  readonly prefix: string;
  /** What stands before the name in the same word: `--cluster=`, otherwise empty. */
  readonly lead: string;
  /** What follows the name in the same word: `:` before the path of `cp`, otherwise empty. */
  readonly trail: string;
  readonly profile: string | undefined;
  readonly region: string | undefined;
  readonly cluster: string | undefined;
  readonly service: string | undefined;
  readonly task: string | undefined;
}

const KIND_OF_FLAG: Readonly<Record<string, CompletionKind>> = {
  '--profile': 'profiles',
  '--region': 'regions',
  '--cluster': 'clusters',
  '--service': 'services',
  '--task': 'tasks',
  '--container': 'containers',
  '--name': 'bastions',
  '-L': 'databases',
  '--db': 'databases',
};

/** By the name of the command and of its argument. */
const KIND_OF_ARGUMENT: Readonly<Record<string, CompletionKind>> = {
  'db id': 'databases',
  'connect search': 'services',
  'forward name': 'services',
};

const CONNECTIONS_OF_ARGUMENT: Readonly<Record<string, readonly ConnectionKind[]>> = {
  'db id': ['db'],
  'forward name': ['forward', 'db'],
  'run command': ['forward', 'db'],
  'remove name': CONNECTION_KINDS,
};

/**
 * `words` are those after the program's name up to the one under the cursor, which is the last one and may be empty;
 * bash makes `=` a word of its own. Undefined where no name of AWS is expected.
 */
export function completionPosition(
  words: readonly string[],
  program: CommandTable,
): CompletionPosition | undefined {
  const before = words.slice(0, -1);
  const last = words.at(-1) ?? '';
  const given = new Map<string, string>();
  let command = program;
  let count = 0;
  /** The option whose value the next word is. */
  let open: TableFlag | undefined;
  for (const word of before) {
    if (open !== undefined) {
      if (word === '=') continue;
      given.set(nameOf(open), word);
      open = undefined;
    } else if (word === '--') {
      return undefined;
    } else if (word.startsWith('-') && word !== '-') {
      const [flag, value] = splitFlag(word);
      const option = optionNamed(flag, command, program);
      if (option?.takesValue !== true) continue;
      if (value === undefined) open = option;
      else given.set(nameOf(option), value);
    } else {
      const child = count === 0 ? command.commands.find((each) => each.name === word) : undefined;
      if (child !== undefined) command = child;
      else {
        const argument = argumentAt(command, count++);
        if (isService(command, argument)) given.set('--service', word);
      }
    }
  }
  const at = (
    kind: CompletionKind | undefined,
    prefix: string,
    lead = '',
    connections: readonly ConnectionKind[] = [],
  ): CompletionPosition | undefined =>
    kind === undefined && connections.length === 0
      ? undefined
      : {
          kind,
          connections,
          prefix,
          lead,
          trail: '',
          profile: given.get('--profile'),
          region: given.get('--region'),
          cluster: given.get('--cluster'),
          service: given.get('--service'),
          task: given.get('--task'),
        };
  if (open !== undefined) return at(KIND_OF_FLAG[nameOf(open)], last === '=' ? '' : last);
  if (last.startsWith('-')) {
    const [flag, value] = splitFlag(last);
    const option = value === undefined ? undefined : optionNamed(flag, command, program);
    return at(KIND_OF_FLAG[nameOf(option)], value ?? '', `${flag}=`);
  }
  // The name of a connection alone is a command.
  if (command === program) return at(undefined, last, '', count === 0 ? CONNECTION_KINDS : []);
  const argument = argumentAt(command, count)?.name ?? '';
  if (command.name === 'cp') {
    // Paths are completed by the shell, and those in a container by nobody. bash makes `:` a word of its own.
    const isPath = /[:/\\]|^[.~]/.test(last) || before.at(-1) === ':';
    const position = isPath ? undefined : at('services', last);
    return position === undefined ? undefined : { ...position, trail: ':' };
  }
  const key = `${command.name} ${argument}`;
  return at(
    argument === 'service' ? 'services' : KIND_OF_ARGUMENT[key],
    last,
    '',
    CONNECTIONS_OF_ARGUMENT[key],
  );
}

type TableArgument = CommandTable['arguments'][number];

const isService = (command: CommandTable, argument: TableArgument | undefined): boolean =>
  argument?.name === 'service' || (command.name === 'forward' && argument?.name === 'name');

/** `--cluster=prod` as flag and value; the value of other words is undefined. */
const splitFlag = (word: string): readonly [flag: string, value: string | undefined] => {
  const end = word.startsWith('--') ? word.indexOf('=') : -1;
  return end < 0 ? [word, undefined] : [word.slice(0, end), word.slice(end + 1)];
};

const optionNamed = (flag: string, command: CommandTable, program: CommandTable): TableFlag | undefined =>
  [...command.flags, ...program.flags].find((option) => option.long === flag || option.short === flag);

const nameOf = (option: TableFlag | undefined): string => option?.long ?? option?.short ?? '';

function argumentAt(command: CommandTable, index: number): TableArgument | undefined {
  const all = command.arguments;
  return all[index] ?? (all.at(-1)?.variadic === true ? all.at(-1) : undefined);
}
