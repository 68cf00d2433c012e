import type { Readable, Writable } from 'node:stream';

/** The three streams and what they are connected to. stdout is data, stderr is talk. TTY-ness is a value, so tests set it. */
export interface Terminal {
  readonly stdin: Readable & { setRawMode?: (raw: boolean) => unknown };
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdinIsTty: boolean;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  /** Of stdout if it is a TTY, else of stderr, else 80 × 24. Read it again after SIGWINCH. */
  size(): { readonly columns: number; readonly rows: number };
  /** Switches raw mode; the returned function restores what was before and is safe to call twice. No-op without a TTY. */
  raw(): () => void;
}
