import { Command, Option } from 'commander';
import type { CompletionList } from '../../config/completion-cache.ts';
import type { Invoke, Run } from '../command.ts';
import { COMPLETE, renewal } from '../completion-request.ts';
import type { CommandContext } from '../context.ts';

export interface CompleteOptions {
  /** Those after the program's name up to the one under the cursor. */
  readonly words: readonly string[];
  /** Reads this list from AWS instead of completing words. */
  readonly renew: CompletionList['kind'] | undefined;
  /** The command tree to complete. */
  readonly program: Command;
}

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

/** Completion scripts get their answer from quick-completion.ts where it can give it, which is nearly always. */
async function runComplete(options: CompleteOptions, context: CommandContext): Promise<void> {
  const { words, renew, program } = options;
  if (renew !== undefined) return renewed(renew, context);
  const [{ completionAnswer }, { commandTable }] = await Promise.all([
    import('../completion-answer.ts'),
    import('../completion-table.ts'),
  ]);
  const answer = await completionAnswer(words, commandTable(program), {
    ...context,
    platform: process.platform,
  });
  context.terminal.stdout.write(answer.text);
  if (answer.renew !== undefined) context.startDetached?.(renewal(answer.renew));
}

async function renewed(kind: CompletionList['kind'], context: CommandContext): Promise<void> {
  const [{ completionCache }, { cacheFolder }, { renewList }] = await Promise.all([
    import('../../config/completion-cache.ts'),
    import('../../config/cache-folder.ts'),
    import('../../app/completion/renew-list.ts'),
  ]);
  const { clock, env, settings } = context;
  const { profile, region, cluster, service } = settings;
  const cache = completionCache(cacheFolder(env, process.platform), env, () => clock.now());
  await renewList({ kind, ...NARROWED[kind]({ cluster, service }), profile, region }, cache, context);
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
