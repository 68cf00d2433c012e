import { PassThrough, Writable } from 'node:stream';
import type { Terminal } from '../../src/ui/terminal.ts';

class Collector extends Writable {
  /** As Node.js marks its own stdout and stderr: a stream that is piped into them does not end them. */
  readonly _isStdio = true;
  text = '';
  /** Called with all text so far. */
  onText: (text: string) => void = () => undefined;

  /** Resolves when `holds` is true for all text so far. Rejects after a minute and names `what` was awaited. */
  until(holds: (text: string) => boolean, what: string): Promise<void> {
    if (holds(this.text)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const { onText } = this;
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        this.onText = onText;
        settle();
      };
      const timer = setTimeout(
        () => end(() => reject(new Error(`never shown: ${what}\n${this.text}`))),
        60_000,
      );
      this.onText = (text) => {
        onText(text);
        // A key is typed after the program has finished the turn in which it wrote.
        if (holds(text)) end(() => setImmediate(resolve));
      };
    });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('utf8');
    this.onText(this.text);
    done();
  }
}

export interface FakeTerminal extends Terminal {
  readonly stdin: PassThrough;
  readonly stdout: Collector;
  readonly stderr: Collector;
  /** The number of `raw()` calls that are not undone yet. */
  readonly rawDepth: () => number;
}

/** In-memory streams; the test chooses whether they are terminals. */
export function fakeTerminal(
  tty: { stdin?: boolean; stdout?: boolean; stderr?: boolean; columns?: number; rows?: number } = {},
): FakeTerminal {
  let depth = 0;
  return {
    stdin: new PassThrough(),
    stdout: new Collector(),
    stderr: new Collector(),
    stdinIsTty: tty.stdin ?? false,
    stdoutIsTty: tty.stdout ?? false,
    stderrIsTty: tty.stderr ?? false,
    size: () => ({ columns: tty.columns ?? 80, rows: tty.rows ?? 24 }),
    raw() {
      depth++;
      let undone = false;
      return () => {
        if (!undone) depth--;
        undone = true;
      };
    },
    screen: () => () => undefined,
    stop: () => undefined,
    rawDepth: () => depth,
  };
}

export const ALL_TTY = { stdin: true, stdout: true, stderr: true } as const;
