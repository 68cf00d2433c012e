import { closeSync, createReadStream, openSync, readFileSync, writeSync } from 'node:fs';

import { recordedTerminal } from '../../connect/session/recorded-terminal.ts';
import { Recorder, type VerifiedRecording, verifyRecording } from '../../connect/session/recording.ts';
import { failed, noMatch, usage } from '../../core/errors.ts';
import type { Needs } from '../collaborators.ts';

/** Records a session in a file, and checks such a file. */

export interface RecordingRequest {
  readonly file: string;
  readonly withInput: boolean;
  /** Names of local environment variables whose values are masked. */
  readonly redactEnv: readonly string[];
  /** Files with one value a line. */
  readonly redactFiles: readonly string[];
}

type RecordingNeeds = Needs<'clock' | 'env' | 'report' | 'signal' | 'signals' | 'terminal', 'transport'>;

/**
 * Runs `work` with a terminal whose output is recorded. Throws `recording-file` before it if the file exists or cannot
 * be written, `redaction-value` for values that cannot be masked, and `recording-failed` if writing fails meanwhile:
 * the session is then ended.
 */
export async function recorded<D extends RecordingNeeds, R>(
  request: RecordingRequest,
  title: string,
  deps: D,
  work: (deps: D) => Promise<R>,
): Promise<R> {
  const { clock, env, report, signals, terminal } = deps;
  if (deps.settings.transport === 'plugin')
    throw usage(
      'plugin-unsupported',
      'the official plugin writes to the terminal itself, so it cannot be recorded',
    );
  const secrets = secretsOf(request, env);
  const file = opened(request.file);
  let failure: unknown;
  const abort = new AbortController();
  const append = (line: string): void => {
    if (failure === undefined) writeSync(file, line);
  };
  const recorder = new Recorder({ append, now: () => clock.now(), size: terminal.size(), title, secrets });
  const onError = (error: unknown): void => {
    failure ??= error;
    abort.abort();
  };
  const wrapped = recordedTerminal(terminal, recorder, { withInput: request.withInput, onError });
  const unwatch = signals.on('SIGWINCH', () => {
    const { columns, rows } = terminal.size();
    recorder.resize(columns, rows);
  });
  try {
    const signal = AbortSignal.any([deps.signal, abort.signal]);
    return await work({ ...deps, terminal: wrapped.terminal, signal });
  } catch (error) {
    throw failure === undefined ? error : recordingFailed(request.file, failure);
  } finally {
    unwatch();
    wrapped.release();
    if (failure === undefined) {
      const hash = recorder.end();
      report({
        type: 'note',
        level: 'info',
        code: 'recorded',
        message: `recorded in ${request.file}; its hash is ${hash}`,
        details: { file: request.file, hash },
      });
    }
    closeSync(file);
  }
}

/** Never overwrites a file; only the person may read it. */
function opened(file: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (error) {
    throw usage('recording-file', `${file} cannot be written: ${messageOf(error)}`, {
      details: { file },
      cause: error,
    });
  }
}

const recordingFailed = (file: string, cause: unknown): Error =>
  failed(
    'recording-failed',
    `the session was ended because ${file} could not be written: ${messageOf(cause)}`,
    {
      details: { file },
      cause,
    },
  );

/** Shorter values occur by chance, and masking them would hide too much. */
const SHORTEST_SECRET = 4;

function secretsOf(
  { redactEnv, redactFiles }: RecordingRequest,
  env: Needs<'env'>['env'],
): readonly string[] {
  const named = redactEnv.map((name) => ({ of: `the variable ${name}`, value: env[name] }));
  const listed = redactFiles.flatMap((file) =>
    linesOf(file).map((value, index) => ({ of: `line ${index + 1} of ${file}`, value })),
  );
  return [...named, ...listed.filter(({ value }) => value !== '')].map(({ of, value }) => {
    if (value !== undefined && value.length >= SHORTEST_SECRET) return value;
    const what = value === undefined ? 'is not set' : `has fewer than ${SHORTEST_SECRET} characters`;
    throw usage('redaction-value', `${of} ${what}, so it cannot be masked`, { details: {} });
  });
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/);
  } catch (error) {
    throw usage('redaction-value', `the values to mask cannot be read from ${file}: ${messageOf(error)}`, {
      details: {},
      cause: error,
    });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Far more than one message of output becomes as JSON. */
const LONGEST_LINE = 16 * 1024 * 1024;

/** Throws `recording-not-found`, and `recording-damaged` with the line. */
export async function verifyRecordingFile(
  file: string,
  expected: string | undefined,
): Promise<VerifiedRecording> {
  return verifyRecording(linesIn(file), expected);
}

/** Splits at line feeds only: JSON texts may contain the other line separators of Unicode. */
async function* linesIn(file: string): AsyncGenerator<string> {
  let partial = '';
  try {
    for await (const chunk of createReadStream(file, 'utf8')) {
      const lines = `${partial}${String(chunk)}`.split('\n');
      partial = lines.pop() ?? '';
      if (partial.length > LONGEST_LINE)
        throw failed('recording-damaged', 'a line is too long for a recording', { details: { file } });
      yield* lines;
    }
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    if (typeof code !== 'string' || !code.startsWith('E')) throw error;
    throw noMatch('recording-not-found', `${file} cannot be read: ${messageOf(error)}`, {
      details: { file },
      cause: error,
    });
  }
  if (partial !== '') yield partial;
}
