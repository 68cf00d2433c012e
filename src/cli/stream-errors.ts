import { getSystemErrorMap } from 'node:util';
import { EXIT_STATUS, failed, type ToolError } from '../core/errors.ts';

/** What an error of stdin, stdout or stderr means for the run. */

/** The other end of the stream is gone: the reader of a pipe, or the terminal. */
export const isHangup = (error: NodeJS.ErrnoException): boolean =>
  error.code === 'EPIPE' ||
  error.code === 'EIO' ||
  error.code === 'ECONNRESET' ||
  error.code === 'ERR_STREAM_DESTROYED';

/**
 * The status that a shell shows for a program that SIGPIPE has ended (128 + 13). Programs such as `cat`, `kubectl` and
 * `docker` end like that when the reader of their output closes the pipe, as `| head -1` does: a 0 would claim that
 * everything was done and read. Node.js ignores the signal and reports EPIPE instead.
 */
const PIPE_CLOSED_STATUS = 141;

/** The exit status of a run whose stream has lost its other end; EIO is a terminal that is gone. */
export const hangupStatus = (name: StreamName, { code }: NodeJS.ErrnoException): number =>
  name === 'stdin' || code === 'EIO' ? EXIT_STATUS.interrupted : PIPE_CLOSED_STATUS;

export type StreamName = 'stdin' | 'stdout' | 'stderr';

/** A full disk or a directory as stdin is no defect of the tool: the message names the stream and the system's reason. */
export function streamFailed(name: StreamName, error: NodeJS.ErrnoException): ToolError {
  const { code, errno } = error;
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  const reason = known === undefined ? error.message : `${known} (${code ?? errno})`;
  const options = { details: { stream: name, reason }, cause: error };
  return name === 'stdin'
    ? failed('input-failed', `stdin could not be read: ${reason}`, options)
    : failed('output-failed', `${name} could not be written: ${reason}`, options);
}
