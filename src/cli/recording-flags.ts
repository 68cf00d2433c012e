import type { Command } from 'commander';

import type { RecordingRequest } from '../app/session/recorded-session.ts';
import { usage } from '../core/errors.ts';

/** The flags of `exec` and `shell` about recordings. */

export interface RecordingFlags {
  readonly record?: string;
  readonly recordInput?: true;
  readonly redactEnv?: readonly string[];
  readonly redactFile?: readonly string[];
}

const several = (value: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  value,
];

export const addRecordingFlags = (command: Command): Command =>
  command
    .option('--record <file>', 'record the session as asciicast v2, without what is typed')
    .option('--record-input', 'record what is typed too')
    .option(
      '--redact-env <name>',
      'mask the value of this local variable in the recording; repeatable',
      several,
    )
    .option('--redact-file <file>', 'mask the values in this file, one a line; repeatable', several);

/** Undefined without `--record`. Throws `conflicting-option` for flags that need it. */
export function recordingOf(flags: RecordingFlags): RecordingRequest | undefined {
  const { record, recordInput, redactEnv = [], redactFile = [] } = flags;
  if (record !== undefined)
    return { file: record, withInput: recordInput === true, redactEnv, redactFiles: redactFile };
  const flag =
    recordInput === true
      ? '--record-input'
      : redactEnv.length > 0
        ? '--redact-env'
        : redactFile.length > 0
          ? '--redact-file'
          : undefined;
  if (flag === undefined) return undefined;
  throw usage('conflicting-option', `${flag} is about a recording, and there is none`, {
    details: { expected: `--record FILE ${flag}` },
  });
}
