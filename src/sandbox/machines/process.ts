import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { MachineError, type MachineProcess } from '../contracts.ts';
import { killGroup, type Program } from './terminal.ts';

/** A process whose end its machine watches too, in addition to the session. */
export interface WatchedProcess extends MachineProcess {
  onEnd(listener: () => void): void;
}

/**
 * Starts a program without a pty, as leader of a process group, with closed stdin. Throws MachineError `not-found`.
 */
export function startProcess(program: Program): Promise<WatchedProcess> {
  const child = spawn(program.file, [...program.args], {
    cwd: program.cwd,
    env: { ...program.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let exit: { readonly code: number; readonly signal: number | undefined } | undefined;
  let exitListener:
    | ((exit: { readonly code: number; readonly signal: number | undefined }) => void)
    | undefined;
  let isAbandoned = false;
  let hasExited = false;
  const endStreams = (): void => {
    child.stdout.destroy();
    child.stderr.destroy();
  };
  child.once('exit', () => {
    hasExited = true;
    if (isAbandoned) endStreams();
  });
  // `close` comes after both streams have ended, so the exit is reported after the last output.
  child.once('close', (code, signal) => {
    exit = { code: code ?? 0, signal: signal === null ? undefined : constants.signals[signal] };
    exitListener?.(exit);
  });
  const handle: WatchedProcess = {
    onEnd: (listener) => void child.once('close', listener),
    onStdout: (listener) => void child.stdout.on('data', listener),
    onStderr: (listener) => void child.stderr.on('data', listener),
    onExit(listener) {
      exitListener = listener;
      if (exit !== undefined) listener(exit);
    },
    pause() {
      child.stdout.pause();
      child.stderr.pause();
    },
    resume() {
      if (isAbandoned) return;
      child.stdout.resume();
      child.stderr.resume();
    },
    abandonOutput() {
      isAbandoned = true;
      handle.pause();
      if (hasExited) endStreams();
    },
    kill(signal) {
      if (exit === undefined && child.pid !== undefined) killGroup(child.pid, signal);
    },
  };
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(handle));
    child.once('error', (error) =>
      reject(new MachineError('not-found', `fork/exec ${program.file}: ${error.message}`)),
    );
  });
}
