import { quoteWord } from '../../core/shell-words.ts';

/** Command lines to type next, of this tool and of the AWS CLI, with the flags that the person gave before. */

/**
 * Flags of the command line that ran, as typed. Values from the environment or a file are not repeated, because the
 * next command reads them too.
 */
export interface GivenFlags {
  readonly profile?: string;
  readonly region?: string;
  readonly cluster?: string;
  /** Name of the bastion. */
  readonly name?: string;
  readonly iamPath?: string;
  readonly iamPrefix?: string;
}

/** The run in which an error or a note occurred. */
export interface AdviceContext {
  /** The command that ran, e.g. `exec` or `ls services`; undefined = the command line could not be parsed that far. */
  readonly command: string | undefined;
  readonly given: GivenFlags;
  /** The arguments as typed; `policy --check` advises the same command line without the check. */
  readonly argv: readonly string[];
}

/** Long flag without its dashes → value; true = the flag has no value, undefined = the flag is left out. */
type Flags = Readonly<Record<string, string | true | undefined>>;

/**
 * The given flags that a command needs again. `--profile` and `--region` are repeated for all commands that call AWS.
 */
const REPEATED: Readonly<Record<string, readonly (keyof GivenFlags)[]>> = {
  up: ['cluster', 'name', 'iamPath', 'iamPrefix'],
  down: ['name', 'iamPath', 'iamPrefix'],
  status: ['name', 'iamPath', 'iamPrefix'],
  shell: ['name'],
  connect: ['cluster'],
  forward: ['cluster', 'name'],
  'forward list': [],
  'forward stop': [],
  db: ['cluster', 'name'],
  exec: ['cluster'],
  'enable-exec': ['cluster'],
  cp: ['cluster'],
  logs: ['cluster'],
  doctor: ['cluster'],
  'ls events': ['cluster'],
  'ls services': ['cluster'],
  'ls tasks': ['cluster'],
  'ls containers': ['cluster'],
  policy: ['cluster', 'iamPath', 'iamPrefix'],
};

/** Commands that do not call an account. */
const WITHOUT_ACCOUNT: ReadonlySet<string> = new Set([
  'demo',
  'sandbox',
  'completion',
  'forward list',
  'forward stop',
]);

/** Services of the AWS CLI whose commands do not depend on the region. */
const GLOBAL_SERVICES: ReadonlySet<string> = new Set(['iam', 'sts', 'sso', 'configure']);

const FLAG_NAME: Readonly<Record<keyof GivenFlags, string>> = {
  profile: 'profile',
  region: 'region',
  cluster: 'cluster',
  name: 'name',
  iamPath: 'iam-path',
  iamPrefix: 'iam-prefix',
};

const isPlace = (flag: keyof GivenFlags): boolean => flag === 'profile' || flag === 'region';

/** `line   # why`: the shell ignores the comment, so that the text can be pasted unchanged. */
export const because = (line: string, why: string | undefined): string =>
  why === undefined ? line : `${line}   # ${why}`;

/** Writes the lines of advice for one error or note. */
export class CommandLines {
  readonly context: AdviceContext;

  constructor(context: AdviceContext) {
    this.context = context;
  }

  /**
   * A command line of this tool. `command` may hold arguments (`policy exec`). `flags` take precedence over the flags
   * that were given; where one is undefined, the given one is used. A bastion called `default` needs no `--name`.
   */
  tool(command: string, flags: Flags = {}, why?: string): string {
    const given = this.#given(command);
    const all: Flags = {
      ...flags,
      ...Object.fromEntries(given.filter(([name]) => flags[name] === undefined)),
    };
    return because(['fargate-connect', command, ...wordsOf(all)].join(' '), why);
  }

  /** The command line that ran, with more words at its end. */
  again(why?: string, ...words: readonly string[]): string {
    return because(['fargate-connect', ...this.context.argv, ...words].map(quoteWord).join(' '), why);
  }

  /**
   * A command line of the AWS CLI, for the same account and region; `region` takes precedence over the one that was
   * given.
   */
  aws(words: string, why?: string, region = this.context.given.region): string {
    const { profile } = this.context.given;
    const [service = ''] = words.split(' ', 1);
    const has = (flag: string): boolean => words.includes(` --${flag} `);
    const flags: Flags = {
      region: GLOBAL_SERVICES.has(service) || has('region') ? undefined : region,
      profile: has('profile') ? undefined : profile,
    };
    return because(['aws', words, ...wordsOf(flags)].join(' '), why);
  }

  #given(command: string): readonly (readonly [string, string])[] {
    const words = command.split(' ');
    const names = [words.slice(0, 2).join(' '), words[0] ?? ''];
    const key = names.find((name) => REPEATED[name] !== undefined);
    const own = REPEATED[key ?? ''] ?? [];
    const wanted: readonly (keyof GivenFlags)[] = names.some((name) => WITHOUT_ACCOUNT.has(name))
      ? own
      : [...own, 'region', 'profile'];
    return wanted.flatMap((flag) => {
      const value = this.context.given[flag];
      // Several profiles or regions are for the command that ran; the next one may take only one.
      const isOne = value !== undefined && !(isPlace(flag) && value.includes(','));
      return isOne ? [[FLAG_NAME[flag], value] as const] : [];
    });
  }
}

function wordsOf(flags: Flags): readonly string[] {
  return Object.entries(flags).flatMap(([name, value]) => {
    if (value === undefined || (name === 'name' && value === 'default')) return [];
    return value === true ? [`--${name}`] : [`--${name}`, quoteWord(value)];
  });
}
