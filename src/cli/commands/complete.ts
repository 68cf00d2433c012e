import { Command, Option } from 'commander';
import type { CompletionList } from '../../config/completion-cache.ts';
import type { Invoke, Run } from '../command.ts';
import type { CommandContext } from '../context.ts';

export interface CompleteOptions {
  /** Those after the program's name up to the one under the cursor. */
  readonly words: readonly string[];
  /** Reads this list from AWS instead of completing words. */
  readonly renew: CompletionList['kind'] | undefined;
  /** The command tree to complete. */
  readonly program: Command;
}

/** Not for people: the completion scripts call it, and it starts itself again to read a list from AWS. */
export const COMPLETE = '__complete';

const LISTS: readonly CompletionList['kind'][] = ['clusters', 'services', 'tasks', 'databases', 'bastions'];

export function completeCommand(invoke: Invoke, run: Run<CompleteOptions> = runComplete): Command {
  return new Command(COMPLETE)
    .description('print the names that complete a command line')
    .argument('[words...]', 'after --: the words up to the cursor')
    .addOption(new Option('--renew <list>', 'read this list from AWS').choices(LISTS))
    .action((words: readonly string[], { renew }: Pick<CompleteOptions, 'renew'>, command: Command) =>
      invoke(run, { words, renew, program: command.parent ?? command }, command),
    );
}

async function runComplete(options: CompleteOptions, context: CommandContext): Promise<void> {
  const [{ completionCache }, { cacheFolder }] = await Promise.all([
    import('../../config/completion-cache.ts'),
    import('../../config/cache-folder.ts'),
  ]);
  const { clock, env, settings } = context;
  const { words, renew, program } = options;
  const cache = completionCache(cacheFolder(env, process.platform), env, () => clock.now());
  if (renew !== undefined) {
    const { renewList } = await import('../../app/completion/renew-list.ts');
    const { profile, region, cluster, service } = settings;
    return renewList(
      { kind: renew, ...NARROWED[renew]({ cluster, service }), profile, region },
      cache,
      context,
    );
  }
  const [{ completionPosition }, { candidates }] = await Promise.all([
    import('../completion-position.ts'),
    import('../../app/completion/candidates.ts'),
  ]);
  const position = completionPosition(words, program);
  if (position === undefined) return;
  const query = {
    ...position,
    profile: position.profile ?? settings.profile,
    region: position.region ?? settings.region,
    cluster: position.cluster ?? settings.cluster,
    service: position.service ?? settings.service,
    task: position.task ?? settings.task,
  };
  const connections = settings.connections
    .filter(({ kind, name }) => position.connections.includes(kind) && name.startsWith(position.prefix))
    .map(({ name }) => name);
  const { kind } = position;
  const ofAws =
    kind === undefined
      ? []
      : await candidates({ ...query, kind }, cache, context, (list) =>
          context.startDetached?.(renewal(list)),
        );
  const names = new Set([...connections.sort(), ...ofAws]);
  context.terminal.stdout.write(
    [...names].map((name) => `${position.lead}${name}${position.trail}\n`).join(''),
  );
}

type Scope = Pick<CompletionList, 'cluster' | 'service'>;

const WHOLE = (): Scope => ({ cluster: undefined, service: undefined });

/** The settings of the run also come from the configuration files, and may name more than the list depends on. */
const NARROWED: Readonly<Record<CompletionList['kind'], (scope: Scope) => Scope>> = {
  clusters: WHOLE,
  databases: WHOLE,
  bastions: WHOLE,
  services: ({ cluster }) => ({ cluster, service: undefined }),
  tasks: (scope) => scope,
};

/** The command line that reads the list, without a question or a sign-in. */
function renewal({ kind, profile, region, cluster, service }: CompletionList): readonly string[] {
  const flags = Object.entries({ profile, region, cluster, service });
  return [
    COMPLETE,
    '--renew',
    kind,
    ...flags.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`])),
    '--no-input',
    '--quiet',
  ];
}
