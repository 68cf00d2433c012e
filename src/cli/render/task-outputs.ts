import { Writable } from 'node:stream';

import type { TaskOutputs, TaskResult } from '../../app/session/exec-in-tasks.ts';
import { concat, text, utf8 } from '../../core/bytes.ts';
import { createColors } from '../../ui/colors.ts';
import { printable, withoutControls } from '../../ui/printable.ts';
import type { CommandContext } from '../context.ts';
import { findingLines } from '../error-report.ts';
import { TaskPaints } from './task-paints.ts';

/** The output of one command in several tasks: lines that begin with the task, or one JSON object for each task. */

/** As text, lines of a task are written as soon as they are complete. */
export function createTaskOutputs({
  settings,
  terminal,
}: Pick<CommandContext, 'settings' | 'terminal'>): TaskOutputs {
  const stdout = new SharedStream(terminal.stdout);
  if (settings.output === 'json') return new JsonOutputs(stdout);
  const stderr = new SharedStream(terminal.stderr);
  const paints = new TaskPaints(settings.color);
  const colors = createColors(settings.color);
  const prefixed = new Map<string, readonly PrefixedLines[]>();
  return {
    open({ id }) {
      const prefix = `${paints.of(id)(id.slice(0, 8))} `;
      const show = (isTty: boolean) => (isTty ? { color: settings.color } : undefined);
      const streams = {
        stdout: new PrefixedLines(stdout, prefix, show(terminal.stdoutIsTty)),
        stderr: new PrefixedLines(stderr, prefix, show(terminal.stderrIsTty)),
      };
      prefixed.set(id, Object.values(streams));
      return streams;
    },
    async ended({ task: { id }, error }) {
      await Promise.all((prefixed.get(id) ?? []).map((stream) => stream.endLine()));
      if (error === undefined) return;
      const prefix = paints.of(id)(id.slice(0, 8));
      const lines = [`${colors.red('error:')} ${printable(error.message)}`, ...findingLines(error)];
      await stderr.write(utf8(lines.map((line) => `${prefix} ${line}\n`).join('')));
    },
  };
}

/** A stream with many writers, each of which waits until the stream accepts more. */
class SharedStream {
  readonly #stream: Writable;
  #waiting: (() => void)[] = [];

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Calls `accepted` when more may be written, or when the stream is broken, which ends the run. */
  pass(bytes: Uint8Array, accepted: () => void): void {
    if (this.#stream.write(bytes)) {
      accepted();
      return;
    }
    this.#waiting.push(accepted);
    if (this.#waiting.length > 1) return;
    const events = ['drain', 'close', 'error'] as const;
    const resume = (): void => {
      for (const event of events) this.#stream.off(event, resume);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const next of waiting) next();
    };
    for (const event of events) this.#stream.on(event, resume);
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.pass(bytes, resolve));
  }
}

const LINE_FEED = 0x0a;
/** A longer line is written in parts, each of which begins with the task. */
const LONGEST_LINE = 65_536;

/** Puts a prefix before each line. An incomplete line waits for its end, so that two tasks never share a line. */
class PrefixedLines extends Writable {
  readonly #target: SharedStream;
  readonly #prefix: Uint8Array;
  readonly #color: { readonly color: boolean } | undefined;
  #partial: Uint8Array = new Uint8Array(0);

  /** `terminal` is undefined if the target is no terminal: then the bytes are not changed. */
  constructor(target: SharedStream, prefix: string, terminal: { readonly color: boolean } | undefined) {
    super();
    this.#target = target;
    this.#prefix = utf8(prefix);
    this.#color = terminal;
  }

  /** Writes what has arrived of an incomplete line. */
  async endLine(): Promise<void> {
    if (this.writableLength > 0)
      await new Promise<void>((resolve) => this.write(new Uint8Array(0), () => resolve()));
    const partial = this.#partial;
    this.#partial = new Uint8Array(0);
    if (partial.byteLength > 0) await this.#target.write(this.#line(partial));
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    const lines: Uint8Array[] = [];
    let rest = this.#partial.byteLength === 0 ? chunk : concat([this.#partial, chunk]);
    for (;;) {
      const end = rest.indexOf(LINE_FEED);
      const length = end === -1 ? rest.byteLength : end;
      if (length > LONGEST_LINE) {
        lines.push(this.#line(rest.subarray(0, LONGEST_LINE)));
        rest = rest.subarray(LONGEST_LINE);
        continue;
      }
      if (end === -1) break;
      lines.push(this.#line(rest.subarray(0, end)));
      rest = rest.subarray(end + 1);
    }
    this.#partial = rest.slice();
    if (lines.length === 0) {
      done();
      return;
    }
    this.#target.pass(concat(lines), done);
  }

  #line(bytes: Uint8Array): Uint8Array {
    const shown =
      this.#color === undefined
        ? bytes
        : utf8(withoutControls(text(bytes).replace(/\r$/, ''), this.#color.color));
    return concat([this.#prefix, shown, Uint8Array.of(LINE_FEED)]);
  }
}

/** Bytes of one stream of one task that are kept until the task has ended. */
const MOST_KEPT = 4 * 1024 * 1024;

/** One object for each task, in the order in which they end. */
class JsonOutputs implements TaskOutputs {
  readonly #target: SharedStream;
  readonly #kept = new Map<string, { readonly stdout: KeptBytes; readonly stderr: KeptBytes }>();

  constructor(target: SharedStream) {
    this.#target = target;
  }

  open({ id }: TaskResult['task']): { readonly stdout: KeptBytes; readonly stderr: KeptBytes } {
    const streams = { stdout: new KeptBytes(), stderr: new KeptBytes() };
    this.#kept.set(id, streams);
    return streams;
  }

  async ended({ task, container, status, error }: TaskResult): Promise<void> {
    const kept = this.#kept.get(task.id);
    this.#kept.delete(task.id);
    const object = {
      task: task.id,
      container: container ?? null,
      status,
      ...(kept === undefined ? {} : { ...kept.stdout.members('stdout'), ...kept.stderr.members('stderr') }),
      ...(error === undefined
        ? {}
        : { error: { code: error.code, message: error.message, details: error.details } }),
    };
    await this.#target.write(utf8(`${JSON.stringify(object)}\n`));
  }
}

class KeptBytes extends Writable {
  #chunks: Uint8Array[] = [];
  #length = 0;
  #dropped = 0;

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    const part = chunk.subarray(0, MOST_KEPT - this.#length);
    if (part.byteLength > 0) this.#chunks.push(part.slice());
    this.#length += part.byteLength;
    this.#dropped += chunk.byteLength - part.byteLength;
    done();
  }

  /** `stdout`, or `stdoutBase64` if the bytes are no UTF-8; `stdoutDropped` counts the bytes beyond the limit. */
  members(name: string): Readonly<Record<string, string | number>> {
    const bytes = concat(this.#chunks);
    const dropped = this.#dropped === 0 ? {} : { [`${name}Dropped`]: this.#dropped };
    try {
      return { [name]: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), ...dropped };
    } catch {
      return { [`${name}Base64`]: Buffer.from(bytes).toString('base64'), ...dropped };
    }
  }
}
