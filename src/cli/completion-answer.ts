import { candidates } from '../app/completion/candidates.ts';
import { cacheFolder } from '../config/cache-folder.ts';
import { completionCache, type CompletionList } from '../config/completion-cache.ts';
import type { Settings } from '../config/settings.ts';
import type { Clock } from '../core/clock.ts';
import { completionPosition } from './completion-position.ts';
import type { CommandTable } from './completion-table.ts';

/** What the shell is told, and what is to be read from AWS for the next key press. */
export interface CompletionAnswer {
  /** A line for each name. */
  readonly text: string;
  /** Undefined = nothing, or another process reads it. */
  readonly renew: CompletionList | undefined;
}

/** Completes the last of the words from files only; AWS is not called. */
export async function completionAnswer(
  words: readonly string[],
  program: CommandTable,
  { settings, env, platform, clock }: AnswerDeps,
): Promise<CompletionAnswer> {
  const position = completionPosition(words, program);
  if (position === undefined) return { text: '', renew: undefined };
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
  const cache = completionCache(cacheFolder(env, platform), env, () => clock.now());
  let renew: CompletionList | undefined;
  const ofAws =
    kind === undefined
      ? []
      : await candidates({ ...query, kind }, cache, { clock, env }, (list) => {
          renew = list;
        });
  const names = new Set([...connections.sort(), ...ofAws]);
  return { text: [...names].map((name) => `${position.lead}${name}${position.trail}\n`).join(''), renew };
}

export interface AnswerDeps {
  readonly settings: Settings;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly clock: Pick<Clock, 'now'>;
}
