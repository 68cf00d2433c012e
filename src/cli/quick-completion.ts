import { writeSync } from 'node:fs';
import { resolveSettings } from '../config/resolve.ts';
import type { CompletionList } from '../config/completion-cache.ts';
import { type AnswerDeps, completionAnswer } from './completion-answer.ts';
import { COMPLETE, renewal, requestedWords } from './completion-request.ts';
import { refuseSeveralPlaces } from './contradictions.ts';
import { programTable } from './program-table.ts';

export interface QuickCompletionDeps extends Omit<AnswerDeps, 'settings'> {
  readonly cwd: string;
  readonly write: (text: string) => void;
  /** Starts this program once more, so that it continues when this process ends. */
  readonly startDetached: (argv: readonly string[]) => Promise<void> | void;
}

/**
 * Answers a key press without the command tree, the SDK and the terminal: what commands/complete.ts prints, in a bundle
 * of its own (scripts/completion-bundle.ts). False, and nothing was printed, where the request is of another form or an
 * error has to be reported, which both need the whole program.
 */
export async function completeQuickly(argv: readonly string[], deps: QuickCompletionDeps): Promise<boolean> {
  const words = requestedWords(argv);
  if (words === undefined) return false;
  let renew: CompletionList | undefined;
  try {
    const { settings } = await resolveSettings({
      flags: { input: false },
      env: deps.env,
      cwd: deps.cwd,
      stdinIsTty: false,
      stdoutIsTty: false,
      stderrIsTty: false,
    });
    refuseSeveralPlaces(settings, COMPLETE);
    // The whole program prints where each setting comes from.
    if (settings.debug) return false;
    const answer = await completionAnswer(words, await programTable(), { ...deps, settings });
    ({ renew } = answer);
    if (answer.text !== '') deps.write(answer.text);
  } catch {
    return false;
  }
  if (renew !== undefined) await deps.startDetached(renewal(renew));
  return true;
}

/** The implementations for a real process. */
export function quickCompletionDeps(host: NodeJS.Process): QuickCompletionDeps {
  return {
    env: host.env,
    platform: host.platform,
    cwd: host.cwd(),
    clock: { now: () => Date.now() },
    write: (text) => writeAll(text, host),
    async startDetached(argv) {
      const { detachedProcess } = await import('./detached-process.ts');
      detachedProcess(host, argv);
    },
  };
}

/**
 * To file descriptor 1, because creating `process.stdout` takes longer than the rest. What cannot be written at once (a
 * full pipe that does not block, a reader that is gone) is left to that stream.
 */
function writeAll(text: string, host: NodeJS.Process): void {
  const bytes = Buffer.from(text);
  let written = 0;
  try {
    while (written < bytes.length) written += writeSync(1, bytes, written);
  } catch {
    host.stdout.on('error', () => undefined).write(bytes.subarray(written));
  }
}
