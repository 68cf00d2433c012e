import { concat, utf8 } from '../../core/bytes.ts';
import type { MachineProcess } from '../contracts.ts';
import type { OutputStream } from './outlet.ts';
import type { RunnerContext, SessionRunner } from './runner.ts';
import { startError } from './start-error.ts';
import { DecodedOutput } from './whole-characters.ts';

export interface CommandPlan {
  readonly command: string;
  readonly separateOutput: boolean;
  readonly stdOutPrefix: string;
  readonly stdErrPrefix: string;
}

const CHUNK = 1024;
/** Merged output is sent only after the end, so it is kept in memory; output beyond this size is cut off. */
const MAX_MERGED_BYTES = 64 * 1024 * 1024;
/** The official agent waits this long after `EXIT_CODE: 1` before it reports a failed start (transcript c4). */
const OFFICIAL_FAILURE_MS = 1000;
const SIGNALS: Readonly<Record<number, NodeJS.Signals>> = { 0x03: 'SIGINT', 0x1c: 'SIGQUIT' };
const LF = 0x0a;

/** NonInteractiveCommands: no pty, no stdin, stdout and stderr separate or merged (SPEC.md §12). */
export function runCommand(context: RunnerContext, plan: CommandPlan): SessionRunner {
  const { outlet, machine, clock, traits } = context;
  const official = context.pace === 'official';
  const prefixes: Record<OutputStream, { readonly text: Uint8Array; due: boolean }> = {
    stdout: { text: utf8(plan.stdOutPrefix), due: true },
    stderr: { text: utf8(plan.stdErrPrefix), due: true },
  };
  const decoded: Record<OutputStream, DecodedOutput> = {
    stdout: new DecodedOutput(),
    stderr: new DecodedOutput(),
  };
  const merged: Uint8Array[] = [];
  let mergedBytes = 0;
  let program: MachineProcess | undefined;
  let stopped = false;
  let isAbandoned = false;
  let cancelFailure: (() => void) | undefined;

  /**
   * The prefix is sent before the first chunk and before each chunk that follows a line end, not before each line
   * (transcript c3).
   */
  const sendSeparate = (bytes: Uint8Array, stream: OutputStream): boolean => {
    const prefix = prefixes[stream];
    let ready = true;
    const size = CHUNK - prefix.text.byteLength;
    for (let at = 0; at < bytes.byteLength; at += size) {
      const chunk = bytes.subarray(at, at + size);
      ready = outlet.write(prefix.due ? concat([prefix.text, chunk]) : chunk, stream);
      prefix.due = chunk.at(-1) === LF;
    }
    return ready;
  };

  const collect = (bytes: Uint8Array): void => {
    const part = bytes.subarray(0, MAX_MERGED_BYTES - mergedBytes);
    merged.push(part);
    mergedBytes += part.byteLength;
  };

  const attach = (started: MachineProcess): void => {
    if (stopped) {
      started.kill('SIGKILL');
      return;
    }
    program = started;
    if (isAbandoned) started.abandonOutput();
    const take = (stream: OutputStream) => (bytes: Uint8Array) => {
      if (isAbandoned) return;
      if (!plan.separateOutput) collect(bytes);
      else if (!sendSeparate(decoded[stream].push(bytes), stream)) started.pause();
    };
    started.onStdout(take('stdout'));
    started.onStderr(take('stderr'));
    outlet.onDrain(() => started.resume());
    started.onExit(({ code, signal }) => {
      program = undefined;
      if (plan.separateOutput && !isAbandoned && !traits.has('partial-character-dropped'))
        for (const stream of ['stdout', 'stderr'] as const) sendSeparate(decoded[stream].flush(), stream);
      if (plan.separateOutput) sendExitCode(signal === undefined || signal === 0 ? code : -1);
      else outlet.write(concat(merged));
      context.succeed();
    });
  };

  /** The exit code is a message of its own and must not overtake output that still waits for the send window. */
  const sendExitCode = (code: number): void => {
    if (outlet.isEmpty) context.channel.sendExitCode(code);
    else outlet.afterQueued(() => context.channel.sendExitCode(code));
  };

  const failToStart = (error: unknown): void => {
    if (stopped) return;
    const reason = startError(error, plan.command);
    if (plan.separateOutput) sendExitCode(1);
    cancelFailure = clock.timer(official ? OFFICIAL_FAILURE_MS : 0, () => {
      outlet.write(utf8(reason), plan.separateOutput ? 'stderr' : 'stdout');
      context.succeed();
    });
  };

  machine.process(plan.command).then(attach, failToStart);

  return {
    input(bytes) {
      const control = bytes.find((byte) => SIGNALS[byte] !== undefined);
      const signal = control === undefined ? undefined : SIGNALS[control];
      if (signal !== undefined) program?.kill(signal);
      return undefined;
    },
    size() {},
    flag() {},
    paused() {
      if (!traits.has('output-ends-at-pause')) return;
      isAbandoned = true;
      program?.abandonOutput();
    },
    stop() {
      stopped = true;
      cancelFailure?.();
      program?.kill('SIGKILL');
    },
  };
}
